//! The system calls that a server of files makes once it listens, for seccomp. It refuses to know why anybody would
//! make another one: every other answers ENOSYS, as if the kernel did not have it.
//!
//! Why a list of what is allowed, when one of what is forbidden breaks less: kernels learn new calls every year, and a
//! list of dangers is out of date when the next one comes. A server that opens files and moves bytes needs few, and all
//! tests run under this list. Why ENOSYS and neither EPERM nor the end of the process: that is what a library meets on
//! an older kernel, so it takes the older way (`clone3` becomes `clone`, whose flags can be looked at), and a call that
//! is missing here costs the request that makes it and no more. Calls of another architecture (`int 0x80`) end the
//! process.
//!
//! Each call was asked: what can code of an attacker do with it, and with the descriptors that there are? Those are the
//! listeners, the connections of clients, the served directories and files of them (to read), the log (to add to), the
//! socket of the service manager, and what the runtime waits with. Where the answer depends on the arguments, they are
//! looked at ([`conditions`]), and `tests/all/sandbox/harden.rs` tries the forms that are refused.
//!
//! The kernel works out once which calls are allowed whatever their arguments, and does not run the filter for them; so
//! those that a request makes are looked at no closer, but for `sendto`. Paths cannot be looked at here at all; that is
//! for Landlock.

use seccompiler::SeccompCmpArgLen::{self, Dword, Qword};
use seccompiler::SeccompCmpOp::{self, Eq, MaskedEq, Ne};
use seccompiler::{BackendError, BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule};
use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::process;

/// Allowed whatever their arguments.
const ALLOWED: &[i64] = &[
    // Files: opened and looked at. Nothing that writes, links, moves or removes, or changes what is said of one. What
    // may be opened, and whether to write, is for Landlock.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_close,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_fadvise64,
    // These also look at paths elsewhere, and neither Landlock nor seccomp can refuse that. An attacker learns that a
    // file is there, how long it is and when it was changed; by the last, where a link leads. Landlock refuses the
    // links in /proc of other processes.
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_readlinkat,
    // Bytes, between descriptors that are there: a wrong answer to a client, a line in the log, a wish to the service
    // manager. None of these passes a descriptor on or names an address. A log that is added to stays so, as its flags
    // cannot be changed (`fcntl`).
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_sendfile,
    libc::SYS_recvfrom,
    // Connections that clients open. There is no `socket`, `connect` or `bind`, so none are opened from here.
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    // Waiting, for descriptors that are there: an attacker can wait for ever.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    // Time, chance and the machine: told, not changed. That includes the processors of another process, if its id is
    // guessed.
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
    // Memory that is not code. What is executable can be moved and unmapped, but nothing becomes executable.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_brk,
    // Threads of this process, and its end.
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// What only this architecture calls by a name of its own.
#[cfg(target_arch = "x86_64")]
const OLD: &[i64] = &[libc::SYS_epoll_wait, libc::SYS_poll, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[i64] = &[];

/// Namespaces that a new thread could have for itself.
const NAMESPACES: i32 = libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS;

/// `PR_GET_AUXV`: what the kernel told this process when it began, such as where its clock can be read without a call.
const AUXILIARY: i32 = 0x4155_5856;

/// What says how a futex is used, without what is to be done with it.
const FUTEX_FLAGS: i32 = libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME;

/// An argument of a call, the bits of it that count, how it is compared, and with what.
type Condition = (u8, SeccompCmpArgLen, SeccompCmpOp, u64);

/// Calls that are allowed with certain arguments, and the conditions that all hold then. A call with several rows is
/// allowed by any of them.
fn conditions() -> Vec<(i64, Vec<Condition>)> {
    let executable = word(libc::PROT_EXEC);
    let thread = word(libc::CLONE_THREAD);
    let no_address = (4, Qword, Eq, 0);
    let option = |level, name| vec![(1, Dword, Eq, word(level)), (2, Dword, Eq, word(name))];
    let futex = |operation| vec![(1, Dword, MaskedEq(word(!FUTEX_FLAGS)), word(operation))];
    vec![
        // A thread, not a process.
        (libc::SYS_clone, vec![(0, Dword, MaskedEq(thread | word(NAMESPACES)), thread)]),
        // The code of handlers is executable by now, and nothing else will ever be.
        (libc::SYS_mmap, vec![(2, Dword, MaskedEq(executable), 0)]),
        (libc::SYS_mprotect, vec![(2, Dword, MaskedEq(executable), 0)]),
        // Two kinds of advice take pages from the whole machine, where the user may do that.
        (
            libc::SYS_madvise,
            vec![(2, Dword, Ne, word(libc::MADV_HWPOISON)), (2, Dword, Ne, word(libc::MADV_SOFT_OFFLINE))],
        ),
        (libc::SYS_prctl, vec![(0, Dword, Eq, word(libc::PR_SET_NAME))]),
        (libc::SYS_prctl, vec![(0, Dword, Eq, word(AUXILIARY))]),
        (libc::SYS_ioctl, vec![(1, Dword, Eq, libc::FIONBIO)]),
        // Whether standard error is a terminal.
        (libc::SYS_ioctl, vec![(1, Dword, Eq, libc::TCGETS)]),
        // Flags are read and descriptors doubled. Who changes flags can have the kernel send a signal to another
        // process (`F_SETOWN`, `F_SETSIG`), or write over a log instead of adding to it (`F_SETFL`).
        (libc::SYS_fcntl, vec![(1, Dword, Eq, word(libc::F_GETFL))]),
        (libc::SYS_fcntl, vec![(1, Dword, Eq, word(libc::F_DUPFD_CLOEXEC))]),
        // To whom a socket is connected already. With an address it sends to any datagram socket of the machine, and
        // with `MSG_FASTOPEN` it connects. `sendmsg` does both, and passes descriptors on: it cannot be looked into,
        // and is left out with its counterpart `recvmsg`.
        (libc::SYS_sendto, vec![no_address, (3, Dword, MaskedEq(word(!libc::MSG_NOSIGNAL)), 0)]),
        // An answer is over. Shutting the other half makes a listener an unconnected socket, which could be connected.
        (libc::SYS_shutdown, vec![(1, Dword, Eq, word(libc::SHUT_WR))]),
        // Sockets have options by which filters are put into the kernel, or processes named (`SO_ATTACH_FILTER`,
        // `SO_PEERPIDFD`).
        (libc::SYS_setsockopt, option(libc::IPPROTO_TCP, libc::TCP_NODELAY)),
        (libc::SYS_getsockopt, option(libc::SOL_SOCKET, libc::SO_ERROR)),
        // Locks whose owner the kernel knows, and those that are moved, had most of its faults. The standard library
        // needs neither.
        (libc::SYS_futex, futex(libc::FUTEX_WAIT)),
        (libc::SYS_futex, futex(libc::FUTEX_WAKE)),
        (libc::SYS_futex, futex(libc::FUTEX_WAIT_BITSET)),
        (libc::SYS_futex, futex(libc::FUTEX_WAKE_BITSET)),
        // Limits of this process are read; none is raised, such as that of core files.
        (libc::SYS_prlimit64, vec![(0, Dword, Eq, 0), (2, Qword, Eq, 0)]),
        // It names a process by its id.
        (libc::SYS_tgkill, vec![(0, Dword, Eq, process::id().into())]),
    ]
}

/// The filter, for the process that asks for it. One that `removes` files may do so as far as Landlock lets it, but no
/// directories.
///
/// # Errors
/// seccomp is not known for this architecture.
pub fn filter(removes: bool) -> Result<BpfProgram, BackendError> {
    let always = ALLOWED.iter().chain(OLD).map(|call| (*call, Vec::new()));
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = always.collect();
    let removing = removes.then(|| (libc::SYS_unlinkat, vec![(2, Dword, Eq, 0)]));
    for (call, conditions) in conditions().into_iter().chain(removing) {
        // Flags and numbers are words of 32 bits, whatever the register above them holds; addresses are all of it.
        let conditions: Result<Vec<_>, _> = conditions
            .into_iter()
            .map(|(argument, length, operator, value)| SeccompCondition::new(argument, length, operator, value))
            .collect();
        rules.entry(call).or_default().push(SeccompRule::new(conditions?)?);
    }
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    SeccompFilter::new(rules, unknown, SeccompAction::Allow, ARCH.try_into()?)?.try_into()
}

/// The bits of flags, or of a number that is not negative.
fn word(flags: i32) -> u64 {
    flags.cast_unsigned().into()
}
