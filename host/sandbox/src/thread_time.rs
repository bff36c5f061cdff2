//! The clock that measures how long a thread has run.

/// The processor time of this thread, in nanoseconds.
#[cfg(unix)]
pub(crate) fn thread_time() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// The time since the first call, in nanoseconds. Windows counts the processor time of a thread in steps of 16
/// milliseconds, which are too long here. On a busy machine a handler therefore gets less than its limit.
#[cfg(windows)]
pub(crate) fn thread_time() -> u64 {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
