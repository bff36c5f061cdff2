//! Counters of requests and connections. Each thread has its counters in separate cache lines, so threads do not
//! contend. A reader adds them up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Upper bounds of the duration histogram in microseconds. The last bucket, +Inf, is not among them.
pub const BOUNDS: [u64; 14] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 10_000_000, 60_000_000];
/// Statuses have three digits.
const STATUSES: usize = 1000;

/// The counters of a thread. A reader may see one counter before and another after the same event.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counters {
    statuses: [AtomicU64; STATUSES],
    bytes: AtomicU64,
    durations: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
    lost_entries: AtomicU64,
    in_flight: GaugeCounters,
    connections: GaugeCounters,
}

/// A number that rises and falls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gauge {
    /// Requests whose response is not finished.
    InFlight,
    /// Open connections.
    Connections,
}

/// How often a gauge rose and fell.
#[derive(Debug, Default)]
struct GaugeCounters {
    up: AtomicU64,
    down: AtomicU64,
}

impl GaugeCounters {
    /// Returns the current value, and how often it rose.
    fn load(&self) -> (u64, u64) {
        // `down` first, so that it is not greater than `up`.
        let down = self.down.load(Relaxed);
        let up = self.up.load(Relaxed);
        (up.saturating_sub(down), up)
    }
}

/// Raises a gauge until it is dropped.
#[derive(Debug)]
pub struct GaugeGuard {
    counters: Arc<Counters>,
    gauge: Gauge,
}

impl GaugeGuard {
    pub(crate) fn new(counters: &Arc<Counters>, gauge: Gauge) -> GaugeGuard {
        counters.gauge(gauge).up.fetch_add(1, Relaxed);
        GaugeGuard { counters: Arc::clone(counters), gauge }
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.counters.gauge(self.gauge).down.fetch_add(1, Relaxed);
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
            in_flight: GaugeCounters::default(),
            connections: GaugeCounters::default(),
        }
    }
}

impl Counters {
    /// Counts a response, its bytes, and its duration unless no request was read.
    pub fn count(&self, status: u16, bytes: u64, duration: Option<Duration>) {
        if let Some(status) = self.statuses.get(usize::from(status)) {
            status.fetch_add(1, Relaxed);
        }
        self.bytes.fetch_add(bytes, Relaxed);
        let Some(duration) = duration else { return };
        let duration = micros(duration);
        if let Some(bucket) = self.durations.get(BOUNDS.partition_point(|bound| *bound < duration)) {
            bucket.fetch_add(1, Relaxed);
        }
        self.microseconds.fetch_add(duration, Relaxed);
    }

    /// Counts an entry that was not written.
    pub(crate) fn count_lost_entry(&self) {
        self.lost_entries.fetch_add(1, Relaxed);
    }

    fn gauge(&self, gauge: Gauge) -> &GaugeCounters {
        match gauge {
            Gauge::InFlight => &self.in_flight,
            Gauge::Connections => &self.connections,
        }
    }
}

/// The sums of the counters of several threads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CounterTotals {
    /// Responses by status, without those that are zero.
    pub statuses: BTreeMap<usize, u64>,
    /// Bytes of response bodies that were sent.
    pub bytes: u64,
    /// Requests by duration; see [`BOUNDS`].
    pub durations: [u64; BOUNDS.len() + 1],
    /// Sum of all durations.
    pub microseconds: u64,
    /// Entries that were not written to the access log.
    pub lost_entries: u64,
    /// Requests whose response is not finished.
    pub in_flight: u64,
    /// Open connections.
    pub connections: u64,
    /// Connections that were ever open.
    pub connections_ever: u64,
}

impl CounterTotals {
    /// Adds the counters of a thread.
    pub fn add(&mut self, counters: &Counters) {
        for (status, count) in counters.statuses.iter().enumerate() {
            let count = count.load(Relaxed);
            if count > 0 {
                increase(self.statuses.entry(status).or_default(), count);
            }
        }
        increase(&mut self.bytes, counters.bytes.load(Relaxed));
        increase(&mut self.lost_entries, counters.lost_entries.load(Relaxed));
        for (total, count) in self.durations.iter_mut().zip(&counters.durations) {
            increase(total, count.load(Relaxed));
        }
        increase(&mut self.microseconds, counters.microseconds.load(Relaxed));
        let (in_flight, _) = counters.in_flight.load();
        let (open, ever) = counters.connections.load();
        increase(&mut self.in_flight, in_flight);
        increase(&mut self.connections, open);
        increase(&mut self.connections_ever, ever);
    }
}

/// A duration in microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Adds to a sum that wraps around, as Prometheus expects of counters.
fn increase(sum: &mut u64, count: u64) {
    *sum = sum.wrapping_add(count);
}

#[cfg(test)]
mod tests {
    use crate::metrics::*;

    #[test]
    fn the_counters_of_threads_are_summed() {
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
