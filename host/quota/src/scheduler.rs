//! Who computes next on a thread. Work runs at once while there is little of it. Once it has taken a slice of time without a look at
//! the sockets, further work waits in a queue: after each look at the sockets the client is next that has had the least time, so a
//! turn does not grow with the number of requests of anybody else. It refuses to know what is computed.

use crate::sync::lock;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::task::yield_now;

/// How long a thread computes before it looks at its sockets, unless one piece of work takes longer.
const SLICE: Duration = Duration::from_millis(2);
/// The most pieces of work between two looks at the sockets.
const BATCH: usize = 64;
/// Heads of one client that have been begun and wait for a turn, from which on no further one is begun: they finish sooner so, and
/// take less memory.
const BEGUN: usize = 4;
/// What a turn costs a client at least, in nanoseconds.
const TURN: u64 = 20_000;
/// Clients without work that are kept in mind for the time they have had.
const IDLE: usize = 64;

/// How far work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was done.
    Fresh,
    /// A head is being made, or something else that is over soon.
    Begun,
    /// A body is being generated.
    Body,
}

/// The queue of a thread.
#[derive(Default)]
pub struct Scheduler(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    /// Whether work has to wait: from the end of a slice until nobody waits any more.
    is_busy: bool,
    /// Time that was computed since the last look at the sockets.
    used: Duration,
    /// How many may compute before the next look.
    batch: usize,
    /// The time that whoever was next had had.
    clock: u64,
    clients: HashMap<IpAddr, Line>,
    /// The clients who wait, by the time that they have had.
    order: BTreeSet<(u64, IpAddr)>,
}

/// The work of one client that waits.
#[derive(Default)]
struct Line {
    /// Time that it has had, in nanoseconds; never far behind the clock.
    had: u64,
    fresh: VecDeque<Arc<Ticket>>,
    begun: VecDeque<Arc<Ticket>>,
    bodies: VecDeque<Arc<Ticket>>,
    /// Heads and bodies take turns.
    is_bodies_turn: bool,
}

impl Line {
    fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.begun.is_empty() && self.bodies.is_empty()
    }

    fn push(&mut self, ticket: Arc<Ticket>, stage: Stage) {
        match stage {
            Stage::Fresh => self.fresh.push_back(ticket),
            Stage::Begun => self.begun.push_back(ticket),
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
        let head = if self.begun.len() < BEGUN { self.fresh.pop_front() } else { None };
        head.or_else(|| self.begun.pop_front()).or_else(|| self.bodies.pop_front())
    }
}

/// One piece of work in the queue.
struct Ticket {
    client: IpAddr,
    state: Mutex<Standing>,
}

struct Standing {
    stage: Stage,
    is_queued: bool,
    /// It may compute once.
    is_next: bool,
    /// Nobody wants it any more.
    is_gone: bool,
    waker: Option<Waker>,
}

impl Ticket {
    /// A panic while it was locked has left nothing half done.
    fn lock(&self) -> MutexGuard<'_, Standing> {
        lock(&self.state)
    }

    /// Lets it compute; `false` if nobody wants that any more.
    fn call(&self) -> bool {
        let mut state = self.lock();
        state.is_queued = false;
        state.is_next = !state.is_gone;
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
    /// Work of a client that computes when it is its turn.
    pub fn schedule<F>(self: &Arc<Self>, client: IpAddr, work: F) -> Scheduled<F> {
        let state = Standing { stage: Stage::Fresh, is_queued: false, is_next: false, is_gone: false, waker: None };
        let ticket = Arc::new(Ticket { client, state: Mutex::new(state) });
        Scheduled { scheduler: Arc::clone(self), ticket, work }
    }

    /// Drops something that takes a while to go, such as an instance, when it is its turn.
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

    /// A panic while it was locked has left nothing half done.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.0)
    }

    /// Whether there is nothing to wait for; otherwise the work is in the queue afterwards.
    fn may_run(&self, ticket: &Arc<Ticket>, waker: &Waker) -> bool {
        let mut state = ticket.lock();
        let is_next = std::mem::take(&mut state.is_next);
        let mut queue = self.queue();
        // Several are called at once where work was short, and the first of them may have used up the slice this time. Work that
        // nothing else waits for needs no turn for the rest of the slice.
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

    /// Counts the time that work has had. At the end of a slice, what comes next waits.
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
                // In the way of the runtime: it looks at its sockets before this goes on.
                yield_now().await;
                while scheduler.next() {
                    yield_now().await;
                }
            });
        }
        queue.charge(client, nanoseconds(time));
    }

    /// Calls those whose turn it is; `false` if there are none any more.
    fn next(&self) -> bool {
        let mut queue = self.queue();
        let used = std::mem::take(&mut queue.used);
        queue.batch = match queue.batch {
            batch if used < SLICE / 4 => (batch * 2).min(BATCH),
            _ if used > SLICE => 1,
            batch => batch,
        };
        let batch = queue.batch;
        drop(queue);
        let mut called = 0;
        while called < batch {
            let Some(ticket) = self.queue().pop() else { break };
            called += usize::from(ticket.call());
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
        let line = self.clients.entry(client).or_default();
        if line.is_empty() {
            // Whoever has computed nothing for a while has not saved that up.
            line.had = line.had.max(clock);
            self.order.insert((line.had, client));
        }
        line.push(ticket, stage);
    }

    /// The next work of the client that has had the least.
    fn pop(&mut self) -> Option<Arc<Ticket>> {
        loop {
            let (had, client) = self.order.pop_first()?;
            self.clock = self.clock.max(had);
            let Some(line) = self.clients.get_mut(&client) else { continue };
            let ticket = line.pop();
            line.had = line.had.saturating_add(TURN);
            if !line.is_empty() {
                self.order.insert((line.had, client));
            }
            if self.clients.len() > 2 * self.order.len() + IDLE {
                let clock = self.clock;
                self.clients.retain(|_, line| !line.is_empty() || line.had > clock);
            }
            if ticket.is_some() {
                return ticket;
            }
        }
    }

    fn charge(&mut self, client: IpAddr, time: u64) {
        let clock = self.clock;
        let line = self.clients.entry(client).or_default();
        let before = line.had;
        line.had = before.max(clock).saturating_add(time);
        if self.order.remove(&(before, client)) {
            self.order.insert((line.had, client));
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Work that computes when it is its turn.
pub struct Scheduled<F> {
    scheduler: Arc<Scheduler>,
    ticket: Arc<Ticket>,
    work: F,
}

impl<F> Scheduled<F> {
    /// From here on it generates a body.
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
                state.stage = Stage::Begun;
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
        state.is_gone = true;
        state.waker = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Builder;

    /// Work that computes for so many turns of some time each, and then writes down who it was.
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
    fn what_was_begun_is_finished_before_much_more_is_begun() {
        let begun = Arc::new(Mutex::new((0_usize, 0_usize)));
        run(|scheduler, log| {
            (0..40)
                .map(|_| {
                    let (begun, mut inner) = (Arc::clone(&begun), work(log, 1, 4, Duration::from_millis(1)));
                    let mut is_first = true;
                    let work = poll_fn(move |cx| {
                        let mut count = begun.lock().unwrap();
                        count.0 += usize::from(std::mem::take(&mut is_first));
                        count.1 = count.1.max(count.0);
                        drop(count);
                        let polled = Pin::new(&mut inner).poll(cx);
                        begun.lock().unwrap().0 -= usize::from(polled.is_ready());
                        polled
                    });
                    tokio::spawn(scheduler.schedule(address(1), work))
                })
                .collect()
        });
        let most = begun.lock().unwrap().1;
        // Some of them before anybody had to wait, and one that runs.
        assert!(most <= 2 * BEGUN, "{most} were begun at once");
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
    fn work_that_nobody_wants_any_more_keeps_nobody() {
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
