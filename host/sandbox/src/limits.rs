//! The limits of one request. A request that exceeds a limit loses its instance; no other request is affected.

use glasshouse_quota::{Client, Lease, Resource};
use std::time::Duration;
use wasmtime::component::ResourceTableError;
use wasmtime::{Error, ResourceLimiter, Result};

/// Bytes of memory for one element of a table, at most.
const ELEMENT: usize = 16;

/// Core instances, tables and memories of one instance. `inspection` rejects components with more before they are
/// compiled, so this is a second barrier.
const MAX_PARTS: usize = 100;

/// The limits of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Default for RequestLimits {
    /// The defaults of the program.
    fn default() -> RequestLimits {
        RequestLimits {
            memory: 64 << 20,
            cpu: Duration::from_secs(1),
            answer: Duration::from_secs(10),
            handles: 1024,
            resources: 1024,
            call: 4 << 20,
            instances: 512,
            made: 8 << 30,
        }
    }
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
    /// Bytes of the first memory that all instances share, and that no instance changes.
    shared: usize,
    used: usize,
    lease: Option<Lease>,
}

impl MemoryLimiter {
    /// The limiter of a new instance for a client.
    pub(crate) fn new(limits: &RequestLimits, shared: usize, client: &Client) -> MemoryLimiter {
        MemoryLimiter { max: limits.memory, shared, used: 0, lease: client.try_take(Resource::Memory, 0) }
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
        let shared = std::mem::take(&mut self.shared);
        self.grow(desired.saturating_sub(current).saturating_sub(shared))
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

    #[test]
    fn memory_and_tables_are_one_sum() {
        let mut limits = RequestLimits::unbounded();
        limits.memory = 1 << 20;
        let quotas = Quotas::new(Totals { memory: 3 << 20, ..Totals::unlimited() });
        let client = quotas.client([192, 0, 2, 1].into());
        let mut memory = MemoryLimiter::new(&limits, 0, &client);
        assert!(matches!(memory.memory_growing(0, 1 << 19, None), Ok(true)));
        assert!(matches!(memory.table_growing(0, (1 << 19) / ELEMENT, None), Ok(true)));
        let refused = memory.memory_growing(1 << 19, (1 << 19) + 1, None).unwrap_err();
        assert_eq!(LimitExceeded::from_error(&refused), Some(LimitExceeded::Memory));
    }

    #[test]
    fn memory_of_busy_instances_is_charged_to_their_clients() {
        let quotas = Quotas::new(Totals { memory: 4 << 20, ..Totals::unlimited() });
        let (one, other) = (quotas.client([192, 0, 2, 1].into()), quotas.client([192, 0, 2, 2].into()));
        let mut memory = MemoryLimiter::new(&RequestLimits::unbounded(), 0, &one);
        assert!(matches!(memory.memory_growing(0, 1 << 20, None), Ok(true)));
        assert_eq!((memory.release(), quotas.held(Resource::Memory)), (1 << 20, 0));
        assert_eq!(memory.assign(&other), Ok(()));
        assert!(matches!(memory.memory_growing(1 << 20, 2 << 20, None), Ok(true)));
        assert_eq!(quotas.held(Resource::Memory), 2 << 20);
        let refused = memory.memory_growing(2 << 20, 3 << 20, None).unwrap_err();
        assert_eq!(LimitExceeded::from_error(&refused), Some(LimitExceeded::Total), "more than the share");
        assert_eq!(MemoryLimiter::new(&RequestLimits::unbounded(), 0, &one).assign(&one), Ok(()));
    }

    #[test]
    fn shared_memory_is_not_charged() {
        let mut limits = RequestLimits::unbounded();
        limits.memory = 1 << 20;
        let client = Quotas::new(Totals::unlimited()).client([192, 0, 2, 1].into());
        let mut memory = MemoryLimiter::new(&limits, 9 << 20, &client);
        assert!(matches!(memory.memory_growing(0, 10 << 20, None), Ok(true)));
        let refused = memory.memory_growing(10 << 20, (10 << 20) + 1, None).unwrap_err();
        assert_eq!(LimitExceeded::from_error(&refused), Some(LimitExceeded::Memory));
    }

    #[test]
    fn errors_of_wasmtime_become_limits() {
        let full = Error::from(ResourceTableError::Full).context("during a request");
        assert_eq!(LimitExceeded::from_error(&full), Some(LimitExceeded::Resources));
        assert_eq!(LimitExceeded::from_error(&wasmtime::format_err!("out of luck")), None);
    }
}
