//! The goals of the project, one row each. A missed goal is a line in a table and no failure.

use crate::report::{Samples, number};
use crate::servers::ServerKind;
use crate::works::{Metric, Quantity, Work};
use std::fmt;

/// A bound on a ratio, or on a number in the unit of its quantity.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// The report shows the value without a bound.
    Reported,
}

impl Bound {
    /// `None` without a bound.
    pub fn allows(self, value: f64) -> Option<bool> {
        match self {
            Bound::AtLeast(bound) => Some(value >= bound),
            Bound::AtMost(bound) => Some(value <= bound),
            Bound::Reported => None,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::AtLeast(bound) => write!(to, "≥ {}", number(*bound)),
            Bound::AtMost(bound) => write!(to, "≤ {}", number(*bound)),
            Bound::Reported => write!(to, "—"),
        }
    }
}

/// A bound on one quantity of a work.
pub struct Goal {
    pub bound: Bound,
    metric: Metric,
    server: ServerKind,
    /// The server to compare with; `None` if the number itself counts.
    to: Option<ServerKind>,
}

impl Goal {
    pub fn title(&self) -> String {
        let Metric { work, quantity } = self.metric;
        let server = match self.server {
            ServerKind::Glasshouse => "",
            ServerKind::NoReplay => " with `--no-replay`",
            other => other.name(),
        };
        let to = self.to.map_or(String::new(), |to| format!(", to {}", to.name()));
        format!("{}{server}: {}{to}", work.title(), quantity.unit())
    }

    /// The median of the numbers, or of the ratios in the same rounds.
    pub fn measured(&self, samples: &Samples) -> Option<f64> {
        let spread = match self.to {
            Some(to) => samples.ratio(self.metric, self.server, to),
            None => samples.absolute(self.metric, self.server),
        };
        spread.map(|spread| spread.median)
    }
}

const fn ratio(work: Work, quantity: Quantity, to: ServerKind, bound: Bound) -> Goal {
    Goal { bound, metric: Metric { work, quantity }, server: ServerKind::Glasshouse, to: Some(to) }
}

/// A bound on requests per second.
const fn rate(work: Work, to: ServerKind, bound: f64) -> Goal {
    ratio(work, Quantity::RequestRate, to, Bound::AtLeast(bound))
}

/// A bound on processor time per request.
const fn cost(work: Work, to: ServerKind, bound: f64) -> Goal {
    ratio(work, Quantity::RequestCost, to, Bound::AtMost(bound))
}

const fn no_replay(quantity: Quantity, bound: Bound) -> Goal {
    let metric = Metric { work: Work::Small, quantity };
    Goal { bound, metric, server: ServerKind::NoReplay, to: Some(ServerKind::Nginx) }
}

const fn absolute(work: Work, quantity: Quantity, bound: Bound) -> Goal {
    Goal { bound, metric: Metric { work, quantity }, server: ServerKind::Glasshouse, to: None }
}

pub const GOALS: [Goal; 52] = {
    use Bound::{AtLeast, AtMost, Reported};
    use Quantity::{GigabyteCost, GigabyteRate, RequestCost, RequestRate};
    use ServerKind::{Dufs, H2o, Lighttpd, Miniserve, Nginx, Python, StaticWebServer, Stock};
    [
        rate(Work::Small, Nginx, 1.5),
        rate(Work::Small, H2o, 1.0),
        ratio(Work::Small, RequestRate, Lighttpd, Reported),
        cost(Work::Small, Nginx, 0.65),
        ratio(Work::Small, RequestCost, Lighttpd, Reported),
        rate(Work::NotModified, Nginx, 1.5),
        rate(Work::NotModified, H2o, 1.0),
        ratio(Work::NotModified, RequestRate, Lighttpd, Reported),
        cost(Work::NotModified, Nginx, 0.65),
        ratio(Work::NotModified, RequestCost, Lighttpd, Reported),
        rate(Work::Middle, Nginx, 1.15),
        cost(Work::Middle, Nginx, 0.85),
        rate(Work::Uniform, Nginx, 1.1),
        cost(Work::Uniform, Nginx, 0.9),
        rate(Work::Skewed, Nginx, 1.25),
        cost(Work::Skewed, Nginx, 0.8),
        rate(Work::Accept, Nginx, 1.25),
        cost(Work::Accept, Nginx, 0.8),
        rate(Work::UserAgent, Nginx, 1.25),
        cost(Work::UserAgent, Nginx, 0.8),
        rate(Work::Missing, Nginx, 1.0),
        cost(Work::Missing, Nginx, 1.1),
        rate(Work::UniqueMissing, Nginx, 0.5),
        cost(Work::UniqueMissing, Nginx, 2.5),
        rate(Work::NewConnections, Nginx, 0.9),
        cost(Work::NewConnections, Nginx, 1.2),
        rate(Work::RepeatedGzip, Nginx, 3.0),
        cost(Work::RepeatedGzip, Nginx, 0.4),
        rate(Work::TlsSmall, Nginx, 1.1),
        cost(Work::TlsSmall, Nginx, 1.0),
        rate(Work::Http2Small, Nginx, 1.1),
        cost(Work::Http2Small, Nginx, 1.0),
        ratio(Work::Large, GigabyteRate, Nginx, AtLeast(1.0)),
        ratio(Work::Large, GigabyteCost, Nginx, AtMost(1.0)),
        rate(Work::Logged, Nginx, 1.25),
        cost(Work::Logged, Nginx, 0.8),
        ratio(Work::Slow, Quantity::Tail, Nginx, AtMost(2.0)),
        no_replay(RequestRate, AtLeast(0.45)),
        no_replay(RequestCost, AtMost(2.2)),
        absolute(Work::Idle, Quantity::PerConnection, AtMost(4.0)),
        absolute(Work::TarGz, Quantity::ContentRatePerCore, AtLeast(60.0)),
        rate(Work::Listing, Nginx, 0.7),
        absolute(Work::Start, Quantity::StartTime, AtMost(30.0)),
        absolute(Work::Memory, Quantity::Resident, AtMost(40.0)),
        rate(Work::Small, Stock, 2.0),
        rate(Work::Small, Python, 15.0),
        rate(Work::Small, Miniserve, 1.3),
        rate(Work::Small, StaticWebServer, 1.3),
        rate(Work::Small, Dufs, 1.3),
        ratio(Work::FirstGzip, RequestCost, Nginx, Reported),
        ratio(Work::Handshakes, RequestCost, Nginx, Reported),
        ratio(Work::TlsLarge, GigabyteCost, Nginx, Reported),
    ]
};
