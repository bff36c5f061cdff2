//! Everything of the host that knows WebAssembly: a handler is loaded, lent one tree to read, and asked for answers under
//! limits. It refuses to know sockets, clients and command lines.

mod attended;
mod body;
mod capability;
mod ceiling;
mod clock;
mod engine;
mod faults;
mod given_up;
mod handover;
mod inspection;
mod instance;
mod lent;
mod look;
mod plane;
mod replay;
mod sandbox;
mod tally;
mod witness;
mod words;

pub use body::ResponseBody;
pub use capability::Standing;
pub use ceiling::{Ceiling, Ceilings};
pub use given_up::GivenUp;
pub use inspection::{Import, Inspection, Kind};
pub use instance::Instances;
pub use lent::{Ground, Tree};
pub use sandbox::{Code, Complain, Sandbox, Terms};
pub use tally::Tally;
/// Why the content of an answer ended too early.
pub use wasmtime_wasi_http::Error;

/// The handler, built from source with this crate: for WASI 0.3 and for 0.2, and the former compiled for this machine.
pub const P3: &[u8] = include_bytes!(env!("GLASSHOUSE_P3"));
pub const P2: &[u8] = include_bytes!(env!("GLASSHOUSE_P2"));
pub const COMPILED: &[u8] = include_bytes!(env!("GLASSHOUSE_P3_COMPILED"));
