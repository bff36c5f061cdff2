//! Many connections at the same time: idle ones, and slow readers beside clients of small files. Readers drain at a
//! fixed rate, and small requests come at fixed times, whatever the speed of the server is.

use crate::client::{self, Origin, ResponseHead};
use crate::process::failed;
use crate::site::RunningServer;
use crate::tree::{HUGE, SMALL};
use crate::works::{Quantity, Sample, Trouble, count};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The number of idle connections, and the longest time to open them.
const IDLE: u64 = 10_000;
const OPENING: Duration = Duration::from_secs(60);

/// Descriptors of this program that are not idle connections.
const OTHER_DESCRIPTORS: u64 = 100;

/// The slow readers: their number, the bytes per second of each, the time between two reads, and the greatest backlog.
const READERS: usize = 200;
const RATE: u64 = 1 << 20;
const TICK: Duration = Duration::from_millis(50);
const BACKLOG: u64 = RATE / 4;

/// The time before the measurement in which the server fills the buffers of the kernel.
const SETTLING: Duration = Duration::from_secs(1);

/// The receive buffer of a slow reader, in bytes.
const BUFFER: usize = 128 << 10;

/// The number of small requests, and of their connections.
const REQUESTS: u16 = 2000;
const LANES: usize = 4;

/// Raises the limit of open files to its maximum, for this program and the servers that it starts.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        eprintln!("cannot raise the limit of open files: {error}");
    }
}

/// Measures memory per idle connection after one request.
///
/// # Errors
/// If the server does not respond or keeps no connection.
pub fn idle(server: &RunningServer) -> Result<Sample, Trouble> {
    let room = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX).saturating_sub(OTHER_DESCRIPTORS);
    let before = server.process.resident()?;
    let begin = Instant::now();
    let (opened, end) = open_idle(server.address, IDLE.min(room));
    let seconds = begin.elapsed().as_secs();
    let after = server.process.resident()?;
    let held = opened.iter().filter(|stream| is_open(stream)).count();
    let why = end.map_or("the server had closed the others".to_owned(), |error| error.to_string());
    if held == 0 {
        return Err(Trouble::Failed(failed(format!("the server keeps no connection: {why}"))));
    }
    let held = u64::try_from(held).unwrap_or(IDLE);
    let kibibytes = (count(after) - count(before)) / count(held) / 1024.0;
    let note = (held < IDLE).then(|| format!("{held} connections of {IDLE} were open after {seconds} s: {why}"));
    Ok(Sample { values: vec![(Quantity::PerConnection, kibibytes)], notes: note.into_iter().collect() })
}

/// Opens connections one after the other. Returns them, and the error that prevented further ones.
fn open_idle(address: SocketAddrV4, wanted: u64) -> (Vec<TcpStream>, Option<io::Error>) {
    let request = client::request(address, SMALL, "");
    let deadline = Instant::now() + OPENING;
    let mut opened = Vec::new();
    // glasshouse limits the connections of one address.
    let addresses = (1..=9).map(|last| Ipv4Addr::new(127, 0, 0, last)).cycle();
    for (_, address_of_client) in (0..wanted).zip(addresses) {
        let connected = client::connect(address, Origin { address: Some(address_of_client), buffer: None });
        match connected.and_then(|mut stream| client::ask(&mut stream, &request, deadline).map(|_| stream)) {
            Ok(stream) => opened.push(stream),
            Err(error) => return (opened, Some(error)),
        }
        if Instant::now() > deadline {
            return (opened, Some(failed(format!("not all were open after {OPENING:?}"))));
        }
    }
    let short = (wanted < IDLE).then(|| failed(format!("the limit of open files allows {wanted}")));
    (opened, short)
}

fn is_open(stream: &TcpStream) -> bool {
    let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Measures the p99 of small requests while many clients read a huge file slowly.
///
/// # Errors
/// If the server does not respond.
pub fn slow(address: SocketAddrV4, window: Duration) -> Result<Sample, Trouble> {
    let progress = Progress::default();
    let (latencies, rate, lost) = thread::scope(|scope| {
        let readers = scope.spawn(|| read_slowly(address, &progress));
        let deadline = Instant::now() + client::PATIENCE * 3;
        while progress.begun.load(Ordering::Relaxed) < READERS && Instant::now() < deadline && !readers.is_finished() {
            thread::sleep(TICK);
        }
        thread::sleep(SETTLING);
        let (begin, before) = (Instant::now(), progress.bytes.load(Ordering::Relaxed));
        let latencies = ask_steadily(address, window);
        let bytes = progress.bytes.load(Ordering::Relaxed).saturating_sub(before);
        let rate = count(bytes) / begin.elapsed().as_secs_f64() / count(RATE);
        progress.is_done.store(true, Ordering::Relaxed);
        (latencies, rate, readers.join().unwrap_or(READERS))
    });
    // No response under this load is a result, not a failure of the benchmark.
    let mut latencies = latencies.map_err(|error| Trouble::Lacks(format!("no small responses: {error}")))?;
    latencies.sort_unstable();
    let tail = latencies.get(latencies.len() * 99 / 100).ok_or_else(|| failed("no response".into()))?;
    let values = vec![(Quantity::Tail, tail.as_secs_f64() * 1e3), (Quantity::ReaderRate, rate)];
    let note = (lost > 0).then(|| format!("{lost} of {READERS} readers were not accepted, or lost their connection"));
    Ok(Sample { values, notes: note.into_iter().collect() })
}

/// The state that the slow readers and their observer share.
#[derive(Default)]
struct Progress {
    /// The number of readers that have received bytes.
    begun: AtomicUsize,
    /// The bytes that all readers have received.
    bytes: AtomicU64,
    is_done: AtomicBool,
}

/// A connection that drains at a fixed rate.
struct Reader {
    stream: TcpStream,
    /// The bytes that the reader may read now.
    credit: u64,
    has_begun: bool,
}

/// Reads over many connections until `is_done` is set. Returns the number of connections that the server rejected or
/// aborted.
fn read_slowly(address: SocketAddrV4, progress: &Progress) -> usize {
    let request = client::request(address, HUGE, "");
    let (mut readers, deadline) = (Vec::new(), Instant::now() + client::PATIENCE);
    while readers.len() < READERS && Instant::now() < deadline {
        // A busy server may not accept all of them.
        let connected = client::connect(address, Origin { address: None, buffer: Some(BUFFER) });
        let asked = connected.and_then(|mut stream| stream.write_all(&request).map(|()| stream));
        readers.extend(asked.map(|stream| Reader { stream, credit: 0, has_begun: false }));
    }
    let (mut block, mut last) = (vec![0; BUFFER], Instant::now());
    while !progress.is_done.load(Ordering::Relaxed) {
        thread::sleep(TICK);
        let elapsed = last.elapsed();
        last += elapsed;
        let earned = RATE * u64::try_from(elapsed.as_micros()).unwrap_or(0) / 1_000_000;
        readers.retain_mut(|reader| {
            reader.credit = (reader.credit + earned).min(BACKLOG);
            drain(reader, &mut block, progress)
        });
        progress.begun.store(readers.iter().filter(|reader| reader.has_begun).count(), Ordering::Relaxed);
    }
    READERS - readers.len()
}

/// Reads the received bytes up to the credit. Returns whether the connection is still open.
fn drain(reader: &mut Reader, block: &mut [u8], progress: &Progress) -> bool {
    while reader.credit > 0 {
        let size = usize::try_from(reader.credit).unwrap_or(BUFFER).min(BUFFER);
        match client::discard(&reader.stream, block.get_mut(..size).unwrap_or_default(), RecvFlags::DONTWAIT) {
            Ok(bytes @ 1..) => {
                progress.bytes.fetch_add(bytes, Ordering::Relaxed);
                reader.credit = reader.credit.saturating_sub(bytes);
                reader.has_begun = true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Ok(0) | Err(_) => return false,
        }
    }
    true
}

/// One of the connections for small requests.
struct Lane {
    stream: TcpStream,
    /// The times when the requests on this connection were due. The first of them is sent.
    due: VecDeque<Instant>,
    is_waiting: bool,
    received: Vec<u8>,
}

/// Sends small requests at even distances. Returns the times from when each was due to its response; at the end, to the
/// present for requests without a response.
fn ask_steadily(address: SocketAddrV4, window: Duration) -> io::Result<Vec<Duration>> {
    let request = client::request(address, SMALL, "");
    let mut lanes = Vec::new();
    for _ in 0..LANES {
        let stream = client::connect(address, Origin::default())?;
        lanes.push(Lane { stream, due: VecDeque::new(), is_waiting: false, received: Vec::new() });
    }
    let (begin, mut sent, mut latencies) = (Instant::now(), 0, Vec::new());
    let deadline = begin + window + client::PATIENCE;
    let due = |number: u16| begin + window * u32::from(number) / u32::from(REQUESTS);
    while latencies.len() < usize::from(REQUESTS) && Instant::now() < deadline {
        while sent < REQUESTS && due(sent) <= Instant::now() {
            lanes.get_mut(usize::from(sent) % LANES).into_iter().for_each(|lane| lane.due.push_back(due(sent)));
            sent += 1;
        }
        for lane in lanes.iter_mut().filter(|lane| !lane.is_waiting && !lane.due.is_empty()) {
            lane.stream.write_all(&request)?;
            lane.is_waiting = true;
        }
        let next = if sent < REQUESTS { due(sent) } else { deadline };
        for at in wait(&lanes, next.saturating_duration_since(Instant::now()))? {
            let lane = lanes.get_mut(at);
            latencies.extend(lane.map(receive).transpose()?.flatten());
        }
    }
    let now = Instant::now();
    let unanswered = lanes.iter().flat_map(|lane| &lane.due).map(|due| now.saturating_duration_since(*due));
    latencies.extend(unanswered);
    Ok(latencies)
}

/// Waits until bytes arrive or the timeout ends. Returns the lanes that have received bytes.
fn wait(lanes: &[Lane], timeout: Duration) -> io::Result<Vec<usize>> {
    let mut polled: Vec<PollFd<'_>> = lanes.iter().map(|lane| PollFd::new(&lane.stream, PollFlags::IN)).collect();
    let timeout = Timespec::try_from(timeout).map_err(|_| failed("invalid timeout".into()))?;
    match poll(&mut polled, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let ready = polled.iter().enumerate().filter(|(_, lane)| !lane.revents().is_empty());
    Ok(ready.map(|(at, _)| at).collect())
}

/// Reads the received bytes of a lane. Returns the time of the request if they complete its response.
fn receive(lane: &mut Lane) -> io::Result<Option<Duration>> {
    let mut block = [0; 4096];
    let count = lane.stream.read(&mut block)?;
    if count == 0 {
        return Err(failed("the server closed a connection for small requests".into()));
    }
    lane.received.extend_from_slice(block.get(..count).unwrap_or_default());
    let Some((head, length)) = ResponseHead::parse(&lane.received) else { return Ok(None) };
    let body = head.length().filter(|_| head.status == 200).and_then(|length| usize::try_from(length).ok());
    let body = body.ok_or_else(|| failed(format!("status {} for a small file", head.status)))?;
    if lane.received.len() < length + body {
        return Ok(None);
    }
    lane.received.clear();
    lane.is_waiting = false;
    Ok(lane.due.pop_front().map(|due| due.elapsed()))
}
