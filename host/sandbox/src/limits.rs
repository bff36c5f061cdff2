//! What one request may cost, and the account that is kept of it. Whoever reaches a ceiling loses the request and its instance;
//! nobody else notices. It refuses to know what the costs are for.

use glasshouse_quota::{Client, Lease, Resource};
use rustix::time::{ClockId, clock_gettime};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use wasmtime::component::ResourceTableError;
use wasmtime::{Error, ResourceLimiter, Result};

/// How often running code is interrupted, so that others get their turn and its time is counted.
pub const TICK: Duration = Duration::from_millis(5);

/// Bytes that an element of a table counts for; the runtime takes no more for one.
const ELEMENT: usize = 16;

/// Core instances, tables and memories that one instance of a component may have. What would have more is refused
/// before it is compiled (`inspection`), so this is a second wall.
const PARTS: usize = 100;

/// How much of everything one request may use.
#[derive(Clone, Debug)]
pub struct RequestLimits {
    /// Bytes of memory and tables of one instance.
    pub memory: usize,
    /// Processor time until the head of the answer, and again between any two pieces of its content.
    pub cpu: Duration,
    /// Time until the head of the answer, waiting included.
    pub answer: Duration,
    /// Handles that the code of one instance may hold.
    pub handles: usize,
    /// Files, directories, fields, bodies and the like that the host may hold for one instance.
    pub resources: usize,
    /// Bytes that one call may hand to the host.
    pub call: usize,
    /// Instances that may be busy at once, for each thread.
    pub instances: usize,
    /// Bytes of content that a handler may make for one answer, besides the files that it hands over.
    pub made: u64,
}

/// One of [`RequestLimits`], by the name of its option, or a share of what clients have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitExceeded {
    Memory,
    Cpu,
    Answer,
    Handles,
    Resources,
    Call,
    Instances,
    Made,
    Total,
    Files,
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LimitExceeded::Memory => "the handler wants more memory than --max-memory",
            LimitExceeded::Cpu => "the handler computes for longer than --max-cpu",
            LimitExceeded::Answer => "the handler takes longer than --answer-timeout",
            LimitExceeded::Handles => "the handler holds more than --max-handles",
            LimitExceeded::Resources => "the handler has more open than --max-resources",
            LimitExceeded::Call => "the handler hands over more in one call than --max-call",
            LimitExceeded::Instances => "this client keeps as many instances busy as --max-instances leaves it",
            LimitExceeded::Made => "the handler makes more content than --max-made",
            LimitExceeded::Total => "the answers to this client hold as much memory as --max-total-memory leaves it",
            LimitExceeded::Files => "the answers to this client keep as many files open as 'ulimit -n' leaves it",
        })
    }
}

impl std::error::Error for LimitExceeded {}

impl LimitExceeded {
    /// In the order in which they are declared.
    pub const ALL: [LimitExceeded; 10] = [
        LimitExceeded::Memory,
        LimitExceeded::Cpu,
        LimitExceeded::Answer,
        LimitExceeded::Handles,
        LimitExceeded::Resources,
        LimitExceeded::Call,
        LimitExceeded::Instances,
        LimitExceeded::Made,
        LimitExceeded::Total,
        LimitExceeded::Files,
    ];

    /// The option that moves it; open files have none.
    pub fn option(self) -> &'static str {
        match self {
            LimitExceeded::Memory => "max-memory",
            LimitExceeded::Cpu => "max-cpu",
            LimitExceeded::Answer => "answer-timeout",
            LimitExceeded::Handles => "max-handles",
            LimitExceeded::Resources => "max-resources",
            LimitExceeded::Call => "max-call",
            LimitExceeded::Instances => "max-instances",
            LimitExceeded::Made => "max-made",
            LimitExceeded::Total => "max-total-memory",
            LimitExceeded::Files => "ulimit -n",
        }
    }

    /// The ceiling for which an instance failed, if it was one.
    pub fn of(error: &Error) -> Option<LimitExceeded> {
        if let Some(ceiling) = error.downcast_ref::<LimitExceeded>() {
            return Some(*ceiling);
        }
        if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
            return Some(LimitExceeded::Resources);
        }
        // The library has no types for these two.
        error.chain().map(ToString::to_string).find_map(|cause| match cause {
            cause if cause.contains("store handle limit exceeded") => Some(LimitExceeded::Handles),
            cause if cause.contains("fuel allocated for hostcalls has been exhausted") => Some(LimitExceeded::Call),
            _ => None,
        })
    }
}

/// Counts the memory of one instance, and for whom it is busy.
pub struct Memory {
    most: usize,
    taken: usize,
    /// What the client holds for it that the instance works for.
    held: Option<Lease>,
}

impl Memory {
    /// That of an instance which is made for a client.
    pub fn new(ceilings: &RequestLimits, client: &Client) -> Memory {
        Memory { most: ceilings.memory, taken: 0, held: client.try_take(Resource::Memory, 0) }
    }

    /// An instance that is there works for this client from here on.
    ///
    /// # Errors
    /// The client holds as much as it may.
    pub fn lend(&mut self, client: &Client) -> Result<(), LimitExceeded> {
        self.held = Some(client.try_take(Resource::Memory, self.taken).ok_or(LimitExceeded::Total)?);
        Ok(())
    }

    /// It works for nobody; tells how much memory it has.
    pub fn give_back(&mut self) -> usize {
        self.held = None;
        self.taken
    }

    /// A growth that is refused ends the request: code that cannot have memory seldom has anything better to do, and what it
    /// would answer without it is not what it was asked for.
    fn grow(&mut self, bytes: usize) -> Result<bool> {
        self.taken = self.taken.saturating_add(bytes);
        if self.taken > self.most {
            return Err(LimitExceeded::Memory.into());
        }
        let is_there = self.held.as_mut().is_none_or(|held| held.try_grow(bytes));
        if is_there { Ok(true) } else { Err(LimitExceeded::Total.into()) }
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        self.grow(desired.saturating_sub(current))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        self.grow(desired.saturating_sub(current).saturating_mul(ELEMENT))
    }

    fn instances(&self) -> usize {
        PARTS
    }

    fn tables(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        PARTS
    }
}

/// What one request has cost so far. All that writes here is on the thread of the request.
#[derive(Debug)]
pub struct Usage {
    ceilings: Arc<RequestLimits>,
    /// Processor time since the last progress, in nanoseconds.
    spent: AtomicU64,
    /// The time of the thread at which its code went on, in nanoseconds; counted from the first interruption on.
    since: AtomicU64,
    /// Whether it was interrupted before. What ends sooner is not worth a look at the clock.
    is_long: AtomicBool,
    /// Bytes of content that were made.
    made: AtomicU64,
    has_instance: AtomicBool,
    has_failed: AtomicBool,
}

impl Usage {
    pub fn new(ceilings: Arc<RequestLimits>) -> Usage {
        Usage {
            ceilings,
            spent: AtomicU64::new(0),
            since: AtomicU64::new(0),
            is_long: AtomicBool::new(false),
            made: AtomicU64::new(0),
            has_instance: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
        }
    }

    /// There is an instance: what takes time from here on is its doing.
    pub fn begins(&self) {
        self.has_instance.store(true, Ordering::Relaxed);
    }

    /// Which ceiling it is that a request reached by taking too long.
    pub fn late(&self) -> LimitExceeded {
        if self.has_instance.load(Ordering::Relaxed) { LimitExceeded::Answer } else { LimitExceeded::Instances }
    }

    /// Running code was interrupted.
    ///
    /// # Errors
    /// It has had all the time that it may have.
    pub fn interrupted(&self) -> Result<(), LimitExceeded> {
        if self.is_long.swap(true, Ordering::Relaxed) {
            self.charge();
        } else {
            self.spent.store(nanoseconds(TICK), Ordering::Relaxed);
            self.resume();
        }
        let most = nanoseconds(self.ceilings.cpu);
        if self.spent.load(Ordering::Relaxed) > most { Err(LimitExceeded::Cpu) } else { Ok(()) }
    }

    /// A piece of content has left the instance.
    ///
    /// # Errors
    /// It is more than the handler may make.
    pub fn made(&self, bytes: usize) -> Result<(), LimitExceeded> {
        self.spent.store(0, Ordering::Relaxed);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let made = self.made.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if made > self.ceilings.made { Err(LimitExceeded::Made) } else { Ok(()) }
    }

    /// The content cannot be completed.
    pub fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    fn resume(&self) {
        self.since.store(time_of_thread(), Ordering::Relaxed);
    }

    fn charge(&self) {
        let now = time_of_thread();
        let before = self.since.swap(now, Ordering::Relaxed);
        self.spent.fetch_add(now.saturating_sub(before), Ordering::Relaxed);
    }
}

/// Work of an instance whose time is charged to an account. While others have their turn it costs nothing.
pub struct Metered<F> {
    account: Arc<Usage>,
    work: F,
}

impl<F> Metered<F> {
    pub fn new(account: Arc<Usage>, work: F) -> Metered<F> {
        Metered { account, work }
    }
}

impl<F: Future + Unpin> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let is_long = self.account.is_long.load(Ordering::Relaxed);
        if is_long {
            self.account.resume();
        }
        let polled = Pin::new(&mut self.work).poll(cx);
        if polled.is_pending() && self.account.is_long.load(Ordering::Relaxed) {
            self.account.charge();
        }
        polled
    }
}

/// The processor time of this thread, in nanoseconds.
fn time_of_thread() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let whole = u64::try_from(time.tv_sec).unwrap_or(0).saturating_mul(1_000_000_000);
    whole.saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use crate::limits::*;
    use glasshouse_quota::{Quotas, Totals};

    impl RequestLimits {
        /// Ceilings that nothing reaches.
        pub fn unbounded() -> RequestLimits {
            let (most, ever) = (usize::MAX, Duration::from_secs(u32::MAX.into()));
            RequestLimits {
                memory: most,
                cpu: ever,
                answer: ever,
                handles: most,
                resources: most,
                call: most,
                instances: most,
                made: u64::MAX,
            }
        }
    }

    fn account(change: impl FnOnce(&mut RequestLimits)) -> Arc<Usage> {
        let mut ceilings = RequestLimits::unbounded();
        change(&mut ceilings);
        Arc::new(Usage::new(Arc::new(ceilings)))
    }

    /// Keeps the thread busy for some of its own time.
    fn burn(time: Duration) {
        let end = time_of_thread() + nanoseconds(time);
        while time_of_thread() < end {}
    }

    #[test]
    fn time_is_counted_while_code_runs() {
        let account = account(|ceilings| ceilings.cpu = TICK * 5);
        let charged = Arc::clone(&account);
        let mut turns = 0;
        let mut work = Metered::new(
            Arc::clone(&account),
            Box::pin(std::future::poll_fn(move |_| {
                turns += 1;
                burn(TICK);
                match charged.interrupted() {
                    Ok(()) => Poll::Pending,
                    Err(ceiling) => Poll::Ready((turns, ceiling)),
                }
            })),
        );
        let mut context = Context::from_waker(std::task::Waker::noop());
        let ended = loop {
            if let Poll::Ready(ended) = Pin::new(&mut work).poll(&mut context) {
                break ended;
            }
            // The time of others.
            burn(TICK * 10);
        };
        assert!(ended.1 == LimitExceeded::Cpu && (4..=7).contains(&ended.0), "{ended:?}");
    }

    #[test]
    fn progress_gives_time_anew_and_content_adds_up() {
        let account = account(|ceilings| (ceilings.cpu, ceilings.made) = (TICK * 2, 10));
        assert_eq!(account.interrupted(), Ok(()));
        burn(TICK);
        assert_eq!(account.made(6), Ok(()));
        assert_eq!(account.interrupted(), Ok(()));
        assert_eq!(account.made(4), Ok(()));
        assert_eq!(account.made(1), Err(LimitExceeded::Made));
    }

    #[test]
    fn memory_and_tables_are_one_sum() {
        let mut ceilings = RequestLimits::unbounded();
        ceilings.memory = 1 << 20;
        let quotas = Quotas::new(Totals { memory: 3 << 20, ..Totals::unlimited() });
        let client = quotas.client([192, 0, 2, 1].into());
        let mut memory = Memory::new(&ceilings, &client);
        assert!(matches!(memory.memory_growing(0, 1 << 19, None), Ok(true)));
        assert!(matches!(memory.table_growing(0, (1 << 19) / ELEMENT, None), Ok(true)));
        let refused = memory.memory_growing(1 << 19, (1 << 19) + 1, None).unwrap_err();
        assert_eq!(LimitExceeded::of(&refused), Some(LimitExceeded::Memory));
    }

    #[test]
    fn memory_of_busy_instances_is_that_of_their_clients() {
        let quotas = Quotas::new(Totals { memory: 4 << 20, ..Totals::unlimited() });
        let (one, other) = (quotas.client([192, 0, 2, 1].into()), quotas.client([192, 0, 2, 2].into()));
        let mut memory = Memory::new(&RequestLimits::unbounded(), &one);
        assert!(matches!(memory.memory_growing(0, 1 << 20, None), Ok(true)));
        assert_eq!((memory.give_back(), quotas.held(Resource::Memory)), (1 << 20, 0));
        assert_eq!(memory.lend(&other), Ok(()));
        assert!(matches!(memory.memory_growing(1 << 20, 2 << 20, None), Ok(true)));
        assert_eq!(quotas.held(Resource::Memory), 2 << 20);
        let refused = memory.memory_growing(2 << 20, 3 << 20, None).unwrap_err();
        assert_eq!(LimitExceeded::of(&refused), Some(LimitExceeded::Total), "it would hold more than it leaves");
        assert_eq!(Memory::new(&RequestLimits::unbounded(), &one).lend(&one), Ok(()));
    }

    #[test]
    fn ceilings_of_the_library_are_known_by_what_it_says() {
        let full = Error::from(ResourceTableError::Full).context("while it was asked");
        assert_eq!(LimitExceeded::of(&full), Some(LimitExceeded::Resources));
        assert_eq!(LimitExceeded::of(&wasmtime::format_err!("out of luck")), None);
    }
}
