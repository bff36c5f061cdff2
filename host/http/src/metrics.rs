//! Counts of what a thread has served. Each thread has counters of its own, in cache lines of their own, so counting waits for
//! nobody; whoever wants to know adds them up. It refuses to know how they are told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Upper bounds of the classes that durations are counted in, in microseconds; there is one more class above.
pub const BOUNDS: [u64; 14] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 10_000_000, 60_000_000];
/// Statuses have three digits.
const STATUSES: usize = 1000;

/// The counters of a thread. None of them has to agree with another one at any moment.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counters {
    statuses: [AtomicU64; STATUSES],
    bytes: AtomicU64,
    durations: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
    lost_entries: AtomicU64,
    /// How often each gauge went up, and down.
    gauges: [[AtomicU64; 2]; 2],
}

/// What there is a number of at a time.
#[derive(Clone, Copy, Debug)]
pub enum Gauge {
    InFlight,
    Connections,
}

/// One of what a gauge counts, until it is dropped.
#[derive(Debug)]
pub struct GaugeGuard {
    counters: Arc<Counters>,
    gauge: Gauge,
}

impl GaugeGuard {
    pub fn new(counters: &Arc<Counters>, gauge: Gauge) -> GaugeGuard {
        counters.gauge(gauge)[0].fetch_add(1, Relaxed);
        GaugeGuard { counters: Arc::clone(counters), gauge }
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.counters.gauge(self.gauge)[1].fetch_add(1, Relaxed);
    }
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            statuses: [const { AtomicU64::new(0) }; STATUSES],
            bytes: AtomicU64::default(),
            durations: [const { AtomicU64::new(0) }; BOUNDS.len() + 1],
            microseconds: AtomicU64::default(),
            lost_entries: AtomicU64::default(),
            gauges: Default::default(),
        }
    }
}

impl Counters {
    /// An answer of so many bytes; how long it took, unless there was no request.
    pub fn count(&self, status: u16, bytes: u64, duration: Option<Duration>) {
        if let Some(status) = self.statuses.get(usize::from(status)) {
            status.fetch_add(1, Relaxed);
        }
        self.bytes.fetch_add(bytes, Relaxed);
        let Some(duration) = duration else { return };
        let duration = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if let Some(class) = self.durations.get(BOUNDS.partition_point(|bound| *bound < duration)) {
            class.fetch_add(1, Relaxed);
        }
        self.microseconds.fetch_add(duration, Relaxed);
    }

    /// An entry that the log did not take.
    pub fn count_lost_entry(&self) {
        self.lost_entries.fetch_add(1, Relaxed);
    }

    fn gauge(&self, gauge: Gauge) -> &[AtomicU64; 2] {
        let [in_flight, connections] = &self.gauges;
        match gauge {
            Gauge::InFlight => in_flight,
            Gauge::Connections => connections,
        }
    }
}

/// The counts of any number of threads together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CounterTotals {
    /// Answers by status; those that there were.
    pub statuses: BTreeMap<usize, u64>,
    /// Bytes of content that were sent.
    pub bytes: u64,
    /// Requests by the class of their duration, see [`BOUNDS`].
    pub durations: [u64; BOUNDS.len() + 1],
    /// All durations together.
    pub microseconds: u64,
    /// Entries that the log did not take.
    pub lost_entries: u64,
    /// Requests whose answer is not finished.
    pub in_flight: u64,
    /// Connections that are open, and those that ever were.
    pub connections: u64,
    pub connections_ever: u64,
}

impl CounterTotals {
    pub fn add(&mut self, counters: &Counters) {
        for (status, count) in counters.statuses.iter().enumerate() {
            let count = count.load(Relaxed);
            if count > 0 {
                *self.statuses.entry(status).or_default() += count;
            }
        }
        self.bytes = self.bytes.wrapping_add(counters.bytes.load(Relaxed));
        self.lost_entries += counters.lost_entries.load(Relaxed);
        for (total, count) in self.durations.iter_mut().zip(&counters.durations) {
            *total += count.load(Relaxed);
        }
        self.microseconds = self.microseconds.wrapping_add(counters.microseconds.load(Relaxed));
        let read = |gauge| {
            // What went down is read first, so it is not more than what went up.
            let [up, down] = counters.gauge(gauge);
            let down = down.load(Relaxed);
            let up = up.load(Relaxed);
            (up.saturating_sub(down), up)
        };
        self.in_flight += read(Gauge::InFlight).0;
        let (open, ever) = read(Gauge::Connections);
        self.connections += open;
        self.connections_ever += ever;
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::*;

    #[test]
    fn threads_are_added_up() {
        let (one, other) = (Arc::new(Counters::default()), Arc::new(Counters::default()));
        one.count(200, 5, Some(Duration::from_micros(100)));
        other.count(200, 6, Some(Duration::from_micros(101)));
        other.count(404, 1, Some(Duration::from_secs(3600)));
        other.count(408, 0, None);
        other.count(65535, 0, None);
        let (_flight, over) = (GaugeGuard::new(&one, Gauge::InFlight), GaugeGuard::new(&other, Gauge::Connections));
        drop(over);
        let mut totals = CounterTotals::default();
        totals.add(&one);
        totals.add(&other);
        assert_eq!(totals.statuses, BTreeMap::from([(200, 2), (404, 1), (408, 1)]));
        assert_eq!((totals.bytes, totals.microseconds), (12, 3_600_000_201));
        assert_eq!((totals.durations[0], totals.durations[1], totals.durations[BOUNDS.len()]), (1, 1, 1));
        assert_eq!((totals.in_flight, totals.connections, totals.connections_ever), (1, 0, 1));
    }
}
