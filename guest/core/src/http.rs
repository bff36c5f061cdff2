//! The parts of HTTP that the core reads and compares.

pub mod accept;
pub mod condition;
pub mod cors;
pub mod date;
pub mod etag;
pub mod field;
pub mod range;
pub mod refusal;
pub mod request;
pub mod target;
