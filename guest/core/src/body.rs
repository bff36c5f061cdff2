//! Bodies of responses that are generated while they are sent.

pub mod block;
pub mod encode;
pub mod generated;
pub mod inserted;
pub mod multipart;

pub use block::BLOCK;
pub use generated::{GeneratedBody, Source};
