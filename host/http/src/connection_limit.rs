//! Who may connect: counts the connections that are open, in all and from each address. It refuses to know what becomes of
//! them, and of those that it turns away.

use crate::limits::ClientLimits;
use glasshouse_quota::network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The count of a server, for all of its threads.
#[derive(Debug)]
pub struct ConnectionLimiter {
    most: usize,
    most_each: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    /// Those that have any.
    each: HashMap<IpAddr, usize>,
}

/// A connection that counts until this is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    admission: Arc<ConnectionLimiter>,
    client: IpAddr,
}

impl ConnectionLimiter {
    pub fn new(limits: &ClientLimits) -> Arc<ConnectionLimiter> {
        let (most, most_each) = (limits.max_connections, limits.max_connections_per_address);
        Arc::new(ConnectionLimiter { most, most_each, open: Mutex::default() })
    }

    /// A place for one more connection of this address; `None` where it or the server has as many as it may.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Option<ConnectionPermit> {
        let client = network(address);
        let mut open = self.open();
        if open.all >= self.most || open.each.get(&client).is_some_and(|&each| each >= self.most_each) {
            return None;
        }
        open.all += 1;
        *open.each.entry(client).or_default() += 1;
        Some(ConnectionPermit { admission: Arc::clone(self), client })
    }

    /// A panic while it was locked has left the count as it was or as it should be.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.admission.open();
        open.all = open.all.saturating_sub(1);
        match open.each.get_mut(&self.client) {
            Some(each) if *each > 1 => *each -= 1,
            _ => drop(open.each.remove(&self.client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::connection_limit::*;

    fn admission(most: usize, most_each: usize) -> Arc<ConnectionLimiter> {
        Arc::new(ConnectionLimiter { most, most_each, open: Mutex::default() })
    }

    #[test]
    fn a_place_is_given_back() {
        let admission = admission(3, 2);
        let admit = |address: &str| admission.admit(address.parse().unwrap());
        let (first, second) = (admit("192.0.2.1").unwrap(), admit("192.0.2.1").unwrap());
        assert!(admit("192.0.2.1").is_none(), "two from one address");
        let third = admit("192.0.2.2").unwrap();
        assert!(admit("192.0.2.3").is_none(), "three in all");
        drop(first);
        assert!(admit("192.0.2.1").is_some_and(|place| place.client == second.client));
        drop((second, third));
        assert!(admission.open().all == 0 && admission.open().each.is_empty());
    }

    #[test]
    fn a_network_is_one_client() {
        for (one, other, same) in [
            ("2001:db8::1", "2001:db8::ffff:0:0:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ] {
            let admission = admission(9, 1);
            let _place = admission.admit(one.parse().unwrap()).unwrap();
            assert_eq!(admission.admit(other.parse().unwrap()).is_none(), same, "{one} {other}");
        }
    }
}
