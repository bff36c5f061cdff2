//! Watches the served trees while a browser shows one of their pages, and notifies the browser of changes.
//!
//! The handler adds the script of [`LIVE_SCRIPT`](glasshouse_protocol::LIVE_SCRIPT) to pages. The script reads
//! server-sent events (HTML 9.2) at [`LIVE_EVENTS`](glasshouse_protocol::LIVE_EVENTS), and decides what a change means
//! for its page. [`LiveHub::answer`] answers both. The first stream starts a thread that watches, and the thread ends
//! soon after the last stream. Nothing runs before and after that.

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

mod answer;
mod body;
mod burst;
mod change;
mod hub;
mod places;
mod recent;
mod state;
mod walk;
mod watch;

pub use body::LiveBody;
pub use hub::{LiveHub, MAX_STREAMS};
pub use places::WatchedTree;
pub use walk::MAX_DIRECTORIES;
