//! Counts of what befalls the instances of a thread. They are read by others at any time, and need not agree with each other. It
//! refuses to know how they are told.

use crate::limits::LimitExceeded;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use wasmtime::Error;

/// The counts of a thread.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct InstanceMetrics {
    made: AtomicU64,
    gone: AtomicU64,
    failed: AtomicU64,
    replayed: AtomicU64,
    reached: [AtomicU64; LimitExceeded::ALL.len()],
}

impl InstanceMetrics {
    /// Instances that were made.
    pub fn made(&self) -> u64 {
        self.made.load(Relaxed)
    }

    /// Those of them that there still are.
    pub fn alive(&self) -> u64 {
        // What went is read first, so it is not more than what came.
        let gone = self.gone.load(Relaxed);
        self.made().saturating_sub(gone)
    }

    /// Requests for which the handler failed by itself: traps, answers that never came or were cut off.
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// Answers that were given again.
    pub fn replayed(&self) -> u64 {
        self.replayed.load(Relaxed)
    }

    /// Requests that reached a ceiling.
    pub fn reached(&self, ceiling: LimitExceeded) -> u64 {
        self.reached.get(ceiling as usize).map_or(0, |count| count.load(Relaxed))
    }

    pub(crate) fn count_replayed(&self) {
        self.replayed.fetch_add(1, Relaxed);
    }

    /// A request was given up.
    pub(crate) fn count_failed(&self, error: &Error) {
        match LimitExceeded::of(error) {
            Some(ceiling) => self.count_reached(ceiling),
            None => {
                self.failed.fetch_add(1, Relaxed);
            }
        }
    }

    pub(crate) fn count_reached(&self, ceiling: LimitExceeded) {
        if let Some(count) = self.reached.get(ceiling as usize) {
            count.fetch_add(1, Relaxed);
        }
    }
}

/// An instance that was made, until this is dropped.
pub struct LiveGuard(Arc<InstanceMetrics>);

impl LiveGuard {
    pub fn new(tally: &Arc<InstanceMetrics>) -> LiveGuard {
        tally.made.fetch_add(1, Relaxed);
        LiveGuard(Arc::clone(tally))
    }
}

impl Drop for LiveGuard {
    fn drop(&mut self) {
        self.0.gone.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::*;
    use wasmtime::format_err;

    #[test]
    fn a_ceiling_is_told_from_a_failure() {
        let tally = InstanceMetrics::default();
        tally.count_failed(&LimitExceeded::Made.into());
        tally.count_failed(&format_err!("the handler gave no answer"));
        tally.count_reached(LimitExceeded::Cpu);
        let reached = LimitExceeded::ALL.map(|ceiling| tally.reached(ceiling));
        assert_eq!((reached, tally.failed()), ([0, 1, 0, 0, 0, 0, 0, 1, 0, 0], 1));
    }

    #[test]
    fn an_instance_is_counted_while_it_lives() {
        let tally = Arc::default();
        let (one, other) = (LiveGuard::new(&tally), LiveGuard::new(&tally));
        drop(one);
        assert_eq!((tally.made(), tally.alive()), (2, 1));
        drop(other);
        assert_eq!((tally.made(), tally.alive()), (2, 0));
    }
}
