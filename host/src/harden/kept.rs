//! The rights that the process keeps.

use glasshouse_sandbox::ReadScope;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use std::io;
use std::os::fd::BorrowedFd;

/// The rights that the process keeps. It loses all others.
#[derive(Clone, Debug, Default)]
#[cfg_attr(not(feature = "harden"), expect(dead_code, reason = "without restrictions all rights are kept"))]
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
#[cfg_attr(not(feature = "harden"), expect(dead_code, reason = "without restrictions all rights are kept"))]
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
