//! The options about what the server tells of itself: the log of requests, and figures. It refuses to know where any of it goes.

use clap::{ArgAction, ValueEnum};
use ipnet::IpNet;
use std::net::IpAddr;
use std::path::PathBuf;

const LOGS: &str = "Log and figures";

/// What is told, and where.
#[derive(Debug, clap::Args)]
pub struct LogFlags {
    /// Form of the entry that each request leaves in the log
    ///
    /// Its variable is GLASSHOUSE_LOG_FORM: GLASSHOUSE_LOG is that of --verbose.
    #[arg(long, value_name = "FORM", value_enum, default_value = "python")]
    #[arg(env = "GLASSHOUSE_LOG_FORM", hide_env = true, help_heading = LOGS)]
    pub log: LogFormat,

    /// File that the entries are added to [default: standard error]
    ///
    /// Complaints go to standard error all the same. Give it a directory of its own: the process keeps the right to make and write
    /// files there.
    #[arg(long, value_name = "FILE")]
    #[arg(env = "GLASSHOUSE_LOG_FILE", hide_env = true, help_heading = LOGS)]
    pub log_file: Option<PathBuf>,

    /// Say more on standard error of what the server does; -vv tells of each connection
    ///
    /// Its variable is GLASSHOUSE_LOG, and names the level: error, which is what is said anyway, info for -v, debug for -vv.
    #[arg(short, long, value_name = "LEVEL", value_enum, action = ArgAction::Append, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "more")]
    #[arg(env = "GLASSHOUSE_LOG", hide_env = true, help_heading = LOGS)]
    pub verbose: Vec<Verbosity>,

    /// Address for /healthz, /readyz and /metrics, beside those that serve
    ///
    /// HOST:PORT, or a port alone for this machine only. Whoever can connect to it may read all of it.
    #[arg(long, value_name = "ADDR")]
    #[arg(env = "GLASSHOUSE_ADMIN", hide_env = true, help_heading = LOGS)]
    pub admin: Option<String>,

    /// Network of proxies that are believed when they say for whom they ask, repeatable
    ///
    /// Such as 10.0.0.0/8 or ::1. The last address in X-Forwarded-For that is none of theirs is the client in the log. The variable
    /// holds several, separated by commas.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = network)]
    #[arg(env = "GLASSHOUSE_TRUST", hide_env = true, help_heading = LOGS)]
    pub trust: Vec<IpNet>,

    /// Let these proxies begin with a header of the PROXY protocol, version 1 or 2
    ///
    /// They must, and nobody else may.
    #[arg(long, requires = "trust")]
    #[arg(env = "GLASSHOUSE_PROXY_PROTOCOL", hide_env = true, help_heading = LOGS)]
    pub proxy_protocol: bool,
}

/// An address alone is a network of one.
fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = |_| text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(address).map_err(|_| format!("'{text}' is no network; give one such as 10.0.0.0/8 or ::1"))
}

impl LogFlags {
    /// How much is said: each `-v` is one more than before it.
    pub fn level(&self) -> Level {
        Level::of(self.verbose.iter())
    }
}

/// How much is said of what the program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error,
    Info,
    Debug,
}

impl Level {
    /// What several of `--verbose` come to.
    pub fn of<'a>(verbose: impl Iterator<Item = &'a Verbosity>) -> Level {
        verbose.fold(Level::Error, |level, verbosity| match verbosity {
            Verbosity::Error => Level::Error,
            Verbosity::Info => Level::Info,
            Verbosity::Debug => Level::Debug,
            Verbosity::More => level.next(),
        })
    }

    /// The value of `--verbose` that asks for it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }

    fn next(self) -> Level {
        match self {
            Level::Error => Level::Info,
            Level::Info | Level::Debug => Level::Debug,
        }
    }
}

/// A level, or one more of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Verbosity {
    /// What goes wrong
    Error,
    /// What the server does, and whom it turns away
    Info,
    /// The beginning and end of each connection, too
    Debug,
    #[value(hide = true)]
    More,
}

/// How a request is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// As python -m http.server does
    Python,
    /// The Common Log Format
    Common,
    /// The same with Referer and User-Agent
    Combined,
    /// One JSON object a line, with duration and TLS
    Json,
    /// Not at all
    Off,
}

impl From<LogFormat> for glasshouse_http::Format {
    fn from(form: LogFormat) -> glasshouse_http::Format {
        match form {
            LogFormat::Python => glasshouse_http::Format::Python,
            LogFormat::Common => glasshouse_http::Format::Common,
            LogFormat::Combined => glasshouse_http::Format::Combined,
            LogFormat::Json => glasshouse_http::Format::Json,
            LogFormat::Off => glasshouse_http::Format::Off,
        }
    }
}
