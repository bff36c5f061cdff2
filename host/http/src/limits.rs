//! Limits for clients: timeouts, and the number of connections.

use std::time::Duration;

/// Limits for clients. All are greater than zero, except for [`ClientLimits::max_content`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Time for the head of a request, from its first byte.
    pub header_timeout: Duration,
    /// Time without a byte of a request, on a new or kept connection.
    pub idle_timeout: Duration,
    /// Time without progress of a response.
    pub send_timeout: Duration,
    /// Bytes of a request body that are read and discarded.
    pub max_content: u64,
    /// Open connections of all clients.
    pub max_connections: usize,
    /// Open connections of one address; an IPv6 /64 network counts as one.
    pub max_connections_per_address: usize,
}
