//! Counters for the instances of one thread. Other threads read them at any time, and they need not be consistent.

use crate::limits::LimitExceeded;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// The counters of one thread.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct InstanceMetrics {
    created: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    replayed: AtomicU64,
    not_replayed: AtomicU64,
    exceeded: [AtomicU64; LimitExceeded::ALL.len()],
}

impl InstanceMetrics {
    /// Instances that were created.
    pub fn created(&self) -> u64 {
        self.created.load(Relaxed)
    }

    /// Instances that exist now.
    pub fn alive(&self) -> u64 {
        // Loaded first, so it is not larger than the other.
        let dropped = self.dropped.load(Relaxed);
        self.created().saturating_sub(dropped)
    }

    /// Requests for which the handler failed: traps, and responses that are missing or incomplete.
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// Responses that were replayed.
    pub fn replayed(&self) -> u64 {
        self.replayed.load(Relaxed)
    }

    /// Requests that might have been replayed, and that the handler answered.
    pub fn not_replayed(&self) -> u64 {
        self.not_replayed.load(Relaxed)
    }

    /// Requests that exceeded a limit.
    pub fn exceeded(&self, limit: LimitExceeded) -> u64 {
        self.counter(limit).map_or(0, |count| count.load(Relaxed))
    }

    pub(crate) fn count_replayed(&self) {
        self.replayed.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_not_replayed(&self) {
        self.not_replayed.fetch_add(1, Relaxed);
    }

    /// Counts a request that failed, by the limit that it exceeded.
    pub(crate) fn count_failed(&self, limit: Option<LimitExceeded>) {
        match limit {
            Some(limit) => self.count_exceeded(limit),
            None => {
                self.failed.fetch_add(1, Relaxed);
            }
        }
    }

    pub(crate) fn count_exceeded(&self, limit: LimitExceeded) {
        if let Some(count) = self.counter(limit) {
            count.fetch_add(1, Relaxed);
        }
    }

    fn counter(&self, limit: LimitExceeded) -> Option<&AtomicU64> {
        let index = LimitExceeded::ALL.iter().position(|each| *each == limit)?;
        self.exceeded.get(index)
    }
}

/// Counts an instance as alive until it is dropped.
pub(crate) struct LiveGuard(Arc<InstanceMetrics>);

impl LiveGuard {
    pub(crate) fn new(metrics: &Arc<InstanceMetrics>) -> LiveGuard {
        metrics.created.fetch_add(1, Relaxed);
        LiveGuard(Arc::clone(metrics))
    }
}

impl Drop for LiveGuard {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::*;

    #[test]
    fn limits_and_failures_are_counted_separately() {
        let metrics = InstanceMetrics::default();
        metrics.count_failed(Some(LimitExceeded::Made));
        metrics.count_failed(None);
        metrics.count_exceeded(LimitExceeded::Cpu);
        let exceeded = LimitExceeded::ALL.map(|limit| metrics.exceeded(limit));
        assert_eq!((exceeded, metrics.failed()), ([0, 1, 0, 0, 0, 0, 0, 1, 0, 0], 1));
    }

    #[test]
    fn an_instance_is_counted_while_it_lives() {
        let metrics = Arc::default();
        let (one, other) = (LiveGuard::new(&metrics), LiveGuard::new(&metrics));
        drop(one);
        assert_eq!((metrics.created(), metrics.alive()), (2, 1));
        drop(other);
        assert_eq!((metrics.created(), metrics.alive()), (2, 0));
    }
}
