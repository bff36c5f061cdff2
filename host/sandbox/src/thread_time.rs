//! The clock that measures how long a thread has run.

/// The processor time of this thread, in nanoseconds.
#[cfg(unix)]
pub(crate) fn thread_time() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// The processor time of this thread, in nanoseconds. Windows counts it in steps of 16 milliseconds, which are short
/// beside the limit of a request.
#[cfg(windows)]
#[expect(unsafe_code, reason = "the standard library has no clock of a thread")]
pub(crate) fn thread_time() -> u64 {
    use windows_sys::Win32::Foundation::FILETIME;
    use windows_sys::Win32::System::Threading::{GetCurrentThread, GetThreadTimes};
    let zero = FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
    let [mut created, mut exited, mut kernel, mut user] = [zero; 4];
    // SAFETY: the handle of the current thread is always valid, and the function writes only to the four times.
    let is_known = unsafe { GetThreadTimes(GetCurrentThread(), &mut created, &mut exited, &mut kernel, &mut user) };
    let steps = |time: FILETIME| (u64::from(time.dwHighDateTime) << 32) | u64::from(time.dwLowDateTime);
    if is_known == 0 { 0 } else { steps(kernel).saturating_add(steps(user)).saturating_mul(100) }
}
