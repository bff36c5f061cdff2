//! Attacks on glasshouse itself, and what they cost others: while each goes on a bystander is served, and when it is over the
//! server is as it was. It refuses to know how one attacks.

use crate::client::{Connection, PATIENCE, get, request};
use crate::hostile::{descriptors, serve_with};
use crate::large::memory;
use crate::server::Server;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What an answer may take in any case, in an attack or out of it: less than a person notices, and more than a machine takes
/// from time to time that compiles and tests at once.
const UNNOTICED: Duration = Duration::from_millis(50);
/// How many times longer others may wait during an attack than before it.
const SLOWER: u32 = 3;
/// Descriptors that a server may keep for good once it has been busy, such as those of further instances.
const KEPT_DESCRIPTORS: usize = 8;
/// Memory that a server may keep, in KiB: what an allocator does not give back.
const KEPT_MEMORY: u64 = 24 << 10;

/// What an attack did and cost.
#[derive(Debug, Default)]
pub struct Figures {
    /// Connections or requests, as the attack counts them.
    pub tried: usize,
    /// What came back; 0 for a connection that ended without an answer.
    pub answers: BTreeMap<u16, usize>,
    /// The most memory that was taken during the attack beyond that before, in KiB.
    pub grown: u64,
}

impl Figures {
    pub fn count(&mut self, status: u16) {
        *self.answers.entry(status).or_default() += 1;
    }
}

/// An attack on a server of its own, which serves `hello.txt` and the 64 MiB of `long`.
pub struct Siege<'a> {
    pub name: &'a str,
    /// Of the server.
    pub arguments: &'a [&'a str],
    /// Whether the server has seen the attack once before it is measured: what an allocator keeps for the next time is then
    /// not taken for a leak, and a leak is still one.
    pub rehearsed: bool,
}

impl Siege<'_> {
    /// Makes the attack. Connections that it returns are open until memory was measured.
    ///
    /// # Panics
    /// Where a bystander is refused or waits too long, or where the server does not become again what it was.
    #[track_caller]
    pub fn lay<Open>(self, mut attack: impl FnMut(&Server) -> (Figures, Open)) -> Figures {
        let (_place, mut server) = serve_with(self.arguments);
        // All threads and instances have begun by then.
        let quiet = percentile(&Bystander::start(server.address()).watch_for(Duration::from_millis(500)));
        let start = Resources::of(&server);
        if self.rehearsed {
            drop(attack(&server));
            settle(&server, Resources { memory: None, ..start });
        }
        let before = Resources::of(&server);
        let bystander = Bystander::start(server.address());
        let (mut figures, open) = attack(&server);
        let most = Resources::of(&server);
        figures.grown = most.memory.zip(start.memory).map_or(0, |(most, start)| most.saturating_sub(start));
        let during = bystander.end();
        drop(open);
        let after = settle(&server, before);
        println!(
            "{}: {} tried; answers {:?}; p99 {quiet:?} before, {:?} during ({} answers); before {start}, during {most}, after {after}",
            self.name,
            figures.tried,
            figures.answers,
            percentile(&during),
            during.len(),
        );
        assert!(server.is_alive());
        assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
        assert!(after.are_back_at(before), "{}: what it took was not given back: {before} became {after}", self.name);
        let bound = (quiet * SLOWER).max(UNNOTICED);
        let waited = percentile(&during);
        assert!(waited <= bound, "{}: a bystander waited for {waited:?}, not {bound:?}", self.name);
        figures
    }
}

/// What a server has taken of the machine; Linux tells.
#[derive(Clone, Copy, Debug)]
struct Resources {
    descriptors: Option<usize>,
    /// In KiB.
    memory: Option<u64>,
}

impl Resources {
    fn of(server: &Server) -> Resources {
        Resources { descriptors: descriptors(server), memory: memory(server, "VmRSS:") }
    }

    fn are_back_at(self, before: Resources) -> bool {
        before.descriptors.is_none_or(|before| self.descriptors <= Some(before + KEPT_DESCRIPTORS))
            && before.memory.is_none_or(|before| self.memory <= Some(before + KEPT_MEMORY))
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |figure: Option<u64>| figure.map_or("an unknown number of".to_owned(), |figure| figure.to_string());
        write!(f, "{} descriptors and {} KiB", told(self.descriptors.map(|count| count as u64)), told(self.memory))
    }
}

/// Waits until a server has given back what it took, or for as long as a test waits.
fn settle(server: &Server, before: Resources) -> Resources {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = Resources::of(server);
        if now.are_back_at(before) || Instant::now() > deadline {
            return now;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The time within which 99 of 100 answers came.
fn percentile(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times.get(times.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default()
}

/// A client that does no harm: asks for the small file over and over, on a connection that is kept and on new ones, and must
/// get it.
struct Bystander {
    done: Arc<AtomicBool>,
    thread: thread::JoinHandle<Vec<Duration>>,
}

impl Bystander {
    fn start(address: SocketAddr) -> Bystander {
        let done = Arc::<AtomicBool>::default();
        let told = Arc::clone(&done);
        let thread = thread::spawn(move || {
            let mut times = Vec::new();
            let mut kept = Connection::open(address);
            while !told.load(Ordering::Relaxed) || times.len() < 50 {
                let start = Instant::now();
                if times.len() % 2 == 0 {
                    kept.send(&request("GET", "/hello.txt", &[])).expect("a bystander's connection is kept");
                    assert_eq!(kept.answer("GET").expect("a bystander is answered").text(), "hello\n");
                } else {
                    assert_eq!(get(address, "/hello.txt").text(), "hello\n");
                }
                times.push(start.elapsed());
                thread::sleep(Duration::from_millis(3));
            }
            times
        });
        Bystander { done, thread }
    }

    #[track_caller]
    fn watch_for(self, time: Duration) -> Vec<Duration> {
        thread::sleep(time);
        self.end()
    }

    #[track_caller]
    fn end(self) -> Vec<Duration> {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
