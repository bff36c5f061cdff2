//! The figures of the server in the text form of Prometheus, version 0.0.4. It refuses to know who asks for them, and nothing that
//! serves waits for it: each thread counts for itself, and the counts are added up when somebody asks.

use glasshouse_http::{BOUNDS, CounterTotals, Counters};
use glasshouse_quota::{Quotas, Resource};
use glasshouse_sandbox::{InstanceMetrics, LimitExceeded};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The media type of the text form.
pub const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All that is counted in this process.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Mutex<Counts>,
    /// What clients share, where there are any.
    quotas: Option<Quotas>,
}

#[derive(Debug, Default)]
struct Counts {
    front: Vec<Arc<Counters>>,
    sandbox: Vec<Arc<InstanceMetrics>>,
}

impl Metrics {
    /// Nothing yet, of those who share this.
    pub fn new(quotas: Quotas) -> Metrics {
        Metrics { quotas: Some(quotas), ..Metrics::default() }
    }

    /// Counters for one more thread.
    pub fn counters(&self) -> Arc<Counters> {
        let counters = Arc::default();
        self.counts().front.push(Arc::clone(&counters));
        counters
    }

    /// Takes in what befalls the instances of a thread.
    pub fn watch(&self, tally: &Arc<InstanceMetrics>) {
        self.counts().sandbox.push(Arc::clone(tally));
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything, as it is now.
    pub fn text(&self) -> String {
        let counts = self.counts();
        let mut totals = CounterTotals::default();
        counts.front.iter().for_each(|counters| totals.add(counters));
        let mut text = String::with_capacity(4096);
        // A string takes everything that is written to it.
        let _ = front(&mut text, &totals)
            .and_then(|()| sandbox(&mut text, &counts.sandbox))
            .and_then(|()| self.quotas.iter().try_for_each(|quotas| shared(&mut text, quotas)));
        text
    }
}

fn front(text: &mut String, totals: &CounterTotals) -> fmt::Result {
    family(text, "glasshouse_requests_total", "counter", "Answers by status, those to no request included.")?;
    for (status, count) in &totals.statuses {
        writeln!(text, "glasshouse_requests_total{{status=\"{status}\"}} {count}")?;
    }
    single(text, "glasshouse_sent_bytes_total", "counter", "Bytes of content that were sent.", totals.bytes)?;
    let name = "glasshouse_request_duration_seconds";
    family(text, name, "histogram", "Time from the head of a request to the last byte of its answer.")?;
    let mut below = 0;
    let bounds = BOUNDS.iter().map(|bound| seconds(*bound)).chain(["+Inf".to_owned()]);
    for (bound, count) in bounds.zip(totals.durations) {
        below += count;
        writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {below}")?;
    }
    writeln!(text, "{name}_sum {}", seconds(totals.microseconds))?;
    writeln!(text, "{name}_count {below}")?;
    let lost = "Entries that the log did not take, such as those for a disk that is full.";
    single(text, "glasshouse_lost_log_entries_total", "counter", lost, totals.lost_entries)?;
    let in_flight = "Requests whose answer is not finished.";
    single(text, "glasshouse_requests_in_flight", "gauge", in_flight, totals.in_flight)?;
    single(text, "glasshouse_open_connections", "gauge", "Connections that are open.", totals.connections)?;
    let ever = "Connections that were served.";
    single(text, "glasshouse_connections_total", "counter", ever, totals.connections_ever)
}

fn sandbox(text: &mut String, tallies: &[Arc<InstanceMetrics>]) -> fmt::Result {
    let sum = |count: &dyn Fn(&InstanceMetrics) -> u64| tallies.iter().map(|tally| count(tally)).sum::<u64>();
    single(
        text,
        "glasshouse_instances_total",
        "counter",
        "Instances of the handler that were made.",
        sum(&InstanceMetrics::created),
    )?;
    single(
        text,
        "glasshouse_live_instances",
        "gauge",
        "Instances of the handler that there are.",
        sum(&InstanceMetrics::alive),
    )?;
    let failed = "Requests for which the handler trapped, gave no answer or broke it off.";
    single(text, "glasshouse_traps_total", "counter", failed, sum(&InstanceMetrics::failed))?;
    let replayed = "Answers that were given again without the handler.";
    single(text, "glasshouse_replay_hits_total", "counter", replayed, sum(&InstanceMetrics::replayed))?;
    let name = "glasshouse_ceilings_reached_total";
    family(text, name, "counter", "Requests that reached a ceiling, by the option that moves it.")?;
    for ceiling in LimitExceeded::ALL {
        writeln!(text, "{name}{{ceiling=\"{}\"}} {}", ceiling.option(), sum(&|tally| tally.exceeded(ceiling)))?;
    }
    Ok(())
}

/// What clients hold now, and how much there is of it.
fn shared(text: &mut String, quotas: &Quotas) -> fmt::Result {
    let rows = [
        (
            Resource::Memory,
            "answer_memory_bytes",
            "Memory that answers hold: content that is not sent, and busy instances.",
        ),
        (Resource::Files, "answer_files", "Files that are open for answers."),
        (Resource::Heads, "busy_instances", "Instances that are busy with the head of an answer."),
        (Resource::Bodies, "generating_instances", "Instances that generate the content of an answer."),
    ];
    for (resource, name, help) in rows {
        let value = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        single(text, &format!("glasshouse_{name}"), "gauge", help, value(quotas.held(resource)))?;
        let most = format!("The most that there may be of glasshouse_{name}.");
        single(text, &format!("glasshouse_max_{name}"), "gauge", &most, value(quotas.total(resource)))?;
    }
    Ok(())
}

/// The two lines before the samples of a family.
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
    fn what_was_counted_is_told() {
        let metrics = Metrics::new(Quotas::new(Totals { memory: 4096, ..Totals::unlimited() }));
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
            "glasshouse_answer_memory_bytes 0",
            "glasshouse_max_answer_memory_bytes 4096",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}: {text}");
        }
    }
}
