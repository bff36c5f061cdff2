//! Packs a folder into the handler: one component that serves the folder and needs no directory.
//!
//! An [`EncodedSite`] is a folder that was read once: its entries, digests and encoded variants.
//! [`EncodedSite::write`] writes the component. [`PackedLayout`] has the bytes of the handler around the site image,
//! whose format is in [`glasshouse_core::tree::packed`].

#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::allow_attributes_without_reason,
        unreachable_pub
    )
)]
#![warn(missing_docs)]

mod content;
mod error;
mod folder;
mod layout;
mod numbers;
mod options;
mod site;
mod size;

pub use error::PackError;
pub use folder::{Folder, Times, UnpackedEntry, UnpackedReason};
pub use layout::{PackedLayout, max_image, packed_image, site_description};
pub use options::MissingPage;
pub use site::{Encode, EncodedSite, HiddenCopy, Progress};
pub use size::{Amount, SiteSize};
