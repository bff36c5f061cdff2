//! The seccomp filter: the system calls that a file server makes after it listens.
//!
//! Every other call fails with ENOSYS, as on a kernel without it. This is an allow-list because each kernel adds
//! calls, so a list of dangerous calls would soon be incomplete. All tests run under it. ENOSYS is what libraries
//! meet on an older kernel, so they fall back (`clone3` becomes `clone`, whose flags can be checked). A call that is
//! missing here fails one request; EPERM or killing the process would do more damage. Calls of another architecture
//! (`int 0x80`) end the process.
//!
//! The list assumes that an attacker controls the process. Its descriptors are the listeners, the connections, the
//! served directories and files (for reading), the log (for appending), the sockets of the service manager and of the
//! compiler, and the pollers. Where the danger depends on arguments, [`conditions`] checks them, and
//! `tests/all/sandbox/harden.rs` tries the rejected forms.
//!
//! The kernel caches which calls are allowed with any arguments, and skips the filter for them. Therefore the calls
//! of a request have no conditions, except `sendto`. seccomp cannot check paths; Landlock does.

use super::ExtraCall;
use seccompiler::SeccompCmpArgLen::{self, Dword, Qword};
use seccompiler::SeccompCmpOp::{self, Eq, MaskedEq, Ne};
use seccompiler::{BackendError, BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule};
use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::process;

/// Allowed with any arguments.
const ALLOWED: &[i64] = &[
    // Open and inspect files. Landlock decides which files, and whether for writing. Calls that write, link, move or
    // remove files, or change their metadata, are absent.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_close,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_fadvise64,
    // The type of the file system of an open file: replay trusts the times of some.
    libc::SYS_fstatfs,
    // These also inspect paths elsewhere; neither Landlock nor seccomp can prevent that. An attacker learns that a file
    // exists, its size and its times, and the target of a link. Landlock rejects the links in /proc of other processes.
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    // Without `openat2`, wasmtime-wasi asks whether it may search a directory.
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    // Move bytes between open descriptors. The damage is a wrong response, a log entry, or a message to the service
    // manager. None of these passes a descriptor or names an address. The log stays append-only, because `fcntl`
    // cannot change its flags.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_sendfile,
    libc::SYS_recvfrom,
    // Connections that clients open. `socket`, `connect` and `bind` are absent.
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    // Wait for open descriptors. An attacker can wait forever.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    // Read time, random numbers and properties of the machine. An attacker who guesses a process id learns the CPU
    // affinity of that process.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getrusage,
    libc::SYS_getrandom,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_gettid,
    // Memory that is not code. Executable memory can be moved and unmapped, but no memory becomes executable.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_brk,
    // Threads of this process, and its exit.
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Calls that exist on this architecture only.
#[cfg(target_arch = "x86_64")]
const LEGACY: &[i64] = &[libc::SYS_epoll_wait, libc::SYS_poll, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const LEGACY: &[i64] = &[];

/// What musl calls instead of `openat` and `newfstatat` where the kernel has it. The forms have the same effect.
#[cfg(all(target_arch = "x86_64", target_env = "musl"))]
const OF_C_LIBRARY: &[i64] = &[libc::SYS_open, libc::SYS_stat, libc::SYS_lstat];
#[cfg(not(all(target_arch = "x86_64", target_env = "musl")))]
const OF_C_LIBRARY: &[i64] = &[];

/// Flags that create a thread in new namespaces.
const NAMESPACES: i32 = libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS;

/// Reads the auxiliary vector, for example the address of the vDSO.
const PR_GET_AUXV: i32 = 0x4155_5856;

/// Operations of `ioctl`, whose type in the crate libc differs between C libraries.
const FIONBIO: u64 = 0x5421;
const TCGETS: u64 = 0x5401;

/// The flags of a futex operation.
const FUTEX_FLAGS: i32 = libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME;

/// The number of an argument, its width, the comparison and the value.
type ArgCondition = (u8, SeccompCmpArgLen, SeccompCmpOp, u64);

/// Calls that are allowed with certain arguments. All conditions of a row must hold. Each row of a call allows it.
fn conditions() -> Vec<(i64, Vec<ArgCondition>)> {
    let executable = word(libc::PROT_EXEC);
    let thread = word(libc::CLONE_THREAD);
    let no_address = (4, Qword, Eq, 0);
    let option = |level, name| vec![(1, Dword, Eq, word(level)), (2, Dword, Eq, word(name))];
    let futex = |operation| vec![(1, Dword, MaskedEq(word(!FUTEX_FLAGS)), word(operation))];
    vec![
        // Creates a thread, not a process.
        (libc::SYS_clone, vec![(0, Dword, MaskedEq(thread | word(NAMESPACES)), thread)]),
        // The code of the handlers is already executable.
        (libc::SYS_mmap, vec![(2, Dword, MaskedEq(executable), 0)]),
        (libc::SYS_mprotect, vec![(2, Dword, MaskedEq(executable), 0)]),
        // These two, with the right privileges, take memory from the whole machine.
        (
            libc::SYS_madvise,
            vec![(2, Dword, Ne, word(libc::MADV_HWPOISON)), (2, Dword, Ne, word(libc::MADV_SOFT_OFFLINE))],
        ),
        (libc::SYS_prctl, vec![(0, Dword, Eq, word(libc::PR_SET_NAME))]),
        (libc::SYS_prctl, vec![(0, Dword, Eq, word(PR_GET_AUXV))]),
        (libc::SYS_ioctl, vec![(1, Dword, Eq, FIONBIO)]),
        // Whether standard error is a terminal.
        (libc::SYS_ioctl, vec![(1, Dword, Eq, TCGETS)]),
        // Read flags and duplicate descriptors. Other commands make the kernel signal another process (`F_SETOWN`,
        // `F_SETSIG`), or make the log writable at any position (`F_SETFL`).
        (libc::SYS_fcntl, vec![(1, Dword, Eq, word(libc::F_GETFL))]),
        (libc::SYS_fcntl, vec![(1, Dword, Eq, word(libc::F_DUPFD_CLOEXEC))]),
        // Sends on a connected socket. With an address it could send to any datagram socket of the machine, and with
        // MSG_FASTOPEN it could connect. MSG_MORE delays bytes until the file behind them. `sendmsg` and `recvmsg` are
        // absent: they can also pass descriptors, and seccomp cannot check their arguments.
        (libc::SYS_sendto, vec![no_address, (3, Dword, MaskedEq(word(!(libc::MSG_NOSIGNAL | libc::MSG_MORE))), 0)]),
        // Ends a response. Shutting down the read half would turn a listener into a socket that can be connected.
        (libc::SYS_shutdown, vec![(1, Dword, Eq, word(libc::SHUT_WR))]),
        // Other socket options load filters into the kernel (`SO_ATTACH_FILTER`) or return handles of processes
        // (`SO_PEERPIDFD`).
        (libc::SYS_setsockopt, option(libc::IPPROTO_TCP, libc::TCP_NODELAY)),
        (libc::SYS_getsockopt, option(libc::SOL_SOCKET, libc::SO_ERROR)),
        // Requeue and priority-inheritance operations caused most futex vulnerabilities. The standard library does
        // not use them.
        (libc::SYS_futex, futex(libc::FUTEX_WAIT)),
        (libc::SYS_futex, futex(libc::FUTEX_WAKE)),
        (libc::SYS_futex, futex(libc::FUTEX_WAIT_BITSET)),
        (libc::SYS_futex, futex(libc::FUTEX_WAKE_BITSET)),
        // Reads limits of this process. Does not set them, so core files stay disabled.
        (libc::SYS_prlimit64, vec![(0, Dword, Eq, 0), (2, Qword, Eq, 0)]),
        // Signals threads of this process only.
        (libc::SYS_tgkill, vec![(0, Dword, Eq, process::id().into())]),
    ]
}

impl ExtraCall {
    fn conditions(self) -> Vec<(i64, Vec<ArgCondition>)> {
        match self {
            ExtraCall::RemoveFile => vec![(libc::SYS_unlinkat, vec![(2, Dword, Eq, 0)])],
            ExtraCall::CreateMemoryFile => {
                vec![(libc::SYS_memfd_create, vec![]), (libc::SYS_fcntl, vec![(1, Dword, Eq, word(libc::F_ADD_SEALS))])]
            }
            ExtraCall::WatchFiles => {
                let calls = [libc::SYS_inotify_init1, libc::SYS_inotify_add_watch, libc::SYS_inotify_rm_watch];
                calls.map(|call| (call, vec![])).into()
            }
        }
    }
}

/// The filter for this process.
///
/// # Errors
/// The architecture is not supported.
pub(crate) fn filter(extra: &[ExtraCall]) -> Result<BpfProgram, BackendError> {
    let always = ALLOWED.iter().chain(LEGACY).chain(OF_C_LIBRARY).map(|call| (*call, Vec::new()));
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = always.collect();
    let extra = extra.iter().flat_map(|call| call.conditions());
    for (call, conditions) in conditions().into_iter().chain(extra) {
        // Flags and numbers use the lower 32 bits of the register. Addresses use all 64.
        let conditions: Result<Vec<_>, _> = conditions
            .into_iter()
            .map(|(argument, length, operator, value)| SeccompCondition::new(argument, length, operator, value))
            .collect();
        let (conditions, rules) = (conditions?, rules.entry(call).or_default());
        // A call without rules is allowed with any arguments.
        if !conditions.is_empty() {
            rules.push(SeccompRule::new(conditions)?);
        }
    }
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    SeccompFilter::new(rules, unknown, SeccompAction::Allow, ARCH.try_into()?)?.try_into()
}

/// The bits of flags or of a non-negative number.
fn word(flags: i32) -> u64 {
    flags.cast_unsigned().into()
}
