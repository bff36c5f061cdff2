//! Runs an HTTP handler, a WebAssembly component, with one directory or file to read or none, and with limits.
//!
//! A [`Sandbox`] is a compiled handler. Each thread has an [`InstancePool`] for it, which answers requests. The crate
//! knows neither sockets nor command lines. Events about the handler are logged with the target `glasshouse::handler`.

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

mod beneath;
mod body_handoff;
mod built_in;
mod capability;
mod code;
mod code_region;
mod compile;
mod file_body;
mod guest_body;
mod inspection;
mod instance;
mod io_errors;
mod last_modified;
mod limits;
mod log;
mod metrics;
mod number;
mod opened;
mod override_import;
mod peek;
mod pool;
mod preopen;
mod replay;
mod request_error;
mod response_body;
mod sandbox;
mod sandbox_engine;
mod sandbox_error;
mod settled;
mod state;
mod stderr;
mod usage;
mod wasi;
mod wasi_version;

pub use built_in::{COMPILED, P2, P3};
pub use capability::ImportStatus;
pub use code::{Code, MachineCode};
pub use code_region::{CodeFile, CodeRegion, CodeSlot, CodeWriter};
pub use compile::CompileError;
pub use inspection::{ComponentKind, Import, Inspection, InspectionError, Rejection, needs_directory};
pub use limits::{LimitExceeded, RequestLimits};
pub use metrics::InstanceMetrics;
pub use peek::Peek;
pub use pool::InstancePool;
pub use preopen::{ReadScope, ServedPath};
pub use replay::{ReplayStore, Replayed, RequestHead};
pub use request_error::RequestError;
pub use response_body::ResponseBody;
pub use sandbox::{Sandbox, SandboxConfig};
pub use sandbox_engine::SandboxEngine;
pub use sandbox_error::SandboxError;
pub use state::Handoff;
/// Why a body ended early.
pub use wasmtime_wasi_http::Error;
