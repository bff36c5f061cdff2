//! All that clients meet: who may connect and how long each is waited for, what a request must be to be asked at all, and the
//! log of what came of it. It refuses to know who answers; that is an [`Answer`].

mod admission;
mod connection;
mod exchange;
mod gate;
mod http2;
mod limits;
mod log;
mod opening;
mod patience;
mod refusal;
mod streams;
pub mod users;

pub use admission::{Admission, Place};
pub use connection::{Spoken, serve};
pub use exchange::{Answer, Exchange, Unanswered};
pub use limits::Limits;
pub use log::{Line, Log};
pub use opening::{Opened, Speaks, open};
pub use refusal::refusal;
