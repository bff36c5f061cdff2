//! The access log: an entry for each request, and the counters. It resolves no names (PY-83), and a log that cannot be
//! written does not stop the server.

mod color;
mod format;
mod sink;

use crate::access_log::color::color;
pub use crate::access_log::format::{Format, UnknownFormat};
pub use crate::access_log::sink::{LogFile, Sink};
use crate::metrics::{Counters, Gauge, GaugeGuard};
use glasshouse_quota::sync::lock;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The status of a request without a response: the client has closed the connection, or the server has stopped. No
/// client sees it. nginx uses the same number.
pub(crate) const UNANSWERED: u16 = 499;

/// A request and its response.
#[derive(Clone, Copy, Debug)]
pub struct LogEntry<'a> {
    /// Address of the client: the other end of the connection, or what a trusted proxy reports.
    pub client: IpAddr,
    /// The authenticated user. A rejected name is not logged, because it may be a password in the wrong field.
    pub user: Option<&'a str>,
    /// The request line as received, such as `GET /x HTTP/1.1`; empty if none was read.
    pub request: &'a str,
    /// Status of the response.
    pub status: u16,
    /// Bytes of the response body that were sent.
    pub bytes: u64,
    /// From the head of the request to the last byte of the response; `None` if no head was read.
    pub duration: Option<Duration>,
    /// Value of `Referer`.
    pub referer: Option<&'a [u8]>,
    /// Value of `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// Version of TLS, such as `TLSv1.3`.
    pub tls: Option<&'a str>,
}

impl LogEntry<'_> {
    /// The entry of a response to a client whose request was not read, or not to its end.
    pub fn without_request(client: IpAddr, status: u16) -> LogEntry<'static> {
        LogEntry {
            client,
            user: None,
            request: "",
            status,
            bytes: 0,
            duration: None,
            referer: None,
            user_agent: None,
            tls: None,
        }
    }
}

/// Writes the access log. Clones on any threads write to the same sink, one entry at a time.
#[derive(Clone, Debug)]
pub struct Log(Arc<LogState>);

/// Clones of a log share it. Each thread has its own, so that threads do not contend for the counter of an `Arc`.
#[derive(Debug)]
struct LogState {
    format: Format,
    sink: Sink,
    /// The time zone at the start: a hardened process cannot read it later.
    zone: TimeZone,
    counters: Arc<Counters>,
    is_colored: bool,
    last_time: Mutex<RenderedTime>,
}

/// The time of the last entry.
#[derive(Debug, Default)]
struct RenderedTime {
    /// Unix time in seconds.
    second: i64,
    text: String,
}

impl LogState {
    /// Renders an entry with the local time. A second is rendered once, because that takes as long as the rest.
    fn render(&self, entry: &LogEntry) -> String {
        let now = Timestamp::now();
        let mut last = lock(&self.last_time);
        if last.second != now.as_second() || self.format == Format::Json {
            let text = format::render_time(self.format, &now.to_zoned(self.zone.clone()));
            *last = RenderedTime { second: now.as_second(), text };
        }
        format::render(self.format, entry, &last.text)
    }
}

impl Log {
    /// A log without colors, in the local time zone.
    pub fn new(format: Format, sink: Sink) -> Log {
        Log::with_state(format, sink, TimeZone::system(), Arc::default(), false)
    }

    fn with_state(format: Format, sink: Sink, zone: TimeZone, counters: Arc<Counters>, is_colored: bool) -> Log {
        Log(Arc::new(LogState { format, sink, zone, counters, is_colored, last_time: Mutex::default() }))
    }

    /// Colors the entries, unless they go to a file or another program reads them.
    pub fn colored(self) -> Log {
        let LogState { format, sink, zone, counters, .. } = &*self.0;
        let is_colored = matches!((sink, format), (Sink::Stderr, Format::Python | Format::Common | Format::Combined));
        Log::with_state(*format, sink.clone(), zone.clone(), Arc::clone(counters), is_colored)
    }

    /// The same log with the counters of another thread.
    pub fn with_counters(&self, counters: Arc<Counters>) -> Log {
        let LogState { format, sink, zone, is_colored, .. } = &*self.0;
        Log::with_state(*format, sink.clone(), zone.clone(), counters, *is_colored)
    }

    /// Whether the log writes no entries. It counts requests in any case.
    pub fn is_quiet(&self) -> bool {
        self.0.format == Format::Off
    }

    /// Counts a request, and writes its entry with the local time.
    pub fn access(&self, entry: &LogEntry) {
        let LogState { sink, counters, is_colored, .. } = &*self.0;
        counters.count(entry.status, entry.bytes, entry.duration);
        if self.is_quiet() {
            return;
        }
        let text = self.0.render(entry);
        let text = if *is_colored { color(text, entry.status) } else { text };
        if !sink.write(&text) {
            counters.count_lost_entry();
        }
    }

    /// Counts a request in progress until the guard is dropped.
    pub(crate) fn request_in_flight(&self) -> GaugeGuard {
        GaugeGuard::new(&self.0.counters, Gauge::InFlight)
    }

    /// Counts an open connection until the guard is dropped.
    pub fn open_connection(&self) -> GaugeGuard {
        GaugeGuard::new(&self.0.counters, Gauge::Connections)
    }
}
