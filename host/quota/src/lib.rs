//! Fair shares of memory, open files and instances for clients, and fair turns for their work on a thread.
//!
//! One rule holds for every resource: a client holds at most as much as it leaves free. A client alone may hold half of
//! a total, each of two a third, each of N one part of N + 1, and there is always room for the next one. So nothing has
//! to be taken back. A client that holds nothing may take all that is free.

#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::allow_attributes_without_reason,
        unreachable_pub
    )
)]
#![warn(missing_docs)]

mod scheduler;
pub mod sync;
mod waiting;

pub use scheduler::{Scheduled, Scheduler, Stage};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use sync::lock;
pub use waiting::Waiter;
use waiting::{Ring, Waiters};

/// A resource that clients share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Bytes: memory of busy instances, and content that was read and is not sent yet.
    Memory,
    /// Files that are open for responses.
    Files,
    /// Instances that are busy with the head of a response.
    Heads,
    /// Instances that generate the body of a response.
    Bodies,
}

/// The total of each resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Bytes of [`Resource::Memory`].
    pub memory: usize,
    /// Files of [`Resource::Files`].
    pub files: usize,
    /// Instances of [`Resource::Heads`].
    pub heads: usize,
    /// Instances of [`Resource::Bodies`].
    pub bodies: usize,
}

impl Totals {
    /// Totals with this memory in bytes and this number of files, for threads with a number of instances each. At most
    /// a quarter of the instances generate bodies.
    pub fn of_threads(memory: usize, files: usize, instances: usize, threads: NonZeroUsize) -> Totals {
        let heads = instances.saturating_mul(threads.get()).min(Totals::unlimited().heads);
        Totals { memory, files, heads, bodies: (heads / 4).max(1) }
    }

    /// More than clients can hold.
    pub fn unlimited() -> Totals {
        let most = usize::MAX >> 2;
        Totals { memory: most, files: most, heads: most, bodies: most }
    }

    fn of(&self, resource: Resource) -> usize {
        match resource {
            Resource::Memory => self.memory,
            Resource::Files => self.files,
            Resource::Heads => self.heads,
            Resource::Bodies => self.bodies,
        }
    }
}

impl Resource {
    const ALL: [Resource; 4] = [Resource::Memory, Resource::Files, Resource::Heads, Resource::Bodies];
}

/// A total and the amount of it that is held, in separate cache lines.
#[repr(align(128))]
struct Pool {
    total: usize,
    held: AtomicUsize,
    waiting: Ring,
}

struct Shared {
    pools: [Pool; Resource::ALL.len()],
    clients: Mutex<HashMap<IpAddr, Weak<State>>>,
}

/// The totals of a server, for all of its threads.
#[derive(Clone)]
pub struct Quotas(Arc<Shared>);

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = Resource::ALL.map(|resource| (resource, self.held(resource), self.total(resource)));
        f.debug_tuple("Quotas").field(&held).finish()
    }
}

impl Quotas {
    /// Quotas of which clients hold nothing yet.
    pub fn new(totals: Totals) -> Quotas {
        let pool = |resource| Pool { total: totals.of(resource), held: AtomicUsize::new(0), waiting: Ring::default() };
        Quotas(Arc::new(Shared { pools: Resource::ALL.map(pool), clients: Mutex::default() }))
    }

    /// The client at an address. All copies share one state.
    pub fn client(&self, address: IpAddr) -> Client {
        let address = network(address);
        let mut clients = self.0.clients();
        if let Some(state) = clients.get(&address).and_then(Weak::upgrade) {
            return Client(state);
        }
        let state = Arc::new(State {
            shared: Arc::clone(&self.0),
            address,
            held: Default::default(),
            waiters: Default::default(),
        });
        clients.insert(address, Arc::downgrade(&state));
        Client(state)
    }

    /// The amount of a resource that all clients hold together.
    pub fn held(&self, resource: Resource) -> usize {
        self.0.pool(resource).held.load(Relaxed)
    }

    /// The total of a resource.
    pub fn total(&self, resource: Resource) -> usize {
        self.0.pool(resource).total
    }
}

impl Shared {
    fn pool(&self, resource: Resource) -> &Pool {
        let [memory, files, heads, bodies] = &self.pools;
        match resource {
            Resource::Memory => memory,
            Resource::Files => files,
            Resource::Heads => heads,
            Resource::Bodies => bodies,
        }
    }

    /// A panic under the lock leaves a consistent state.
    fn clients(&self) -> MutexGuard<'_, HashMap<IpAddr, Weak<State>>> {
        lock(&self.clients)
    }
}

/// The amounts that one client holds.
struct State {
    shared: Arc<Shared>,
    address: IpAddr,
    held: [AtomicUsize; Resource::ALL.len()],
    waiters: [Waiters; Resource::ALL.len()],
}

impl Drop for State {
    fn drop(&mut self) {
        let mut clients = self.shared.clients();
        // The address may have a new state already.
        if clients.get(&self.address).is_some_and(|state| state.strong_count() == 0) {
            clients.remove(&self.address);
        }
    }
}

/// A client, by its address.
#[derive(Clone)]
pub struct Client(Arc<State>);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.address).finish()
    }
}

impl Client {
    /// A client without limits, which shares with no other.
    pub fn alone(address: IpAddr) -> Client {
        Quotas::new(Totals::unlimited()).client(address)
    }

    /// Its address, or the network of an IPv6 address.
    pub fn address(&self) -> IpAddr {
        self.0.address
    }

    /// The client of the same server at this address.
    pub fn at(&self, address: IpAddr) -> Client {
        if network(address) == self.0.address {
            self.clone()
        } else {
            Quotas(Arc::clone(&self.0.shared)).client(address)
        }
    }

    fn held(&self, resource: Resource) -> &AtomicUsize {
        let [memory, files, heads, bodies] = &self.0.held;
        match resource {
            Resource::Memory => memory,
            Resource::Files => files,
            Resource::Heads => heads,
            Resource::Bodies => bodies,
        }
    }

    fn waiters(&self, resource: Resource) -> &Waiters {
        let [memory, files, heads, bodies] = &self.0.waiters;
        match resource {
            Resource::Memory => memory,
            Resource::Files => files,
            Resource::Heads => heads,
            Resource::Bodies => bodies,
        }
    }

    /// Takes an amount of a resource. Returns `None` if less is free, or if it exceeds the client's share.
    pub fn try_take(&self, resource: Resource, amount: usize) -> Option<Lease> {
        self.try_take_some(resource, amount, amount)
    }

    /// Takes as much of a resource as this client may have, between `least` and `most`.
    pub fn try_take_some(&self, resource: Resource, most: usize, least: usize) -> Option<Lease> {
        self.reserve(resource, most, least).map(|amount| Lease { client: self.clone(), resource, amount })
    }

    fn reserve(&self, resource: Resource, most: usize, least: usize) -> Option<usize> {
        let (pool, own) = (self.0.shared.pool(resource), self.held(resource));
        let mut held = pool.held.load(SeqCst);
        loop {
            let free = pool.total.saturating_sub(held);
            let amount = most.min(share(free, own.load(Relaxed)));
            if amount < least.min(most) {
                return None;
            }
            match pool.held.compare_exchange_weak(held, held.saturating_add(amount), SeqCst, Relaxed) {
                Ok(_) => {
                    own.fetch_add(amount, Relaxed);
                    return Some(amount);
                }
                Err(now) => held = now,
            }
        }
    }

    /// Counts an amount that the client holds already, even if it exceeds the total.
    pub fn charge(&self, resource: Resource, amount: usize) -> Lease {
        self.0.shared.pool(resource).held.fetch_add(amount, SeqCst);
        self.held(resource).fetch_add(amount, Relaxed);
        Lease { client: self.clone(), resource, amount }
    }

    /// Takes an amount of a resource as soon as this client may have it.
    pub async fn take(&self, resource: Resource, amount: usize) -> Lease {
        loop {
            if let Some(lease) = self.try_take(resource, amount) {
                return lease;
            }
            let waiter = self.wait(resource);
            // An amount that was given back before the waiter existed has woken no task.
            if let Some(lease) = self.try_take(resource, amount) {
                return lease;
            }
            waiter.await;
        }
    }

    /// Waits until trying again may succeed. The caller tries once more between this call and the wait.
    pub fn wait(&self, resource: Resource) -> Waiter {
        Waiter::new(self, resource)
    }

    fn give_back(&self, resource: Resource, amount: usize) {
        self.held(resource).fetch_sub(amount, Relaxed);
        let pool = self.0.shared.pool(resource);
        pool.held.fetch_sub(amount, SeqCst);
        self.waiters(resource).wake();
        pool.waiting.wake_other_than(&self.0, resource);
    }
}

/// The amount that a client may take that holds `own` already: no more than it then leaves free.
fn share(free: usize, own: usize) -> usize {
    if own == 0 { free } else { free.saturating_sub(own) / 2 }
}

/// An amount that a client holds until the value is dropped.
#[derive(Debug)]
pub struct Lease {
    client: Client,
    resource: Resource,
    amount: usize,
}

impl Lease {
    /// The amount that is held, in units of the resource.
    pub fn amount(&self) -> usize {
        self.amount
    }

    /// Takes more of the same resource. Returns whether this client may have that much.
    pub fn try_grow(&mut self, more: usize) -> bool {
        let grown = self.client.reserve(self.resource, more, more);
        self.amount = self.amount.saturating_add(grown.unwrap_or(0));
        grown.is_some()
    }

    /// Gives all of it back.
    pub fn clear(&mut self) {
        let amount = std::mem::take(&mut self.amount);
        if amount > 0 {
            self.client.give_back(self.resource, amount);
        }
    }

    /// Adds an amount that is held already, see [`Client::charge`].
    pub fn charge(&mut self, more: usize) {
        let mut other = self.client.charge(self.resource, more);
        self.amount = self.amount.saturating_add(std::mem::take(&mut other.amount));
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The address that stands for a client: one host has a whole IPv6 network of 64 bits (RFC 4291 2.5.4).
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn quotas(files: usize) -> Quotas {
        Quotas::new(Totals { files, ..Totals::unlimited() })
    }

    fn client(quotas: &Quotas, last: u8) -> Client {
        quotas.client([192, 0, 2, last].into())
    }

    /// Takes one at a time until there is none left for this client.
    fn take_all(client: &Client) -> Vec<Lease> {
        std::iter::from_fn(|| client.try_take(Resource::Files, 1)).collect()
    }

    #[test]
    fn a_client_holds_no_more_than_it_leaves() {
        let quotas = quotas(120);
        let held: Vec<_> = (0..4).map(|last| take_all(&client(&quotas, last))).collect();
        assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [60, 30, 15, 7]);
        assert_eq!(quotas.held(Resource::Files), 112);
        drop(held);
        assert_eq!(quotas.held(Resource::Files), 0);
        assert!(quotas.0.clients().is_empty());
        assert_eq!(take_all(&client(&quotas, 1)).len(), 60);
    }

    #[test]
    fn one_unit_is_enough_for_one() {
        let quotas = quotas(1);
        let (one, other) = (client(&quotas, 1), client(&quotas, 2));
        let lease = one.try_take(Resource::Files, 1);
        assert!(lease.is_some() && one.try_take(Resource::Files, 1).is_none());
        assert!(other.try_take(Resource::Files, 1).is_none());
        drop(lease);
        assert!(other.try_take(Resource::Files, 1).is_some());
    }

    #[test]
    fn as_much_is_taken_as_there_is() {
        let quotas = quotas(100);
        let one = client(&quotas, 1);
        let first = one.try_take_some(Resource::Files, 30, 10).unwrap();
        let second = one.try_take_some(Resource::Files, 30, 10).unwrap();
        assert_eq!((first.amount(), second.amount()), (30, 20));
        assert!(one.try_take_some(Resource::Files, 30, 10).is_none());
    }

    #[test]
    fn a_network_is_one_client() {
        let quotas = quotas(10);
        let at = |address: &str| quotas.client(address.parse().unwrap());
        let one = at("2001:db8::1");
        let _held = take_all(&one);
        assert!(at("2001:db8::ffff:2").try_take(Resource::Files, 1).is_none());
        assert!(at("2001:db8:0:1::1").try_take(Resource::Files, 1).is_some());
        assert_eq!(at("::ffff:192.0.2.1").address(), one.at([192, 0, 2, 1].into()).address());
    }

    #[test]
    fn a_lease_grows_and_what_is_held_already_is_counted() {
        let quotas = quotas(10);
        let one = client(&quotas, 1);
        let mut lease = one.try_take(Resource::Files, 3).unwrap();
        assert!(lease.try_grow(2) && !lease.try_grow(1));
        lease.charge(20);
        assert_eq!((quotas.held(Resource::Files), lease.amount()), (25, 25));
        drop(lease);
        assert_eq!(quotas.held(Resource::Files), 0);
    }

    #[test]
    fn what_is_given_back_wakes_those_who_wait() {
        let quotas = quotas(2);
        let (one, other) = (client(&quotas, 1), client(&quotas, 2));
        let (first, second) = (one.try_take(Resource::Files, 1).unwrap(), other.try_take(Resource::Files, 1).unwrap());
        let mut context = Context::from_waker(Waker::noop());
        let mut own = pin!(one.take(Resource::Files, 1));
        let mut others = pin!(other.take(Resource::Files, 1));
        assert!(own.as_mut().poll(&mut context).is_pending() && others.as_mut().poll(&mut context).is_pending());
        drop(first);
        let Poll::Ready(again) = own.as_mut().poll(&mut context) else { panic!("its own was given back") };
        assert!(others.as_mut().poll(&mut context).is_pending(), "it holds what there is for it");
        drop((again, second));
        assert!(others.as_mut().poll(&mut context).is_ready(), "everything was given back");
    }
}
