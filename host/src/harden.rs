//! Gives up rights that serving does not need, permanently, once the listeners are open.
//!
//! If code escapes from WebAssembly through a bug of the compiler, it runs in a process that can open only the served
//! files, for reading. It cannot start a program, open a connection or create machine code.
//!
//! - `no_new_privs`: a program that the process starts cannot gain rights.
//! - Landlock: files below the served directories and the named directories can be opened for reading. Landlock rules
//!   apply to existing files. So that a file that is served alone can be replaced, the files beside it can be opened
//!   too, but not listed. No TCP port can be bound or connected, and no other process can be signalled, on kernels
//!   that support this.
//! - seccomp: the system calls in [`calls`] and no others, some of them with certain arguments only.
//! - No core file is written and no debugger can attach, because the memory contains keys. The call that raises
//!   limits is rejected.
//! - Descriptors that were open at the start are closed ([`Inherited`]).
//!
//! The restrictions apply to the calling thread and to threads that it starts, so they must come before any other
//! thread. They cannot be lifted. Files that are read again later, such as a certificate, need their directory in
//! [`apply`]; so does another directory to serve. The time zone and the addresses of the machine are read before. The
//! code of a new handler comes from another process ([`crate::compiler`]), which has its own restrictions.

#[cfg(all(feature = "harden", target_os = "linux"))]
mod calls;
mod descriptors;
mod directories;
#[cfg(all(feature = "harden", target_os = "linux"))]
mod linux;
#[cfg(not(all(feature = "harden", target_os = "linux")))]
mod unavailable;

pub(crate) use descriptors::Inherited;
pub(crate) use directories::directories;
use glasshouse_sandbox::ReadScope;
#[cfg(all(feature = "harden", target_os = "linux"))]
pub(crate) use linux::{Hardening, apply, probe};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use std::io;
use std::os::fd::BorrowedFd;
#[cfg(not(all(feature = "harden", target_os = "linux")))]
pub(crate) use unavailable::{Hardening, apply, probe};

/// The rights that the process keeps.
#[derive(Clone, Debug, Default)]
#[cfg_attr(
    not(all(feature = "harden", target_os = "linux")),
    expect(dead_code, reason = "without restrictions all rights are kept")
)]
pub(crate) struct KeptRights<'a> {
    /// Directories below which files can be read.
    pub(crate) readable: Vec<ReadScope<'a>>,
    /// Directories of Unix sockets, whose files are removed at exit. Landlock has no right for a single file.
    pub(crate) sockets: Vec<BorrowedFd<'a>>,
    /// The directory of the log file, which is created again after a rotation. Landlock has no narrower right for a
    /// file that does not exist yet. Files in it cannot be read, truncated or removed.
    pub(crate) log: Option<BorrowedFd<'a>>,
    /// System calls besides those of every server.
    pub(crate) extra: Vec<ExtraCall>,
}

/// Calls that only some processes make.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(all(feature = "harden", target_os = "linux")),
    expect(dead_code, reason = "without restrictions all rights are kept")
)]
pub(crate) enum ExtraCall {
    /// Removes a file, never a directory. Landlock decides which files.
    RemoveFile,
    /// Creates a file in memory with the initial memory of a new component. It cannot become executable.
    CreateMemoryFile,
    /// Watches directories for changes.
    WatchFiles,
}

/// Disables core files, and debuggers of the same user. Unlike the other restrictions this applies to the whole
/// process.
///
/// # Errors
/// The system rejects the change.
pub(crate) fn forbid_dumps() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}
