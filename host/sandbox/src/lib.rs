//! Runs an HTTP handler, a WebAssembly component, with one directory or file to read or none, and with limits.
//!
//! A [`Sandbox`] is a compiled handler. Each thread has an [`InstancePool`] for it, which answers requests. The crate
//! knows neither sockets nor command lines. On Linux, the kernel resolves the paths of a handler, and responses are
//! replayed. On other systems, wasmtime-wasi resolves the paths, and nothing is replayed. Events about the handler are
//! logged with the target `glasshouse::handler`.

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

#[cfg_attr(not(target_os = "linux"), path = "beneath_unavailable.rs")]
mod beneath;
mod body_handoff;
mod built_in;
mod cached_response;
mod capability;
mod code;
#[cfg(target_os = "linux")]
mod code_region;
mod compile;
#[cfg(target_os = "linux")]
mod errno;
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
#[cfg_attr(not(target_os = "linux"), path = "open_path_unavailable.rs")]
mod open_path;
mod opened;
mod override_import;
#[cfg_attr(not(target_os = "linux"), path = "page_cache_unavailable.rs")]
mod page_cache;
mod peek;
mod pool;
#[cfg_attr(not(target_os = "linux"), path = "preopen_portable.rs")]
mod preopen;
mod read_at;
#[cfg_attr(not(target_os = "linux"), path = "replay_unavailable.rs")]
mod replay;
mod request_error;
mod request_head;
mod response_body;
mod sandbox;
mod sandbox_engine;
mod sandbox_error;
mod served_path;
#[cfg(target_os = "linux")]
mod settled;
mod state;
mod stderr;
mod thread_time;
mod usage;
mod wasi;
mod wasi_version;

pub use built_in::{P2, P3};
pub use capability::ImportStatus;
pub use code::{Code, MachineCode};
#[cfg(target_os = "linux")]
pub use code_region::{CodeFile, CodeRegion, CodeSlot, CodeWriter};
pub use compile::CompileError;
pub use inspection::{ComponentKind, Import, Inspection, InspectionError, Rejection, needs_directory};
pub use limits::{LimitExceeded, RequestLimits};
pub use metrics::InstanceMetrics;
pub use peek::Peek;
pub use pool::InstancePool;
#[cfg(target_os = "linux")]
pub use preopen::ReadScope;
pub use replay::{ReplayStore, Replayed};
pub use request_error::RequestError;
pub use request_head::RequestHead;
pub use response_body::ResponseBody;
pub use sandbox::{Sandbox, SandboxConfig};
pub use sandbox_engine::SandboxEngine;
pub use sandbox_error::SandboxError;
pub use served_path::ServedPath;
pub use state::Handoff;
/// Why a body ended early.
pub use wasmtime_wasi_http::Error;
