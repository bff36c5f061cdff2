//! Limits the open connections, in total and of each address.

use crate::limits::ClientLimits;
use glasshouse_quota::network;
use glasshouse_quota::sync::lock;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

/// Counts the open connections of a server, on all threads.
#[derive(Debug)]
pub struct ConnectionLimiter {
    max: usize,
    max_per_address: usize,
    open: Mutex<OpenConnections>,
}

#[derive(Debug, Default)]
struct OpenConnections {
    total: usize,
    /// Without addresses that have none.
    by_address: HashMap<IpAddr, usize>,
}

/// Counts an open connection until it is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    limiter: Arc<ConnectionLimiter>,
    network: IpAddr,
}

impl ConnectionLimiter {
    /// A limiter without open connections.
    pub fn new(limits: &ClientLimits) -> Arc<ConnectionLimiter> {
        let (max, max_per_address) = (limits.max_connections, limits.max_connections_per_address);
        Arc::new(ConnectionLimiter { max, max_per_address, open: Mutex::default() })
    }

    /// Permits one more connection of an address, or returns `None` if it or the server has the maximum.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Option<ConnectionPermit> {
        let network = network(address);
        let mut open = self.open();
        let of_network = open.by_address.get(&network).copied().unwrap_or_default();
        if open.total >= self.max || of_network >= self.max_per_address {
            return None;
        }
        open.total = open.total.saturating_add(1);
        open.by_address.insert(network, of_network.saturating_add(1));
        Some(ConnectionPermit { limiter: Arc::clone(self), network })
    }

    fn open(&self) -> MutexGuard<'_, OpenConnections> {
        lock(&self.open)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.limiter.open();
        open.total = open.total.saturating_sub(1);
        match open.by_address.get_mut(&self.network) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => drop(open.by_address.remove(&self.network)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::connection_limit::*;

    fn limiter(max: usize, max_per_address: usize) -> Arc<ConnectionLimiter> {
        Arc::new(ConnectionLimiter { max, max_per_address, open: Mutex::default() })
    }

    #[test]
    fn a_dropped_permit_is_free_again() {
        let limiter = limiter(3, 2);
        let admit = |address: &str| limiter.admit(address.parse().unwrap());
        let (first, second) = (admit("192.0.2.1").unwrap(), admit("192.0.2.1").unwrap());
        assert!(admit("192.0.2.1").is_none(), "two from one address");
        let third = admit("192.0.2.2").unwrap();
        assert!(admit("192.0.2.3").is_none(), "three in all");
        drop(first);
        assert!(admit("192.0.2.1").is_some_and(|permit| permit.network == second.network));
        drop((second, third));
        assert!(limiter.open().total == 0 && limiter.open().by_address.is_empty());
    }

    #[test]
    fn a_network_counts_as_one_address() {
        for (one, other, same) in [
            ("2001:db8::1", "2001:db8::ffff:0:0:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ] {
            let limiter = limiter(9, 1);
            let _permit = limiter.admit(one.parse().unwrap()).unwrap();
            assert_eq!(limiter.admit(other.parse().unwrap()).is_none(), same, "{one} {other}");
        }
    }
}
