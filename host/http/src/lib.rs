//! HTTP on a connection: protocols, timeouts, limits, authentication and the access log. A [`Handler`] answers
//! requests.

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
        missing_docs,
        unreachable_pub
    )
)]

mod access_log;
pub mod auth;
mod connection;
mod connection_context;
mod connection_limit;
mod deadline;
mod handler;
mod hosts;
mod http1;
mod http2;
mod http_date;
mod limits;
mod metrics;
mod parsed_head;
mod proxy_protocol;
mod raw_response;
mod response_head;
mod send_file;
mod service;
mod shutdown;
mod sniff;
mod timeout;
mod trusted_proxies;
mod validate;
mod write_timeout;

pub use access_log::{Format, Log, LogEntry, LogFile, Sink, UnknownFormat};
pub use connection::{Protocol, serve};
pub use connection_context::ConnectionContext;
pub use connection_limit::{ConnectionLimiter, ConnectionPermit};
pub use glasshouse_quota::Client;
pub use handler::{BoxError, Handler, HandlerCall, HandlerError, ReplayedResponse};
pub use hosts::{Host, Hosts, InvalidHost};
pub use limits::ClientLimits;
pub use metrics::{BOUNDS, CounterTotals, Counters, GaugeGuard};
pub use parsed_head::ParsedHead;
pub use proxy_protocol::accept_proxy_header;
pub use raw_response::raw_response;
pub use send_file::{FileRange, SendFile};
pub use service::{HttpService, LoggedBody};
pub use shutdown::last_call;
pub use sniff::{Rewind, Sniffed, sniff};
pub use trusted_proxies::TrustedProxies;
pub use write_timeout::{HasWriteTimeout, WriteTimeout};
