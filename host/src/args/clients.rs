//! The options about clients: how long they are waited for and how many there may be. It refuses to know what this machine can
//! bear; that is `config`.

use super::value::{MANY, count};
use crate::args::value::{ByteSize, TimeSpan};
use std::num::NonZeroUsize;
use std::time::Duration;

const CLIENTS: &str = "Clients";

/// What a client may cost.
#[derive(Debug, clap::Args)]
pub struct ClientFlags {
    /// How long a client may take for the head of a request, from its first byte
    ///
    /// Then it is answered with 408, and the connection ends.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = some_time)]
    #[arg(env = "GLASSHOUSE_HEADER_TIMEOUT", hide_env = true, help_heading = CLIENTS)]
    pub header_timeout: TimeSpan,

    /// How long a connection may be open without a byte of a request
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = some_time)]
    #[arg(env = "GLASSHOUSE_IDLE_TIMEOUT", hide_env = true, help_heading = CLIENTS)]
    pub idle_timeout: TimeSpan,

    /// How long a client may accept nothing of its answer
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = some_time)]
    #[arg(env = "GLASSHOUSE_SEND_TIMEOUT", hide_env = true, help_heading = CLIENTS)]
    pub send_timeout: TimeSpan,

    /// Content of a request that is read and thrown away
    ///
    /// No request needs any. One with more is answered without it, and the connection ends.
    #[arg(long, value_name = "SIZE", default_value = "1M")]
    #[arg(env = "GLASSHOUSE_MAX_CONTENT", hide_env = true, help_heading = CLIENTS)]
    pub max_content: ByteSize,

    /// Connections that may be open [default: three of four open files]
    ///
    /// Further ones are answered with 503 at once.
    #[arg(long, value_name = "N", value_parser = |text: &str| count(text, 1..=MANY))]
    #[arg(env = "GLASSHOUSE_MAX_CONNECTIONS", hide_env = true, help_heading = CLIENTS)]
    pub max_connections: Option<NonZeroUsize>,

    /// Of these, connections from one address [default: half]
    ///
    /// IPv6 addresses with the same first 64 bits are one: a single host is given as many.
    #[arg(long, value_name = "N", value_parser = |text: &str| count(text, 1..=MANY))]
    #[arg(env = "GLASSHOUSE_MAX_CONNECTIONS_PER_ADDRESS", hide_env = true, help_heading = CLIENTS)]
    pub max_connections_per_address: Option<NonZeroUsize>,

    /// Memory that all answers together may hold [default: a quarter of what there is]
    ///
    /// What was read and is not sent, and instances that are busy. A client holds at most as much as it leaves free; then its answers
    /// wait, or are 503. The same rule is for open files and busy instances.
    #[arg(long, value_name = "SIZE", value_parser = some_size)]
    #[arg(env = "GLASSHOUSE_MAX_TOTAL_MEMORY", hide_env = true, help_heading = CLIENTS)]
    pub max_total_memory: Option<ByteSize>,
}

/// With less, nothing would be answered.
fn some_size(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size.0 < 8 << 20 { Err("less than 8M is too little for one answer".to_owned()) } else { Ok(size) }
}

/// In less time no client can do anything.
fn some_time(text: &str) -> Result<TimeSpan, String> {
    TimeSpan::at_least(text, Duration::from_millis(10))
}
