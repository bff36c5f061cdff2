//! Everything of the host that knows WebAssembly: a handler is loaded, lent one tree to read, and asked for answers under
//! limits. It refuses to know sockets, clients and command lines.

mod beneath;
mod body_handoff;
mod capability;
mod engine;
mod file_body;
mod guest_body;
mod inspection;
mod io_errors;
mod last_modified;
mod limits;
mod metrics;
mod peek;
mod pool;
mod preopen;
mod replay;
mod request_error;
mod response_body;
mod sandbox;
mod stderr;
mod wasi;

pub use capability::ImportStatus;
pub use inspection::{Import, Inspection, Kind};
pub use limits::{LimitExceeded, RequestLimits};
pub use metrics::InstanceMetrics;
pub use peek::Peek;
pub use pool::InstancePool;
pub use preopen::{ReadScope, ServedPath};
pub use request_error::RequestError;
pub use response_body::ResponseBody;
pub use sandbox::{Code, Complain, Sandbox, SandboxConfig};
/// Why the content of an answer ended too early.
pub use wasmtime_wasi_http::Error;

/// The handler, built from source with this crate: for WASI 0.3 and for 0.2, and the former compiled for this machine.
pub const P3: &[u8] = include_bytes!(env!("GLASSHOUSE_P3"));
pub const P2: &[u8] = include_bytes!(env!("GLASSHOUSE_P2"));
pub const COMPILED: &[u8] = include_bytes!(env!("GLASSHOUSE_P3_COMPILED"));
