//! The log: an entry for each request in one of several forms, which is counted, too; and what goes wrong, among the diagnostics. It
//! looks no name up (S83), and it refuses to fail: a server does not stop because nobody reads its log.

mod color;
mod format;
mod sink;

use crate::access_log::color::color;
pub use crate::access_log::format::Format;
pub use crate::access_log::sink::{LogFile, Sink};
use crate::metrics::{Counters, Gauge, GaugeGuard};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The status in the entry of a request that was read and never answered: its client has gone, or the server ended first. No
/// client ever sees it; programs that read logs know it.
pub const UNANSWERED: u16 = 499;

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Who asked: the other end of the connection, or whom a trusted proxy says that it asks for.
    pub peer: IpAddr,
    /// Who was let in; a name that was only claimed may be a password that was typed into the wrong line.
    pub user: Option<&'a str>,
    /// The request line as received, such as `GET /x HTTP/1.1`; empty where none could be read.
    pub request: &'a str,
    pub status: u16,
    /// Bytes of the body that were sent.
    pub bytes: u64,
    /// From the head of the request to the last byte of the answer; `None` where no head was read.
    pub duration: Option<Duration>,
    pub referer: Option<&'a [u8]>,
    pub user_agent: Option<&'a [u8]>,
    /// The version of TLS, such as `TLSv1.3`.
    pub tls: Option<&'a str>,
}

impl Entry<'_> {
    /// That of an answer to somebody whose request was never read, or not to its end.
    pub fn unread(peer: IpAddr, status: u16) -> Entry<'static> {
        Entry {
            peer,
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

/// Writes whole entries at a time; any number of copies on any threads.
#[derive(Clone, Debug)]
pub struct Log {
    form: Format,
    sink: Sink,
    /// That of the machine when the log began: later, nothing outside of the served directory can be read.
    zone: TimeZone,
    counters: Arc<Counters>,
    is_coloured: bool,
}

impl Log {
    pub fn new(form: Format, sink: Sink) -> Log {
        Log { form, sink, zone: TimeZone::system(), counters: Arc::default(), is_coloured: false }
    }

    /// The same log in colours, for people: neither a file nor a program wants them.
    pub fn coloured(self) -> Log {
        let is_coloured =
            matches!((&self.sink, self.form), (Sink::Stderr, Format::Python | Format::Common | Format::Combined));
        Log { is_coloured, ..self }
    }

    /// The same log for a thread that has counters of its own.
    pub fn counting(&self, counters: Arc<Counters>) -> Log {
        Log { counters, ..self.clone() }
    }

    /// Whether requests leave no entry. They are counted all the same.
    pub fn is_quiet(&self) -> bool {
        self.form == Format::Off
    }

    /// Writes the entry of one request, stamped with the local time.
    pub fn access(&self, line: &Entry) {
        self.counters.count(line.status, line.bytes, line.duration);
        if !self.is_quiet() {
            let entry = format::render(self.form, line, &Timestamp::now().to_zoned(self.zone.clone()));
            let entry = if self.is_coloured { color(entry, line.status) } else { entry };
            if !self.sink.write(&entry) {
                self.counters.count_lost_entry();
            }
        }
    }

    /// A request is under way until this is dropped.
    pub(crate) fn under_way(&self) -> GaugeGuard {
        GaugeGuard::new(&self.counters, Gauge::InFlight)
    }

    /// A connection is open until this is dropped.
    pub fn open(&self) -> GaugeGuard {
        GaugeGuard::new(&self.counters, Gauge::Connections)
    }

    /// Says what went wrong, among the diagnostics.
    pub fn error(&self, text: impl fmt::Display) {
        tracing::error!("{text}");
    }
}
