//! Measures a server under attack. A bystander reads a file during the attack and must not notice it. Memory and
//! descriptors of the server are compared before, during and after it. The long forms print the figures.

use super::is_torture;
use crate::support::client::{HttpConnection, request};
use crate::support::clock;
use crate::support::proc::{descriptors, descriptors_return, memory, memory_returns};
use crate::support::server::TestServer;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fmt, panic, thread};

/// What the bystander asks for, and the content that it must get.
#[derive(Clone, Copy, Debug)]
pub struct Good<'a> {
    pub target: &'a str,
    pub content: &'a [u8],
}

/// Connections of the bystander, so that it has one on every thread of the server.
const CONNECTIONS: usize = 8;
/// Requests by which the usual time of an answer is found out, and the fewest that are measured under attack.
const SAMPLES: usize = 200;
/// The pause of the bystander between two requests: it shares the machine with the attack.
const PAUSE: Duration = Duration::from_millis(1);
/// How many times longer the bystander may wait during an attack than before it.
const SLOWER: u32 = 3;
/// Shorter delays go unnoticed, and a busy machine with few processors causes them from time to time.
const UNNOTICED: Duration = Duration::from_millis(100);
/// Memory that a server may keep once it has been attacked, in KiB: instances that are warm, and what the allocator
/// holds back.
const KEPT: u64 = 64 << 10;

/// What became of the requests of an attack: how many had which end.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<String, usize>);

impl Tally {
    /// Counts one more with this end, a status for example.
    pub fn count(&mut self, end: impl fmt::Display) {
        self.add(end, 1);
    }

    /// Counts some more with this end.
    pub fn add(&mut self, end: impl fmt::Display, count: usize) {
        *self.0.entry(end.to_string()).or_default() += count;
    }

    /// How many had this end.
    pub fn of(&self, end: impl fmt::Display) -> usize {
        self.0.get(&end.to_string()).copied().unwrap_or_default()
    }
}

/// Lets `act` attack the server while the bystander reads, and returns by how many KiB the server grew. The result of
/// `act`, such as open connections, is dropped after the measurement.
///
/// # Panics
/// The bystander gets a wrong answer or none, or waits for it three times as long as before; the server dies, or keeps
/// descriptors or memory.
#[track_caller]
pub fn attack<Held>(
    name: &str,
    server: &mut TestServer,
    good: Good,
    act: impl FnOnce(&TestServer, &mut Tally) -> Held,
) -> u64 {
    let mut figures = Figures { name, ..Figures::default() };
    figures.slowest.0 = slowest(read(server.address(), good, |done| done < SAMPLES));
    figures.descriptors.0 = descriptors(server);
    figures.memory[0] = memory(server, "VmRSS:");
    let is_over = AtomicBool::new(false);
    let (held, under_attack) = thread::scope(|scope| {
        let (address, goes_on) = (server.address(), |done| done < SAMPLES || !is_over.load(Ordering::Relaxed));
        let bystander = scope.spawn(move || read(address, good, goes_on));
        let ends = AttackGuard(&is_over);
        let held = act(server, &mut figures.tally);
        drop(ends);
        (held, bystander.join().unwrap_or_else(|panic| panic::resume_unwind(panic)))
    });
    figures.slowest.1 = slowest(under_attack);
    figures.memory[1] = memory(server, "VmRSS:");
    drop(held);
    descriptors_return(server, figures.descriptors.0);
    figures.descriptors.1 = descriptors(server);
    let most = figures.memory[0].map(|before| before + KEPT);
    figures.memory[2] = memory_returns(server, most);
    if is_torture() {
        eprintln!("{figures}");
    }
    assert!(server.is_alive(), "{figures}");
    assert!(figures.slowest.1 <= UNNOTICED.max(figures.slowest.0 * SLOWER), "the bystander had to wait: {figures}");
    assert!(figures.memory[2] <= most, "memory is kept: {figures}");
    let [before, during, _] = figures.memory;
    during.zip(before).map_or(0, |(during, before)| during.saturating_sub(before))
}

/// Sets the flag when the attack is over, also by a panic.
pub struct AttackGuard<'a>(pub &'a AtomicBool);

impl Drop for AttackGuard<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads the good file while `goes_on` holds for the number of responses, and returns the time of each.
#[track_caller]
fn read(address: SocketAddr, good: Good, goes_on: impl Fn(usize) -> bool) -> Vec<Duration> {
    let mut connections: Vec<HttpConnection> = (0..CONNECTIONS).map(|_| HttpConnection::open(address)).collect();
    let question = request("GET", good.target, &[]);
    let mut times = Vec::new();
    while goes_on(times.len()) {
        let turn = times.len() % CONNECTIONS;
        let start = Instant::now();
        let answer = connections[turn].send(&question).and_then(|()| connections[turn].answer("GET"));
        times.push(start.elapsed());
        let answer = answer.unwrap_or_else(|error| panic!("the bystander got no answer: {error}"));
        assert_eq!(answer.head.status, 200, "the bystander got {:?}", answer.text());
        assert!(answer.body == good.content, "the bystander got {:?}", answer.text());
        clock::wait_between_actions(PAUSE);
    }
    times
}

/// The time that all but one in a hundred keep to.
fn slowest(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() * 99 / 100).copied().unwrap_or_default()
}

/// The figures of an attack: each pair is before and after it, or before and during it.
#[derive(Debug, Default)]
struct Figures<'a> {
    name: &'a str,
    tally: Tally,
    slowest: (Duration, Duration),
    descriptors: (Option<usize>, Option<usize>),
    /// Before, during and after it, in KiB.
    memory: [Option<u64>; 3],
}

impl fmt::Display for Figures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { name, tally: Tally(ends), slowest, descriptors, memory } = self;
        let ends: Vec<String> = ends.iter().map(|(end, count)| format!("{count} x {end}")).collect();
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(f, "{name:<24} {:<28} p99 {:.1}, {:.1} ms", ends.join(", "), millis(slowest.0), millis(slowest.1))?;
        if let ((Some(before), Some(after)), [Some(first), Some(most), Some(last)]) = (descriptors, memory) {
            let [first, most, last] = [first, most, last].map(|size| size >> 10);
            write!(f, "; descriptors {before}, {after}; memory {first}, {most}, {last} MiB")?;
        }
        Ok(())
    }
}
