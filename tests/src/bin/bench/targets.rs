//! The targets of the project, one row each. A missed target is a line in a table and no failure.

use crate::report::{RoundSamples, number};
use crate::servers::Contestant;
use crate::works::Metric;
use std::fmt;

/// A bound on a ratio or on a number in the unit of its metric.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

impl Wanted {
    pub fn allows(self, value: f64) -> bool {
        match self {
            Wanted::AtLeast(bound) => value >= bound,
            Wanted::AtMost(bound) => value <= bound,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::AtLeast(bound) => write!(to, "≥ {}", number(*bound)),
            Wanted::AtMost(bound) => write!(to, "≤ {}", number(*bound)),
        }
    }
}

/// A wish.
pub struct Goal {
    pub title: &'static str,
    pub wanted: Wanted,
    metric: Metric,
    server: Contestant,
    /// The server to compare with; none where the number itself counts.
    to: Option<Contestant>,
}

impl Goal {
    /// The median, of the numbers or of the ratios.
    pub fn measured(&self, samples: &RoundSamples) -> Option<f64> {
        let spread = match self.to {
            Some(to) => samples.ratio(self.metric, self.server, to),
            None => samples.absolute(self.metric, self.server),
        };
        spread.map(|spread| spread.median)
    }
}

const fn to_nginx(title: &'static str, metric: Metric, wanted: Wanted) -> Goal {
    Goal { title, wanted, metric, server: Contestant::Glasshouse, to: Some(Contestant::Nginx) }
}

const fn small_to(title: &'static str, to: Contestant, bound: f64) -> Goal {
    let wanted = Wanted::AtLeast(bound);
    Goal { title, wanted, metric: Metric::Small, server: Contestant::Glasshouse, to: Some(to) }
}

const fn alone(title: &'static str, metric: Metric, bound: f64) -> Goal {
    Goal { title, wanted: Wanted::AtMost(bound), metric, server: Contestant::Glasshouse, to: None }
}

pub const TARGETS: [Goal; 15] = [
    to_nginx("1 KiB file, to nginx", Metric::Small, Wanted::AtLeast(1.0)),
    Goal {
        title: "1 KiB file with `--no-replay`, to nginx",
        wanted: Wanted::AtLeast(0.8),
        metric: Metric::Small,
        server: Contestant::NoReplay,
        to: Some(Contestant::Nginx),
    },
    to_nginx("100 KiB file, to nginx", Metric::Middle, Wanted::AtLeast(1.0)),
    to_nginx("304 by ETag, to nginx", Metric::NotModified, Wanted::AtLeast(1.0)),
    to_nginx("listing of 1,000 entries, to nginx", Metric::Listing, Wanted::AtLeast(0.7)),
    to_nginx("512 MiB over one connection, to nginx", Metric::LargeRate, Wanted::AtLeast(1.5)),
    to_nginx("processor time per GB of it, to nginx", Metric::LargeCost, Wanted::AtMost(1.0)),
    alone("start to first answer, ms", Metric::Start, 30.0),
    alone("memory after start, MiB", Metric::Memory, 40.0),
    alone("memory per idle connection, KiB", Metric::Idle, 12.0),
    small_to("1 KiB file, to stock `wasmtime serve`", Contestant::Stock, 2.0),
    small_to("1 KiB file, to python", Contestant::Python, 15.0),
    small_to("1 KiB file, to miniserve", Contestant::Miniserve, 1.3),
    small_to("1 KiB file, to static-web-server", Contestant::StaticWebServer, 1.3),
    small_to("1 KiB file, to dufs", Contestant::Dufs, 1.3),
];
