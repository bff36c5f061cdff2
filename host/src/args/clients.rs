//! The options for clients: timeouts and numbers of connections. `config` adds the defaults that depend on the machine.

use super::CLIENTS;
use super::value::{MANY, count};
use crate::args::value::{ByteSize, TimeSpan};
use std::num::NonZeroUsize;
use std::time::Duration;

/// The limits of clients.
#[derive(Debug, clap::Args)]
pub(crate) struct ClientFlags {
    /// Maximum time for the head of a request
    ///
    /// The time starts with the first byte. Then the server answers with 408 and closes the connection.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = some_time)]
    #[arg(env = "GLASSHOUSE_HEADER_TIMEOUT", hide_env = true, hide_short_help = true, help_heading = CLIENTS)]
    pub(crate) header_timeout: TimeSpan,

    /// Maximum time of a connection without a request
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = some_time)]
    #[arg(env = "GLASSHOUSE_IDLE_TIMEOUT", hide_env = true, hide_short_help = true, help_heading = CLIENTS)]
    pub(crate) idle_timeout: TimeSpan,

    /// Maximum time in which a client accepts no byte of a response
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = some_time)]
    #[arg(env = "GLASSHOUSE_SEND_TIMEOUT", hide_env = true, hide_short_help = true, help_heading = CLIENTS)]
    pub(crate) send_timeout: TimeSpan,

    /// Maximum bytes of a request body that the server discards
    ///
    /// No request needs a body. A request with a longer body gets its response, and the server closes the connection.
    #[arg(long, value_name = "SIZE", default_value = "1M")]
    #[arg(env = "GLASSHOUSE_MAX_CONTENT", hide_env = true, hide_short_help = true, help_heading = CLIENTS)]
    pub(crate) max_content: ByteSize,

    /// Maximum open connections [default: 75% of the open-file limit]
    ///
    /// The server answers further connections with 503.
    #[arg(long, value_name = "N", value_parser = |text: &str| count(text, 1..=MANY))]
    #[arg(env = "GLASSHOUSE_MAX_CONNECTIONS", hide_env = true, help_heading = CLIENTS)]
    pub(crate) max_connections: Option<NonZeroUsize>,

    /// Maximum open connections of one address [default: half]
    ///
    /// IPv6 addresses with the same first 64 bits count as one, because one host gets all of them.
    #[arg(long, value_name = "N", value_parser = |text: &str| count(text, 1..=MANY))]
    #[arg(env = "GLASSHOUSE_MAX_CONNECTIONS_PER_ADDRESS", hide_env = true, hide_short_help = true, help_heading = CLIENTS)]
    pub(crate) max_connections_per_address: Option<NonZeroUsize>,

    /// Maximum memory of all responses [default: 25% of the memory]
    ///
    /// This counts content that was read and not sent, and busy instances. One client can use at most as much as
    /// remains free. Beyond that its responses wait or become 503. The same rule applies to open files and busy
    /// instances.
    #[arg(long, value_name = "SIZE", value_parser = some_size)]
    #[arg(env = "GLASSHOUSE_MAX_TOTAL_MEMORY", hide_env = true, hide_short_help = true, help_heading = CLIENTS)]
    pub(crate) max_total_memory: Option<ByteSize>,
}

/// With less, no request gets a response.
fn some_size(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size.0 < 8 << 20 { Err("too small; give 8M or more".to_owned()) } else { Ok(size) }
}

/// In less time no client can send a request.
fn some_time(text: &str) -> Result<TimeSpan, String> {
    TimeSpan::at_least(text, Duration::from_millis(10))
}
