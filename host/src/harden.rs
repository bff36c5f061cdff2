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
#[cfg_attr(not(target_os = "linux"), path = "harden/descriptors_unavailable.rs")]
mod descriptors;
#[cfg(unix)]
mod directories;
#[cfg(target_os = "linux")]
mod kept;
#[cfg_attr(not(all(feature = "harden", target_os = "linux")), path = "harden/unavailable.rs")]
mod linux;

pub(crate) use descriptors::Inherited;
#[cfg(unix)]
pub(crate) use directories::directories;
#[cfg(target_os = "linux")]
pub(crate) use kept::{ExtraCall, KeptRights, forbid_dumps};
#[cfg(target_os = "linux")]
pub(crate) use linux::apply;
pub(crate) use linux::{Hardening, probe};
