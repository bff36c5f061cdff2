//! The options for logs, for metrics and for trusted proxies.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, ValueEnum};
use glasshouse_http::Format;
use ipnet::IpNet;
use std::net::IpAddr;
use std::path::PathBuf;

const LOGS: &str = "Logs, metrics and proxies";

/// The contents and the destinations of logs and metrics.
#[derive(Debug, clap::Args)]
pub(crate) struct LogFlags {
    /// Format of the access log
    ///
    /// The variable is GLASSHOUSE_LOG_FORM, because GLASSHOUSE_LOG is the variable of --verbose.
    #[arg(long, value_name = "FORM", value_parser = log_format(), default_value = "python")]
    #[arg(env = "GLASSHOUSE_LOG_FORM", hide_env = true, help_heading = LOGS)]
    pub(crate) log: Format,

    /// File of the access log [default: standard error]
    ///
    /// Errors still go to standard error. Give the log a directory of its own: the process keeps the right to create
    /// and write files there.
    #[arg(long, value_name = "FILE")]
    #[arg(env = "GLASSHOUSE_LOG_FILE", hide_env = true, help_heading = LOGS)]
    pub(crate) log_file: Option<PathBuf>,

    /// Log more to standard error (-v: info, -vv: debug)
    ///
    /// The variable is GLASSHOUSE_LOG: error, warn, info or debug. The default is warn. The level debug includes each
    /// connection.
    #[arg(short, long, value_name = "LEVEL", value_enum, action = ArgAction::Append, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "more")]
    #[arg(env = "GLASSHOUSE_LOG", hide_env = true, help_heading = LOGS)]
    pub(crate) verbose: Vec<Verbosity>,

    /// Address of /healthz, /readyz and /metrics
    ///
    /// HOST:PORT, or a port alone for this machine only. Every client that can connect can read all of it.
    #[arg(long, value_name = "ADDR")]
    #[arg(env = "GLASSHOUSE_ADMIN", hide_env = true, help_heading = LOGS)]
    pub(crate) admin: Option<String>,

    /// Trust the client address from these proxies (repeatable)
    ///
    /// A network such as 10.0.0.0/8, or an address such as ::1. The client in the log is the last address in
    /// X-Forwarded-For that is not in one of these networks. The variable holds several, separated by commas.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = network)]
    #[arg(env = "GLASSHOUSE_TRUST", hide_env = true, help_heading = LOGS)]
    pub(crate) trust: Vec<IpNet>,

    /// Require a PROXY protocol header from trusted proxies
    ///
    /// Version 1 or 2. The server accepts the header from no other client.
    #[arg(long, requires = "trust")]
    #[arg(env = "GLASSHOUSE_PROXY_PROTOCOL", hide_env = true, help_heading = LOGS)]
    pub(crate) proxy_protocol: bool,
}

/// Reads a network, or an address, which is a network of one.
fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = |_| text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(address).map_err(|_| format!("invalid network '{text}'; give one such as 10.0.0.0/8 or ::1"))
}

impl LogFlags {
    /// The level of the log: each `-v` raises it by one.
    pub(crate) fn level(&self) -> Level {
        Level::of(self.verbose.iter())
    }
}

/// The level of the log on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    /// The level that a sequence of `--verbose` sets.
    pub(crate) fn of<'a>(verbose: impl Iterator<Item = &'a Verbosity>) -> Level {
        verbose.fold(Level::Warn, |level, verbosity| match verbosity {
            Verbosity::Error => Level::Error,
            Verbosity::Warn => Level::Warn,
            Verbosity::Info => Level::Info,
            Verbosity::Debug => Level::Debug,
            Verbosity::More => level.next(),
        })
    }

    /// The value of `--verbose` for this level.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }

    fn next(self) -> Level {
        match self {
            Level::Error => Level::Warn,
            Level::Warn => Level::Info,
            Level::Info | Level::Debug => Level::Debug,
        }
    }
}

/// A value of `--verbose`: a level, or an increase by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verbosity {
    /// Errors only
    Error,
    /// Also warnings and notices, the default
    Warn,
    /// Also startup, shutdown and refused clients
    Info,
    /// Also the start and the end of each connection
    Debug,
    #[value(hide = true)]
    More,
}

/// Parses the name of a format of the access log.
fn log_format() -> impl TypedValueParser<Value = Format> {
    let values = Format::ALL.map(|format| PossibleValue::new(format.name()).help(describe(format)));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<Format>())
}

fn describe(format: Format) -> &'static str {
    match format {
        Format::Python => "As python -m http.server does",
        Format::Common => "The Common Log Format",
        Format::Combined => "The same with Referer and User-Agent",
        Format::Json => "One JSON object a line, with duration and TLS",
        Format::Off => "Not at all",
    }
}
