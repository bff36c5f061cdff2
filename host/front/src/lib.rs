//! All that clients meet: who may connect and how long each is waited for, what a request must be to be asked at all, and the
//! log of what came of it. It refuses to know who answers; that is an [`Answer`].

mod admission;
mod connection;
mod counters;
mod exchange;
mod gate;
mod http2;
mod limits;
mod log;
mod opening;
mod patience;
mod proxied;
mod refusal;
mod sending;
mod streams;
mod trust;
pub mod users;

pub use admission::{Admission, Place};
pub use connection::{Spoken, serve};
pub use counters::{BOUNDS, Counters, Raised, Totals};
pub use exchange::{Answer, Exchange, Unanswered};
pub use glasshouse_quota::Client;
pub use limits::Limits;
pub use log::{Form, Line, Log, LogFile, Sink};
pub use opening::{Opened, Speaks, open};
pub use proxied::introduce;
pub use refusal::refusal;
pub use trust::Trust;
