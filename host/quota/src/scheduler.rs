//! A fair queue for the work of a thread.
//!
//! Work runs at once while the thread has little to do. After a slice of time without a look at the sockets, further
//! work waits in a queue. After each look at the sockets, the client that has used the least time is next, so the wait
//! of one client does not grow with the number of requests of another.

use crate::sync::lock;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::task::yield_now;

/// Time for which a thread runs work before it looks at its sockets, unless one piece of work takes longer.
const SLICE: Duration = Duration::from_millis(2);
/// A batch that takes less time than this is too small.
const SHORT_SLICE: Duration = Duration::from_micros(500);
/// Upper bound on the pieces of work between two looks at the sockets.
const MAX_BATCH: usize = 64;
/// If this many started heads of one client wait for a turn, no further head is started. Heads finish sooner this way,
/// and take less memory.
const MAX_STARTED: usize = 4;
/// The least time that a client is charged for a turn, in nanoseconds.
const TURN_COST: u64 = 20_000;
/// Clients without work whose used time is kept.
const MAX_IDLE_CLIENTS: usize = 64;

/// The stage of a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not started.
    Fresh,
    /// Generates a head, or does something else that is short.
    Started,
    /// Generates a body.
    Body,
}

/// The queue of a thread.
#[derive(Default)]
pub struct Scheduler(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    /// Whether work has to wait: from the end of a slice until the queue is empty.
    is_busy: bool,
    /// Time that work has used since the last look at the sockets.
    used: Duration,
    /// Pieces of work that may run before the next look.
    batch: usize,
    /// The used time of the client that was last in turn.
    clock: u64,
    clients: HashMap<IpAddr, ClientQueue>,
    /// The clients that wait, by the time that they have used.
    order: BTreeSet<(u64, IpAddr)>,
}

/// The waiting work of one client.
#[derive(Default)]
struct ClientQueue {
    /// Time that the client has used, in nanoseconds. Never far behind the clock.
    used: u64,
    fresh: VecDeque<Arc<Ticket>>,
    started: VecDeque<Arc<Ticket>>,
    bodies: VecDeque<Arc<Ticket>>,
    /// Heads and bodies alternate.
    is_bodies_turn: bool,
}

impl ClientQueue {
    fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.started.is_empty() && self.bodies.is_empty()
    }

    fn push(&mut self, ticket: Arc<Ticket>, stage: Stage) {
        match stage {
            Stage::Fresh => self.fresh.push_back(ticket),
            Stage::Started => self.started.push_back(ticket),
            Stage::Body => self.bodies.push_back(ticket),
        }
    }

    fn pop(&mut self) -> Option<Arc<Ticket>> {
        self.is_bodies_turn = !self.is_bodies_turn;
        if !self.is_bodies_turn
            && let Some(body) = self.bodies.pop_front()
        {
            return Some(body);
        }
        let head = if self.started.len() < MAX_STARTED { self.fresh.pop_front() } else { None };
        head.or_else(|| self.started.pop_front()).or_else(|| self.bodies.pop_front())
    }
}

/// One piece of work in the queue.
struct Ticket {
    client: IpAddr,
    state: Mutex<TicketState>,
}

struct TicketState {
    stage: Stage,
    is_queued: bool,
    /// Whether the work may run once.
    is_next: bool,
    /// Whether the work was dropped.
    is_dropped: bool,
    waker: Option<Waker>,
}

impl Ticket {
    /// A panic under the lock leaves a consistent state.
    fn lock(&self) -> MutexGuard<'_, TicketState> {
        lock(&self.state)
    }

    /// Lets the work run. Returns `false` if nothing waits for it.
    fn call(&self) -> bool {
        let mut state = self.lock();
        state.is_queued = false;
        state.is_next = !state.is_dropped;
        let waker = state.waker.take();
        drop(state);
        match waker {
            Some(waker) => {
                waker.wake();
                true
            }
            None => false,
        }
    }
}

impl Scheduler {
    /// Wraps work of a client so that it runs in turn.
    pub fn schedule<F>(self: &Arc<Self>, client: IpAddr, work: F) -> Scheduled<F> {
        let state =
            TicketState { stage: Stage::Fresh, is_queued: false, is_next: false, is_dropped: false, waker: None };
        let ticket = Arc::new(Ticket { client, state: Mutex::new(state) });
        Scheduled { scheduler: Arc::clone(self), ticket, work }
    }

    /// Drops a value in turn whose destructor takes a while, such as an instance.
    pub fn discard<T: Unpin>(self: &Arc<Self>, client: IpAddr, what: T) -> impl Future<Output = ()> + use<T> {
        let mut what = Some(what);
        self.schedule(
            client,
            poll_fn(move |_| {
                drop(what.take());
                Poll::Ready(())
            }),
        )
    }

    /// A panic under the lock leaves a consistent state.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.0)
    }

    /// Returns whether the work may run now. If not, it is in the queue.
    fn may_run(&self, ticket: &Arc<Ticket>, waker: &Waker) -> bool {
        let mut state = ticket.lock();
        let is_next = std::mem::take(&mut state.is_next);
        let mut queue = self.queue();
        // Several tickets are called together if work was short, and the first of them may use up the slice. If the
        // queue is empty, the work needs no turn for the rest of the slice.
        let is_free = is_next || queue.order.is_empty();
        if !queue.is_busy || (is_free && queue.used < SLICE) {
            return true;
        }
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        if !std::mem::replace(&mut state.is_queued, true) {
            queue.push(Arc::clone(ticket), state.stage);
        }
        false
    }

    /// Counts the time that work has used. At the end of a slice, further work waits.
    fn ran(self: &Arc<Self>, client: IpAddr, time: Duration) {
        let mut queue = self.queue();
        queue.used = queue.used.saturating_add(time);
        if !queue.is_busy {
            if queue.used < SLICE {
                return;
            }
            queue.is_busy = true;
            queue.batch = 1;
            let scheduler = Arc::clone(self);
            tokio::spawn(async move {
                // The runtime looks at its sockets before this task continues.
                yield_now().await;
                while scheduler.next() {
                    yield_now().await;
                }
            });
        }
        queue.charge(client, nanoseconds(time));
    }

    /// Calls the work whose turn it is. Returns `false` if the queue is empty.
    fn next(&self) -> bool {
        let mut queue = self.queue();
        let used = std::mem::take(&mut queue.used);
        queue.batch = match queue.batch {
            batch if used < SHORT_SLICE => batch.saturating_mul(2).min(MAX_BATCH),
            _ if used > SLICE => 1,
            batch => batch,
        };
        let batch = queue.batch;
        drop(queue);
        let mut called = 0;
        while called < batch {
            let Some(ticket) = self.queue().pop() else { break };
            called = usize::from(ticket.call()).saturating_add(called);
        }
        if called == 0 {
            *self.queue() = Queue::default();
        }
        called > 0
    }
}

impl Queue {
    fn push(&mut self, ticket: Arc<Ticket>, stage: Stage) {
        let (client, clock) = (ticket.client, self.clock);
        let own = self.clients.entry(client).or_default();
        if own.is_empty() {
            // A client that was idle for a while gains no credit.
            own.used = own.used.max(clock);
            self.order.insert((own.used, client));
        }
        own.push(ticket, stage);
    }

    /// The next work of the client that has used the least time.
    fn pop(&mut self) -> Option<Arc<Ticket>> {
        loop {
            let (used, client) = self.order.pop_first()?;
            self.clock = self.clock.max(used);
            let Some(own) = self.clients.get_mut(&client) else { continue };
            let ticket = own.pop();
            own.used = own.used.saturating_add(TURN_COST);
            if !own.is_empty() {
                self.order.insert((own.used, client));
            }
            if self.clients.len() > self.order.len().saturating_mul(2).saturating_add(MAX_IDLE_CLIENTS) {
                let clock = self.clock;
                self.clients.retain(|_, own| !own.is_empty() || own.used > clock);
            }
            if ticket.is_some() {
                return ticket;
            }
        }
    }

    fn charge(&mut self, client: IpAddr, time: u64) {
        let clock = self.clock;
        let own = self.clients.entry(client).or_default();
        let before = own.used;
        own.used = before.max(clock).saturating_add(time);
        if self.order.remove(&(before, client)) {
            self.order.insert((own.used, client));
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Work that runs in turn.
pub struct Scheduled<F> {
    scheduler: Arc<Scheduler>,
    ticket: Arc<Ticket>,
    work: F,
}

impl<F> Scheduled<F> {
    /// Marks the work as one that generates a body.
    pub fn is_body(&self) {
        self.ticket.lock().stage = Stage::Body;
    }
}

impl<F: Future + Unpin> Future for Scheduled<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if !self.scheduler.may_run(&self.ticket, cx.waker()) {
            return Poll::Pending;
        }
        {
            let mut state = self.ticket.lock();
            if state.stage == Stage::Fresh {
                state.stage = Stage::Started;
            }
        }
        let began = Instant::now();
        let polled = Pin::new(&mut self.work).poll(cx);
        self.scheduler.ran(self.ticket.client, began.elapsed());
        polled
    }
}

impl<F> Drop for Scheduled<F> {
    fn drop(&mut self) {
        let mut state = self.ticket.lock();
        state.is_dropped = true;
        state.waker = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Builder;

    /// Work that computes for a number of turns of some time each, and then logs which it was.
    fn work(
        log: &Arc<Mutex<Vec<u8>>>,
        who: u8,
        turns: usize,
        time: Duration,
    ) -> impl Future<Output = ()> + Unpin + use<> {
        let (log, mut left) = (Arc::clone(log), turns);
        poll_fn(move |cx| {
            let end = Instant::now() + time;
            while Instant::now() < end {}
            left -= 1;
            if left == 0 {
                log.lock().unwrap().push(who);
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    fn run(all: impl FnOnce(&Arc<Scheduler>, &Arc<Mutex<Vec<u8>>>) -> Vec<tokio::task::JoinHandle<()>>) -> Vec<u8> {
        let (scheduler, log) = (Arc::new(Scheduler::default()), Arc::default());
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            for task in all(&scheduler, &log) {
                task.await.unwrap();
            }
        });
        assert!(scheduler.queue().clients.len() <= 2 && scheduler.queue().order.is_empty());
        Arc::try_unwrap(log).unwrap().into_inner().unwrap()
    }

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn a_client_with_little_work_does_not_wait_for_one_with_much() {
        let ended = run(|scheduler, log| {
            let mut tasks: Vec<_> = (0..40)
                .map(|_| tokio::spawn(scheduler.schedule(address(1), work(log, 1, 5, Duration::from_millis(1)))))
                .collect();
            tasks.push(tokio::spawn(scheduler.schedule(address(2), work(log, 2, 1, Duration::from_micros(10)))));
            tasks
        });
        let place = ended.iter().position(|who| *who == 2).unwrap();
        assert!(place <= 3 && ended.len() == 41, "the {place}th was the bystander");
    }

    #[test]
    fn work_is_rarely_queued_while_nothing_else_waits() {
        const TURNS: usize = 1_000;
        let polls = Arc::new(Mutex::new(0));
        run(|scheduler, log| {
            let mut work = scheduler.schedule(address(1), work(log, 1, TURNS, Duration::from_micros(10)));
            let polls = Arc::clone(&polls);
            vec![tokio::spawn(poll_fn(move |cx| {
                *polls.lock().unwrap() += 1;
                Pin::new(&mut work).poll(cx)
            }))]
        });
        let queued = *polls.lock().unwrap() - TURNS;
        assert!(queued <= TURNS / 10, "queued {queued} times in {TURNS} turns");
    }

    #[test]
    fn started_work_finishes_before_much_more_is_started() {
        let started = Arc::new(Mutex::new((0_usize, 0_usize)));
        run(|scheduler, log| {
            (0..40)
                .map(|_| {
                    let (started, mut inner) = (Arc::clone(&started), work(log, 1, 4, Duration::from_millis(1)));
                    let mut is_first = true;
                    let work = poll_fn(move |cx| {
                        let mut count = started.lock().unwrap();
                        count.0 += usize::from(std::mem::take(&mut is_first));
                        count.1 = count.1.max(count.0);
                        drop(count);
                        let polled = Pin::new(&mut inner).poll(cx);
                        started.lock().unwrap().0 -= usize::from(polled.is_ready());
                        polled
                    });
                    tokio::spawn(scheduler.schedule(address(1), work))
                })
                .collect()
        });
        let most = started.lock().unwrap().1;
        // Some of them started before any had to wait, and one runs.
        assert!(most <= 2 * MAX_STARTED, "{most} were started at once");
    }

    #[test]
    fn bodies_do_not_keep_the_heads_of_their_client_waiting() {
        let ended = run(|scheduler, log| {
            let mut tasks: Vec<_> = (0..20)
                .map(|_| {
                    let body = scheduler.schedule(address(1), work(log, 1, 10, Duration::from_millis(1)));
                    body.is_body();
                    tokio::spawn(body)
                })
                .collect();
            tasks.push(tokio::spawn(scheduler.schedule(address(1), work(log, 2, 2, Duration::from_micros(10)))));
            tasks
        });
        let place = ended.iter().position(|who| *who == 2).unwrap();
        assert!(place <= 1, "the {place}th was the head");
    }

    #[test]
    fn dropped_work_delays_no_other_work() {
        let ended = run(|scheduler, log| {
            let mut tasks: Vec<_> = (0..40)
                .map(|_| tokio::spawn(scheduler.schedule(address(1), work(log, 1, 50, Duration::from_millis(1)))))
                .collect();
            let last = tokio::spawn(scheduler.schedule(address(1), work(log, 2, 1, Duration::from_micros(10))));
            let killer = tokio::spawn(async move {
                yield_now().await;
                tasks.drain(..).for_each(|task| task.abort());
            });
            vec![killer, last]
        });
        assert_eq!(ended, [2]);
    }
}
