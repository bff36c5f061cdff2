//! The clients that wait for a resource. Giving some back wakes one task of the same client, whose share grew most, and
//! one of another client, in turn. A task that wakes tries again: how much it wants is unknown here.

use super::{Client, Resource, State};
use crate::sync::lock;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// The tasks of one client that wait for one resource.
#[derive(Default)]
pub(crate) struct Waiters {
    count: AtomicUsize,
    notify: Arc<Notify>,
    /// The lock of the ring guards it.
    is_in_ring: AtomicBool,
}

impl Waiters {
    /// Wakes one, in order of arrival.
    pub(crate) fn wake(&self) {
        if self.count.load(SeqCst) > 0 {
            self.notify.notify_one();
        }
    }
}

/// The clients with tasks that wait for one resource.
#[derive(Default)]
pub(crate) struct Ring {
    /// The number of clients, readable without the lock.
    count: AtomicUsize,
    clients: Mutex<VecDeque<Weak<State>>>,
}

impl Ring {
    /// A panic under the lock leaves a consistent state.
    fn clients(&self) -> MutexGuard<'_, VecDeque<Weak<State>>> {
        lock(&self.clients)
    }

    fn enter(&self, client: &Client, resource: Resource) {
        let mut clients = self.clients();
        if !client.waiters(resource).is_in_ring.swap(true, SeqCst) {
            clients.push_back(Arc::downgrade(&client.0));
            self.count.store(clients.len(), SeqCst);
        }
    }

    /// Wakes one task of the next client in turn, except for the given client. Clients without waiting tasks leave.
    pub(crate) fn wake_other_than(&self, state: &Arc<State>, resource: Resource) {
        if self.count.load(SeqCst) == 0 {
            return;
        }
        let mut clients = self.clients();
        for _ in 0..clients.len() {
            let Some(next) = clients.pop_front() else { break };
            let Some(client) = next.upgrade().map(Client) else { continue };
            let waiters = client.waiters(resource);
            if waiters.count.load(SeqCst) == 0 {
                waiters.is_in_ring.store(false, SeqCst);
                // A task that starts to wait now enters again: it is counted before it takes this lock.
                continue;
            }
            clients.push_back(next);
            if !Arc::ptr_eq(&client.0, state) {
                waiters.wake();
                break;
            }
        }
        self.count.store(clients.len(), SeqCst);
    }
}

/// Waits until some of a resource is given back.
pub struct Waiter {
    client: Client,
    resource: Resource,
    notified: Pin<Box<OwnedNotified>>,
}

impl Waiter {
    pub(crate) fn new(client: &Client, resource: Resource) -> Waiter {
        let waiters = client.waiters(resource);
        let mut notified = Box::pin(Arc::clone(&waiters.notify).notified_owned());
        waiters.count.fetch_add(1, SeqCst);
        notified.as_mut().enable();
        client.0.shared.pool(resource).waiting.enter(client, resource);
        Waiter { client: client.clone(), resource, notified }
    }
}

impl Future for Waiter {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.notified.as_mut().poll(cx)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.client.waiters(self.resource).count.fetch_sub(1, SeqCst);
    }
}
