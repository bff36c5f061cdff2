//! What clients may cost: the times that they are waited for, and how many of them there may be. It refuses to know where the
//! figures come from.

use std::time::Duration;

/// The limits of a server, all of them greater than zero but [`ClientLimits::max_content`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// For the head of a request, from its first byte.
    pub header_timeout: Duration,
    /// Without a byte of a request, on a connection that is new or kept.
    pub idle_timeout: Duration,
    /// Without progress of an answer.
    pub send_timeout: Duration,
    /// Bytes of content that are read and thrown away.
    pub max_content: u64,
    /// Open connections in all.
    pub max_connections: usize,
    /// Open connections from one address.
    pub max_connections_per_address: usize,
}
