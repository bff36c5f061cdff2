//! What all requests of a connection share.

use crate::access_log::{Log, LogEntry};
use crate::auth::Users;
use crate::handler::Handler;
use crate::hosts::Hosts;
use crate::limits::ClientLimits;
use crate::trusted_proxies::TrustedProxies;
use glasshouse_quota::Client;
use http::{StatusCode, Version};
use std::net::IpAddr;
use std::sync::Arc;

/// What all requests of a connection share: the handler, the client, and the rules for requests.
#[derive(Debug)]
pub struct ConnectionContext<H> {
    pub(crate) handler: H,
    /// The highest version of HTTP/1 that the server speaks.
    pub(crate) version: Version,
    pub(crate) log: Log,
    /// Address of the other end of the connection, or of the client that the PROXY header names.
    pub(crate) peer: IpAddr,
    /// Holds the resources of the connection.
    pub(crate) client: Client,
    /// Bytes of a request body that are read and discarded, because a client that still sends may not read yet.
    pub(crate) max_content: u64,
    pub(crate) users: Option<Arc<Users>>,
    pub(crate) tls_version: Option<&'static str>,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) hosts: Hosts,
}

impl<H: Handler> ConnectionContext<H> {
    /// The context of a connection from `peer`. It allows every user and host, and trusts no proxy.
    pub fn new(
        handler: H,
        version: Version,
        limits: &ClientLimits,
        log: Log,
        peer: IpAddr,
        client: Client,
    ) -> ConnectionContext<H> {
        ConnectionContext {
            handler,
            version,
            log,
            peer,
            client,
            max_content: limits.max_content,
            users: None,
            tls_version: None,
            trusted_proxies: TrustedProxies::default(),
            hosts: Hosts::All,
        }
    }

    /// Requires the credentials of one of these users, if there are any.
    pub fn with_users(self, users: Option<Arc<Users>>) -> ConnectionContext<H> {
        ConnectionContext { users, ..self }
    }

    /// Accepts client addresses from these proxies.
    pub fn with_trusted_proxies(self, trusted_proxies: TrustedProxies) -> ConnectionContext<H> {
        ConnectionContext { trusted_proxies, ..self }
    }

    /// Rejects requests for other hosts.
    pub fn with_hosts(self, hosts: Hosts) -> ConnectionContext<H> {
        ConnectionContext { hosts, ..self }
    }

    /// Sets the TLS version for the log, such as `TLSv1.3`.
    pub fn with_tls_version(self, tls_version: Option<&'static str>) -> ConnectionContext<H> {
        ConnectionContext { tls_version, ..self }
    }

    /// Replaces the address of a proxy with the address of its client.
    pub(crate) fn with_peer(self, peer: IpAddr) -> ConnectionContext<H> {
        ConnectionContext { peer, client: self.client.at(peer), ..self }
    }

    /// Address of the client.
    pub fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Holds the resources of the connection.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Logs a response to bytes from which no request was read.
    pub fn log_without_request(&self, status: StatusCode) {
        let entry = LogEntry::without_request(self.peer, status.as_u16());
        self.log.access(&LogEntry { tls: self.tls_version, ..entry });
    }
}
