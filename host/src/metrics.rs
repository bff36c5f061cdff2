//! Metrics of the server in the text format of Prometheus, version 0.0.4.
//!
//! Each thread has its own counters. A scrape adds them up, so threads that serve never wait for it.

use glasshouse_http::{BOUNDS, CounterTotals, Counters};
use glasshouse_quota::sync::lock;
use glasshouse_quota::{Quotas, Resource};
use glasshouse_sandbox::{InstanceMetrics, LimitExceeded, ReplayStore};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard};

/// The media type of the text format.
pub(crate) const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The counters of all threads.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counts: Mutex<ThreadCounters>,
    /// `None` in tests.
    quotas: Option<Quotas>,
    /// `None` without replay.
    replay: Option<Arc<ReplayStore>>,
}

#[derive(Debug, Default)]
struct ThreadCounters {
    http: Vec<Arc<Counters>>,
    sandbox: Vec<Arc<InstanceMetrics>>,
}

impl Metrics {
    pub(crate) fn new(quotas: Quotas, replay: Option<Arc<ReplayStore>>) -> Metrics {
        Metrics { quotas: Some(quotas), replay, ..Metrics::default() }
    }

    /// Counters for one more thread.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        let counters = Arc::default();
        self.counts().http.push(Arc::clone(&counters));
        counters
    }

    /// Adds the instance counters of one more thread.
    pub(crate) fn watch(&self, instances: &Arc<InstanceMetrics>) {
        self.counts().sandbox.push(Arc::clone(instances));
    }

    fn counts(&self) -> MutexGuard<'_, ThreadCounters> {
        lock(&self.counts)
    }

    /// The current values of all metrics.
    pub(crate) fn text(&self) -> String {
        let counts = self.counts();
        let mut totals = CounterTotals::default();
        counts.http.iter().for_each(|counters| totals.add(counters));
        let mut text = String::with_capacity(4096);
        // A write to a string cannot fail.
        let _ = http(&mut text, &totals)
            .and_then(|()| sandbox(&mut text, &counts.sandbox))
            .and_then(|()| self.replay.iter().try_for_each(|store| replay(&mut text, store)))
            .and_then(|()| self.quotas.iter().try_for_each(|quotas| shared(&mut text, quotas)));
        text
    }
}

fn http(text: &mut String, totals: &CounterTotals) -> fmt::Result {
    family(
        text,
        "glasshouse_requests_total",
        "counter",
        "Responses by status, including responses to invalid requests.",
    )?;
    for (status, count) in &totals.statuses {
        writeln!(text, "glasshouse_requests_total{{status=\"{status}\"}} {count}")?;
    }
    single(text, "glasshouse_sent_bytes_total", "counter", "Bytes of content sent.", totals.bytes)?;
    let name = "glasshouse_request_duration_seconds";
    family(text, name, "histogram", "Time from the head of a request to the last byte of its response.")?;
    let mut below: u64 = 0;
    let bounds = BOUNDS.iter().map(|bound| seconds(*bound)).chain(["+Inf".to_owned()]);
    for (bound, count) in bounds.zip(totals.durations) {
        below = below.saturating_add(count);
        writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {below}")?;
    }
    writeln!(text, "{name}_sum {}", seconds(totals.microseconds))?;
    writeln!(text, "{name}_count {below}")?;
    let lost = "Log entries lost, for example on a full disk.";
    single(text, "glasshouse_lost_log_entries_total", "counter", lost, totals.lost_entries)?;
    let in_flight = "Requests whose response is not finished.";
    single(text, "glasshouse_requests_in_flight", "gauge", in_flight, totals.in_flight)?;
    single(text, "glasshouse_open_connections", "gauge", "Open connections.", totals.connections)?;
    single(text, "glasshouse_connections_total", "counter", "Accepted connections.", totals.connections_ever)
}

fn sandbox(text: &mut String, threads: &[Arc<InstanceMetrics>]) -> fmt::Result {
    let sum = |count: &dyn Fn(&InstanceMetrics) -> u64| threads.iter().map(|thread| count(thread)).sum::<u64>();
    single(
        text,
        "glasshouse_instances_total",
        "counter",
        "Created instances of the handler.",
        sum(&InstanceMetrics::created),
    )?;
    single(
        text,
        "glasshouse_live_instances",
        "gauge",
        "Existing instances of the handler.",
        sum(&InstanceMetrics::alive),
    )?;
    let failed = "Requests whose handler trapped, sent no response or aborted it.";
    single(text, "glasshouse_traps_total", "counter", failed, sum(&InstanceMetrics::failed))?;
    let replayed = "Responses replayed without the handler.";
    single(text, "glasshouse_replay_hits_total", "counter", replayed, sum(&InstanceMetrics::replayed))?;
    let misses = "Requests that the handler answered although responses are replayed.";
    single(text, "glasshouse_replay_misses_total", "counter", misses, sum(&InstanceMetrics::not_replayed))?;
    let name = "glasshouse_ceilings_reached_total";
    family(text, name, "counter", "Requests that exceeded a limit, by the option of the limit.")?;
    for limit in LimitExceeded::ALL {
        writeln!(text, "{name}{{ceiling=\"{}\"}} {}", limit.option(), sum(&|thread| thread.exceeded(limit)))?;
    }
    Ok(())
}

/// The recorded responses of all threads.
fn replay(text: &mut String, store: &ReplayStore) -> fmt::Result {
    let evicted = "Targets whose recorded responses made room for others.";
    single(text, "glasshouse_replay_evictions_total", "counter", evicted, store.evicted())?;
    single(text, "glasshouse_replay_bytes", "gauge", "Memory of recorded responses.", number(store.bytes()))?;
    let limit = "The maximum of glasshouse_replay_bytes.";
    single(text, "glasshouse_max_replay_bytes", "gauge", limit, number(store.capacity()))
}

/// The shared resources: their current use and their limits.
fn shared(text: &mut String, quotas: &Quotas) -> fmt::Result {
    let rows = [
        (Resource::Memory, "answer_memory_bytes", "Memory of responses: unsent content and busy instances."),
        (Resource::Files, "answer_files", "Files that are open for responses."),
        (Resource::Heads, "busy_instances", "Instances that generate the head of a response."),
        (Resource::Bodies, "generating_instances", "Instances that generate the content of a response."),
    ];
    for (resource, name, help) in rows {
        single(text, &format!("glasshouse_{name}"), "gauge", help, number(quotas.held(resource)))?;
        let limit = format!("The maximum of glasshouse_{name}.");
        single(text, &format!("glasshouse_max_{name}"), "gauge", &limit, number(quotas.total(resource)))?;
    }
    Ok(())
}

fn number(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The HELP and TYPE lines of a metric.
fn family(text: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

fn single(text: &mut String, name: &str, kind: &str, help: &str, value: u64) -> fmt::Result {
    family(text, name, kind, help)?;
    writeln!(text, "{name} {value}")
}

fn seconds(microseconds: u64) -> String {
    let (whole, part) = (microseconds / 1_000_000, microseconds % 1_000_000);
    let text = format!("{whole}.{part:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_quota::Totals;
    use std::time::Duration;

    #[test]
    fn all_counters_are_in_the_text() {
        let quotas = Quotas::new(Totals { memory: 4096, ..Totals::unlimited() });
        let metrics = Metrics::new(quotas, Some(Arc::new(ReplayStore::new(8 << 20))));
        let (one, other) = (metrics.counters(), metrics.counters());
        metrics.watch(&Arc::default());
        one.count(200, 5, Some(Duration::from_micros(150)));
        other.count(200, 5, Some(Duration::from_secs(100)));
        other.count(503, 0, None);
        let text = metrics.text();
        for line in [
            "# TYPE glasshouse_requests_total counter",
            "glasshouse_requests_total{status=\"200\"} 2",
            "glasshouse_requests_total{status=\"503\"} 1",
            "glasshouse_sent_bytes_total 10",
            "glasshouse_request_duration_seconds_bucket{le=\"0.0001\"} 0",
            "glasshouse_request_duration_seconds_bucket{le=\"0.00025\"} 1",
            "glasshouse_request_duration_seconds_bucket{le=\"60\"} 1",
            "glasshouse_request_duration_seconds_bucket{le=\"+Inf\"} 2",
            "glasshouse_request_duration_seconds_sum 100.00015",
            "glasshouse_request_duration_seconds_count 2",
            "glasshouse_ceilings_reached_total{ceiling=\"max-memory\"} 0",
            "glasshouse_replay_misses_total 0",
            "glasshouse_replay_evictions_total 0",
            "glasshouse_replay_bytes 0",
            "glasshouse_max_replay_bytes 8388608",
            "glasshouse_answer_memory_bytes 0",
            "glasshouse_max_answer_memory_bytes 4096",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
