//! All that clients meet: who may connect and how long each is waited for, what a request must be to be asked at all, and the
//! log of what came of it. It refuses to know who answers; that is an [`Handler`].

mod access_log;
pub mod auth;
pub mod bounded_file;
mod connection;
mod connection_limit;
mod deadline;
mod hosts;
mod http2;
mod limits;
mod metrics;
mod proxy_protocol;
mod raw_response;
mod service;
mod sniff;
mod timeout;
mod trusted_proxies;
mod validate;
mod write_timeout;

pub use access_log::{Entry, Format, Log, LogFile, Sink};
pub use connection::{Protocol, serve};
pub use connection_limit::{ConnectionLimiter, ConnectionPermit};
pub use glasshouse_quota::Client;
pub use hosts::{Host, Hosts};
pub use limits::ClientLimits;
pub use metrics::{BOUNDS, CounterTotals, Counters, GaugeGuard};
pub use proxy_protocol::introduce;
pub use raw_response::raw_response;
pub use service::{ConnectionContext, Handler, HandlerError};
pub use sniff::{Rewind, Sniffed, sniff};
pub use trusted_proxies::TrustedProxies;
pub use write_timeout::{HasWriteTimeout, WriteTimeout};
