//! The system calls that a server of files makes once it listens, for seccomp. It refuses to know why anybody would make
//! another one: every other answers ENOSYS, as if the kernel did not have it.
//!
//! Why a list of what is allowed, when one of what is forbidden breaks less: kernels learn new calls every year, and a
//! list of dangers is out of date when the next one comes. A server that opens files and moves bytes needs few, and all
//! tests run under this list. Why ENOSYS and neither EPERM nor the end of the process: that is what a library meets on an
//! older kernel, so it takes the older way (`clone3` becomes `clone`, whose flags can be looked at), and a call that is
//! missing here costs the request that makes it and no more.
//!
//! The kernel works out once which calls are allowed whatever their arguments, and does not run the filter for them; so
//! those that a request makes are looked at no closer. Paths cannot be looked at here at all; that is for Landlock.

use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::process;

/// Allowed whatever their arguments.
const ALLOWED: &[i64] = &[
    // Files: opened and looked at. Nothing that writes, links, moves or removes, or changes what is said of one.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_fadvise64,
    libc::SYS_fcntl,
    // Bytes, between descriptors that are there.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_sendfile,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    // Connections that clients open. There is no `socket`, so none are opened from here.
    libc::SYS_accept4,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    // Time, chance and the machine.
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
    // Memory that is not code.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
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
const AUXILIARY: u64 = 0x4155_5856;

/// The filter, for the process that asks for it. One that `removes` files may do so as far as Landlock lets it, but no
/// directories.
///
/// # Errors
/// seccomp is not known for this architecture.
pub fn filter(removes: bool) -> Result<BpfProgram, BackendError> {
    let always = ALLOWED.iter().chain(OLD).map(|call| (*call, Vec::new()));
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = always.collect();
    let executable = word(libc::PROT_EXEC);
    let thread = word(libc::CLONE_THREAD);
    let this = u64::from(process::id());
    for (call, argument, operator, value) in [
        // A thread, not a process.
        (libc::SYS_clone, 0, MaskedEq(thread | word(NAMESPACES)), thread),
        // The code of handlers is executable by now, and nothing else will ever be.
        (libc::SYS_mmap, 2, MaskedEq(executable), 0),
        (libc::SYS_mprotect, 2, MaskedEq(executable), 0),
        (libc::SYS_prctl, 0, Eq, word(libc::PR_SET_NAME)),
        (libc::SYS_prctl, 0, Eq, AUXILIARY),
        (libc::SYS_ioctl, 1, Eq, libc::FIONBIO),
        // Whether standard error is a terminal.
        (libc::SYS_ioctl, 1, Eq, libc::TCGETS),
        // Limits of this process, and signals to it: both name another one by its id.
        (libc::SYS_prlimit64, 0, Eq, 0),
        (libc::SYS_tgkill, 0, Eq, this),
    ] {
        rules.entry(call).or_default().push(when(argument, operator, value)?);
    }
    if removes {
        rules.entry(libc::SYS_unlinkat).or_default().push(when(2, Eq, 0)?);
    }
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    SeccompFilter::new(rules, unknown, SeccompAction::Allow, ARCH.try_into()?)?.try_into()
}

/// Flags and numbers are words of 32 bits, whatever the register above them holds.
fn when(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)?])
}

fn word(flags: i32) -> u64 {
    flags.unsigned_abs().into()
}
