//! The works of the benchmark: their names, the quantities that each of them measures, and its participants.

use crate::servers::{Profile, ServerKind};
use std::io;

/// One kind of traffic that all servers get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    Small,
    Middle,
    Listing,
    NotModified,
    Range,
    Uniform,
    Skewed,
    Accept,
    UserAgent,
    Missing,
    UniqueMissing,
    NewConnections,
    FirstGzip,
    RepeatedGzip,
    Logged,
    TlsSmall,
    TlsMedium,
    Http2Small,
    Http2Medium,
    Handshakes,
    TlsLarge,
    Large,
    Tar,
    Zip,
    TarGz,
    Slow,
    Start,
    Memory,
    Idle,
}

impl Work {
    pub const ALL: [Work; 29] = [
        Work::Small,
        Work::Middle,
        Work::Listing,
        Work::NotModified,
        Work::Range,
        Work::Uniform,
        Work::Skewed,
        Work::Accept,
        Work::UserAgent,
        Work::Missing,
        Work::UniqueMissing,
        Work::NewConnections,
        Work::FirstGzip,
        Work::RepeatedGzip,
        Work::Logged,
        Work::TlsSmall,
        Work::TlsMedium,
        Work::Http2Small,
        Work::Http2Medium,
        Work::Handshakes,
        Work::TlsLarge,
        Work::Large,
        Work::Tar,
        Work::Zip,
        Work::TarGz,
        Work::Slow,
        Work::Start,
        Work::Memory,
        Work::Idle,
    ];

    /// The word that selects the work in `BENCH_ONLY`, and its title in the report.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Work::Small => ("1k", "1 KiB file"),
            Work::Middle => ("100k", "100 KiB file"),
            Work::Listing => ("listing", "listing of 1,000 entries"),
            Work::NotModified => ("304", "304 by ETag"),
            Work::Range => ("range", "64 KiB range of a 1 GiB file"),
            Work::Uniform => ("uniform", "20,000 files of 1 KiB, uniform"),
            Work::Skewed => ("skewed", "20,000 files of 1 KiB, skewed"),
            Work::Accept => ("accept", "1 KiB file, nine values of Accept"),
            Work::UserAgent => ("user-agent", "1 KiB file, a new User-Agent in each request"),
            Work::Missing => ("missing", "404, the same path"),
            Work::UniqueMissing => ("unique-missing", "404, a new path in each request"),
            Work::NewConnections => ("connections", "1 KiB file, one connection per request"),
            Work::FirstGzip => ("gzip-first", "gzip of 64 KiB of text, first request of each file"),
            Work::RepeatedGzip => ("gzip", "gzip of 64 KiB of text, the same file"),
            Work::Logged => ("log", "1 KiB file, access log in a file"),
            Work::TlsSmall => ("tls-1k", "TLS, HTTP/1.1, 1 KiB"),
            Work::TlsMedium => ("tls-16k", "TLS, HTTP/1.1, 16 KiB"),
            Work::Http2Small => ("h2-1k", "TLS, HTTP/2, 1 KiB"),
            Work::Http2Medium => ("h2-16k", "TLS, HTTP/2, 16 KiB"),
            Work::Handshakes => ("handshakes", "TLS, a full handshake per request"),
            Work::TlsLarge => ("tls-large", "TLS, 512 MiB over one connection"),
            Work::Large => ("large", "512 MiB over one connection"),
            Work::Tar => ("tar", "tar of 512 MiB of text"),
            Work::Zip => ("zip", "zip of 512 MiB of text"),
            Work::TarGz => ("tar.gz", "tar.gz of 512 MiB of text"),
            Work::Slow => ("slow", "1 KiB file beside 200 slow readers"),
            Work::Start => ("start", "start to first response"),
            Work::Memory => ("memory", "memory after start"),
            Work::Idle => ("idle", "memory per idle connection"),
        }
    }

    pub fn key(self) -> &'static str {
        self.names().0
    }

    pub fn title(self) -> &'static str {
        self.names().1
    }

    /// How the server must be set up for the work.
    pub fn profile(self) -> Profile {
        match self {
            Work::FirstGzip | Work::RepeatedGzip => Profile::Gzip,
            Work::Logged => Profile::Logged,
            Work::TlsSmall
            | Work::TlsMedium
            | Work::Http2Small
            | Work::Http2Medium
            | Work::Handshakes
            | Work::TlsLarge => Profile::Tls,
            _ => Profile::Plain,
        }
    }

    /// The program that sends the requests; `None` if the benchmark sends them itself.
    pub fn tool(self) -> Option<Tool> {
        match self {
            Work::Small
            | Work::Middle
            | Work::Listing
            | Work::NotModified
            | Work::Range
            | Work::Uniform
            | Work::Skewed
            | Work::Accept
            | Work::UserAgent
            | Work::Missing
            | Work::UniqueMissing
            | Work::NewConnections
            | Work::FirstGzip
            | Work::RepeatedGzip
            | Work::Logged => Some(Tool::Wrk),
            Work::TlsSmall | Work::TlsMedium | Work::Http2Small | Work::Http2Medium => Some(Tool::H2load),
            _ => None,
        }
    }

    /// Whether a run without `BENCH_SERVERS` includes the server. Simple traffic goes to all servers, real traffic to
    /// the fast ones, and archives to glasshouse, because a whole run must end in less than an hour.
    pub fn includes(self, kind: ServerKind) -> bool {
        let is_fast =
            matches!(kind, ServerKind::Nginx | ServerKind::Lighttpd | ServerKind::H2o | ServerKind::Glasshouse);
        match self {
            Work::Small
            | Work::Middle
            | Work::Listing
            | Work::NotModified
            | Work::Range
            | Work::Large
            | Work::Slow
            | Work::Start
            | Work::Memory
            | Work::Idle => true,
            Work::Tar | Work::Zip | Work::TarGz => kind == ServerKind::Glasshouse,
            _ => is_fast,
        }
    }

    /// The number of rounds of the longest works, which take up to a minute per server.
    pub fn max_rounds(self) -> u32 {
        match self {
            Work::TarGz => 2,
            Work::Slow | Work::Idle | Work::Memory | Work::Tar | Work::Zip => 3,
            _ => u32::MAX,
        }
    }
}

/// A load generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Wrk,
    H2load,
}

/// A quantity of a work, with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    RequestRate,
    RequestCost,
    GigabyteRate,
    GigabyteCost,
    ContentRate,
    ContentRatePerCore,
    Tail,
    ReaderRate,
    StartTime,
    Resident,
    PerConnection,
}

impl Quantity {
    pub fn unit(self) -> &'static str {
        match self {
            Quantity::RequestRate => "requests/s",
            Quantity::RequestCost => "processor µs/request",
            Quantity::GigabyteRate => "GB/s",
            Quantity::GigabyteCost => "processor s/GB",
            Quantity::ContentRate => "MB/s",
            Quantity::ContentRatePerCore => "MB/s per core",
            Quantity::Tail => "p99, ms",
            Quantity::ReaderRate => "slow readers, MiB/s",
            Quantity::StartTime => "ms",
            Quantity::Resident => "MiB",
            Quantity::PerConnection => "KiB",
        }
    }

    pub fn more_is_better(self) -> bool {
        match self {
            Quantity::RequestRate
            | Quantity::GigabyteRate
            | Quantity::ContentRate
            | Quantity::ContentRatePerCore
            | Quantity::ReaderRate => true,
            Quantity::RequestCost
            | Quantity::GigabyteCost
            | Quantity::Tail
            | Quantity::StartTime
            | Quantity::Resident
            | Quantity::PerConnection => false,
        }
    }
}

/// A quantity of one work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    pub work: Work,
    pub quantity: Quantity,
}

/// The numbers of one server in one round of a work.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    pub values: Vec<(Quantity, f64)>,
    /// Facts that a reader of the numbers needs.
    pub notes: Vec<String>,
}

impl Sample {
    pub fn of(quantity: Quantity, value: f64) -> Sample {
        Sample { values: vec![(quantity, value)], notes: Vec::new() }
    }

    /// The numbers of a load: requests, the seconds that they took, and the processor time of the server in seconds.
    pub fn of_requests(requests: u64, seconds: f64, processor_seconds: f64) -> Sample {
        let cost = processor_seconds * 1e6 / count(requests);
        let values = vec![(Quantity::RequestRate, count(requests) / seconds), (Quantity::RequestCost, cost)];
        Sample { values, notes: Vec::new() }
    }
}

/// The reason why a work has no numbers for a server.
#[derive(Debug)]
pub enum Trouble {
    /// The server does not have the measured feature.
    Lacks(String),
    Failed(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Failed(error)
    }
}

/// A count as a number to calculate with; exact below 2^53.
pub fn count(number: u64) -> f64 {
    number as f64
}

/// The median; the mean of the middle two if the count is even, and not a number without any.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    if sorted.len() % 2 == 1 { at(middle) } else { (at(middle.wrapping_sub(1)) + at(middle)) / 2.0 }
}
