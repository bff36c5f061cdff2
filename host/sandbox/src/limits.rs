//! The limits of one request, and the resources that it has used. A request that exceeds a limit loses its instance; no
//! other request is affected.

use crate::number::to_u64;
use glasshouse_quota::{Client, Lease, Resource};
use rustix::time::{ClockId, clock_gettime};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use wasmtime::component::ResourceTableError;
use wasmtime::{Error, ResourceLimiter, Result};

/// The interval at which running code is interrupted, to measure its time and to run others.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Bytes of memory for one element of a table, at most.
const ELEMENT: usize = 16;

/// Core instances, tables and memories of one instance. `inspection` rejects components with more before they are
/// compiled, so this is a second barrier.
const MAX_PARTS: usize = 100;

/// The limits of one request.
#[derive(Clone, Debug)]
pub struct RequestLimits {
    /// Bytes of memory and tables of one instance.
    pub memory: usize,
    /// Processor time until the response headers, and then between two frames of the body.
    pub cpu: Duration,
    /// Time until the response headers, including time in queues.
    pub answer: Duration,
    /// Handles that the code of one instance may hold.
    pub handles: usize,
    /// Host resources of one instance: files, directories, headers, bodies.
    pub resources: usize,
    /// Bytes that one call may pass to the host.
    pub call: usize,
    /// Instances of one thread that may run at the same time.
    pub instances: usize,
    /// Bytes that a handler may generate for one response. Served files do not count.
    pub made: u64,
}

/// A limit that a request exceeded: one of [`RequestLimits`], or the client's share of a common resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitExceeded {
    /// [`RequestLimits::memory`]
    #[error("the handler needs more memory than --max-memory")]
    Memory,
    /// [`RequestLimits::cpu`]
    #[error("the handler computes for longer than --max-cpu")]
    Cpu,
    /// [`RequestLimits::answer`]
    #[error("the handler takes longer than --answer-timeout")]
    Answer,
    /// [`RequestLimits::handles`]
    #[error("the handler holds more handles than --max-handles")]
    Handles,
    /// [`RequestLimits::resources`]
    #[error("the handler holds more resources than --max-resources")]
    Resources,
    /// [`RequestLimits::call`]
    #[error("the handler passes more bytes in one call than --max-call")]
    Call,
    /// [`RequestLimits::instances`]
    #[error("this client uses its share of instances (--max-instances)")]
    Instances,
    /// [`RequestLimits::made`]
    #[error("the handler generates a longer body than --max-made")]
    Made,
    /// The client's share of memory.
    #[error("the responses to this client use its share of memory (--max-total-memory)")]
    Total,
    /// The client's share of open files.
    #[error("the responses to this client use its share of open files (ulimit -n)")]
    Files,
}

impl LimitExceeded {
    /// All limits, in the order of their declaration.
    pub const ALL: [LimitExceeded; 10] = [
        LimitExceeded::Memory,
        LimitExceeded::Cpu,
        LimitExceeded::Answer,
        LimitExceeded::Handles,
        LimitExceeded::Resources,
        LimitExceeded::Call,
        LimitExceeded::Instances,
        LimitExceeded::Made,
        LimitExceeded::Total,
        LimitExceeded::Files,
    ];

    /// The option that sets the limit, or `ulimit -n`.
    pub fn option(self) -> &'static str {
        match self {
            LimitExceeded::Memory => "max-memory",
            LimitExceeded::Cpu => "max-cpu",
            LimitExceeded::Answer => "answer-timeout",
            LimitExceeded::Handles => "max-handles",
            LimitExceeded::Resources => "max-resources",
            LimitExceeded::Call => "max-call",
            LimitExceeded::Instances => "max-instances",
            LimitExceeded::Made => "max-made",
            LimitExceeded::Total => "max-total-memory",
            LimitExceeded::Files => "ulimit -n",
        }
    }

    /// The limit that caused an error of wasmtime.
    pub(crate) fn from_error(error: &Error) -> Option<LimitExceeded> {
        if let Some(limit) = error.downcast_ref::<LimitExceeded>() {
            return Some(*limit);
        }
        if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
            return Some(LimitExceeded::Resources);
        }
        // wasmtime has no types for these two.
        error.chain().map(ToString::to_string).find_map(|cause| match cause {
            cause if cause.contains("store handle limit exceeded") => Some(LimitExceeded::Handles),
            cause if cause.contains("fuel allocated for hostcalls has been exhausted") => Some(LimitExceeded::Call),
            _ => None,
        })
    }
}

/// Limits the memory of one instance, and charges it to the client of the current request.
pub(crate) struct MemoryLimiter {
    max: usize,
    used: usize,
    lease: Option<Lease>,
}

impl MemoryLimiter {
    /// The limiter of a new instance for a client.
    pub(crate) fn new(limits: &RequestLimits, client: &Client) -> MemoryLimiter {
        MemoryLimiter { max: limits.memory, used: 0, lease: client.try_take(Resource::Memory, 0) }
    }

    /// Charges the memory of an idle instance to a client.
    ///
    /// # Errors
    /// The client has no share left.
    pub(crate) fn assign(&mut self, client: &Client) -> Result<(), LimitExceeded> {
        self.lease = Some(client.try_take(Resource::Memory, self.used).ok_or(LimitExceeded::Total)?);
        Ok(())
    }

    /// Stops charging the client. Returns the bytes that the instance uses.
    pub(crate) fn release(&mut self) -> usize {
        self.lease = None;
        self.used
    }

    /// Fails instead of returning `false`: a handler without memory cannot produce the response that was requested.
    fn grow(&mut self, bytes: usize) -> Result<bool> {
        self.used = self.used.saturating_add(bytes);
        if self.used > self.max {
            return Err(LimitExceeded::Memory.into());
        }
        let is_granted = self.lease.as_mut().is_none_or(|lease| lease.try_grow(bytes));
        if is_granted { Ok(true) } else { Err(LimitExceeded::Total.into()) }
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        self.grow(desired.saturating_sub(current))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        self.grow(desired.saturating_sub(current).saturating_mul(ELEMENT))
    }

    fn instances(&self) -> usize {
        MAX_PARTS
    }

    fn tables(&self) -> usize {
        MAX_PARTS
    }

    fn memories(&self) -> usize {
        MAX_PARTS
    }
}

/// What one request has used. Only the thread of the request writes to it.
#[derive(Debug)]
pub(crate) struct Usage {
    limits: Arc<RequestLimits>,
    /// Processor time since the last frame of the body, in nanoseconds.
    cpu: AtomicU64,
    /// Processor time of the thread when the code last resumed, in nanoseconds. Valid if `is_timed`.
    resumed_at: AtomicU64,
    /// Whether the code was ever interrupted. Reading the clock for shorter runs costs more than it is worth.
    is_timed: AtomicBool,
    /// Bytes of the body.
    output: AtomicU64,
    has_instance: AtomicBool,
    has_failed: AtomicBool,
}

impl Usage {
    pub(crate) fn new(limits: Arc<RequestLimits>) -> Usage {
        Usage {
            limits,
            cpu: AtomicU64::new(0),
            resumed_at: AtomicU64::new(0),
            is_timed: AtomicBool::new(false),
            output: AtomicU64::new(0),
            has_instance: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
        }
    }

    /// Records that the request no longer waits for an instance.
    pub(crate) fn set_has_instance(&self) {
        self.has_instance.store(true, Ordering::Relaxed);
    }

    /// The limit that explains a timeout: the handler is slow, or there was no instance.
    pub(crate) fn timeout_cause(&self) -> LimitExceeded {
        if self.has_instance.load(Ordering::Relaxed) { LimitExceeded::Answer } else { LimitExceeded::Instances }
    }

    /// Records that running code was interrupted.
    ///
    /// # Errors
    /// The processor time is used up.
    pub(crate) fn on_interrupt(&self) -> Result<(), LimitExceeded> {
        if self.is_timed.swap(true, Ordering::Relaxed) {
            self.add_cpu();
        } else {
            self.cpu.store(nanoseconds(TICK), Ordering::Relaxed);
            self.resume();
        }
        let max = nanoseconds(self.limits.cpu);
        if self.cpu.load(Ordering::Relaxed) > max { Err(LimitExceeded::Cpu) } else { Ok(()) }
    }

    /// Records a frame of the body, and restarts the processor time.
    ///
    /// # Errors
    /// The body is too long.
    pub(crate) fn add_output(&self, bytes: usize) -> Result<(), LimitExceeded> {
        self.cpu.store(0, Ordering::Relaxed);
        let bytes = to_u64(bytes);
        let output = self.output.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if output > self.limits.made { Err(LimitExceeded::Made) } else { Ok(()) }
    }

    /// Records that the body cannot be completed.
    pub(crate) fn set_failed(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    fn resume(&self) {
        self.resumed_at.store(thread_time(), Ordering::Relaxed);
    }

    fn add_cpu(&self) {
        let now = thread_time();
        let before = self.resumed_at.swap(now, Ordering::Relaxed);
        self.cpu.fetch_add(now.saturating_sub(before), Ordering::Relaxed);
    }
}

/// A future whose processor time is added to a [`Usage`]. Time between polls is not.
pub(crate) struct Metered<F> {
    usage: Arc<Usage>,
    work: F,
}

impl<F> Metered<F> {
    pub(crate) fn new(usage: Arc<Usage>, work: F) -> Metered<F> {
        Metered { usage, work }
    }
}

impl<F: Future + Unpin> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if self.usage.is_timed.load(Ordering::Relaxed) {
            self.usage.resume();
        }
        let polled = Pin::new(&mut self.work).poll(cx);
        // The first interruption may have been during this poll.
        if polled.is_pending() && self.usage.is_timed.load(Ordering::Relaxed) {
            self.usage.add_cpu();
        }
        polled
    }
}

/// The processor time of this thread, in nanoseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use crate::limits::*;
    use glasshouse_quota::{Quotas, Totals};

    impl RequestLimits {
        /// Limits that no request exceeds.
        pub fn unbounded() -> RequestLimits {
            let (most, ever) = (usize::MAX, Duration::from_secs(u32::MAX.into()));
            RequestLimits {
                memory: most,
                cpu: ever,
                answer: ever,
                handles: most,
                resources: most,
                call: most,
                instances: most,
                made: u64::MAX,
            }
        }
    }

    fn usage(change: impl FnOnce(&mut RequestLimits)) -> Arc<Usage> {
        let mut limits = RequestLimits::unbounded();
        change(&mut limits);
        Arc::new(Usage::new(Arc::new(limits)))
    }

    /// Uses processor time of this thread.
    fn burn(time: Duration) {
        let end = thread_time() + nanoseconds(time);
        while thread_time() < end {}
    }

    #[test]
    fn time_is_counted_while_code_runs() {
        let usage = usage(|limits| limits.cpu = TICK * 5);
        let charged = Arc::clone(&usage);
        let mut turns = 0;
        let mut work = Metered::new(
            Arc::clone(&usage),
            Box::pin(std::future::poll_fn(move |_| {
                turns += 1;
                burn(TICK);
                match charged.on_interrupt() {
                    Ok(()) => Poll::Pending,
                    Err(limit) => Poll::Ready((turns, limit)),
                }
            })),
        );
        let mut context = Context::from_waker(std::task::Waker::noop());
        let ended = loop {
            if let Poll::Ready(ended) = Pin::new(&mut work).poll(&mut context) {
                break ended;
            }
            // Time between polls does not count.
            burn(TICK * 10);
        };
        assert!(ended.1 == LimitExceeded::Cpu && (4..=7).contains(&ended.0), "{ended:?}");
    }

    #[test]
    fn a_frame_restarts_the_time_and_adds_to_the_output() {
        let usage = usage(|limits| (limits.cpu, limits.made) = (TICK * 2, 10));
        assert_eq!(usage.on_interrupt(), Ok(()));
        burn(TICK);
        assert_eq!(usage.add_output(6), Ok(()));
        assert_eq!(usage.on_interrupt(), Ok(()));
        assert_eq!(usage.add_output(4), Ok(()));
        assert_eq!(usage.add_output(1), Err(LimitExceeded::Made));
    }

    #[test]
    fn memory_and_tables_are_one_sum() {
        let mut limits = RequestLimits::unbounded();
        limits.memory = 1 << 20;
        let quotas = Quotas::new(Totals { memory: 3 << 20, ..Totals::unlimited() });
        let client = quotas.client([192, 0, 2, 1].into());
        let mut memory = MemoryLimiter::new(&limits, &client);
        assert!(matches!(memory.memory_growing(0, 1 << 19, None), Ok(true)));
        assert!(matches!(memory.table_growing(0, (1 << 19) / ELEMENT, None), Ok(true)));
        let refused = memory.memory_growing(1 << 19, (1 << 19) + 1, None).unwrap_err();
        assert_eq!(LimitExceeded::from_error(&refused), Some(LimitExceeded::Memory));
    }

    #[test]
    fn memory_of_busy_instances_is_charged_to_their_clients() {
        let quotas = Quotas::new(Totals { memory: 4 << 20, ..Totals::unlimited() });
        let (one, other) = (quotas.client([192, 0, 2, 1].into()), quotas.client([192, 0, 2, 2].into()));
        let mut memory = MemoryLimiter::new(&RequestLimits::unbounded(), &one);
        assert!(matches!(memory.memory_growing(0, 1 << 20, None), Ok(true)));
        assert_eq!((memory.release(), quotas.held(Resource::Memory)), (1 << 20, 0));
        assert_eq!(memory.assign(&other), Ok(()));
        assert!(matches!(memory.memory_growing(1 << 20, 2 << 20, None), Ok(true)));
        assert_eq!(quotas.held(Resource::Memory), 2 << 20);
        let refused = memory.memory_growing(2 << 20, 3 << 20, None).unwrap_err();
        assert_eq!(LimitExceeded::from_error(&refused), Some(LimitExceeded::Total), "more than the share");
        assert_eq!(MemoryLimiter::new(&RequestLimits::unbounded(), &one).assign(&one), Ok(()));
    }

    #[test]
    fn errors_of_wasmtime_become_limits() {
        let full = Error::from(ResourceTableError::Full).context("during a request");
        assert_eq!(LimitExceeded::from_error(&full), Some(LimitExceeded::Resources));
        assert_eq!(LimitExceeded::from_error(&wasmtime::format_err!("out of luck")), None);
    }
}
