//! Checks an HTTP/2 connection whose client sends any frames, reads when it likes and grants any window.

mod client;
mod content;
mod frames;

use super::MAX_CONTENT;
use client::FrameClient;
use content::{H2Case, WindowHandler};
use glasshouse_http::{
    ClientLimits, ConnectionContext, CounterTotals, Counters, Format, Log, Protocol, Sink, WriteTimeout, serve,
};
use glasshouse_quota::{Quotas, Resource};
use http::Version;
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::panic;
use std::sync::{Arc, Once};
use std::time::Duration;
use tokio::io::duplex;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

const HEADER_TIMEOUT: Duration = Duration::from_secs(3);
const IDLE_TIMEOUT: Duration = Duration::from_secs(7);
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Upper bound on the time for which the server reads content that it discards.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than any client of a case acts.
const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Sizes of the buffer that stands for the sockets, so that writes of the server stall too.
const PIPES: [usize; 4] = [256, 2 << 10, 16 << 10, 256 << 10];
/// Bytes of memory for responses: room for a few streams, or for all of them.
const MEMORY: [usize; 2] = [320 << 10, 64 << 20];

thread_local! {
    /// Whether a task of this thread has panicked: tokio catches panics of tasks.
    static HAS_PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a connection with a client that acts as the bytes say; `client` defines their meaning. The time of the case is
/// virtual: it passes only when neither side can do anything else.
///
/// # Panics
/// A task panics, the server exceeds a window or the memory limit, the connection outlives its timeouts, or something
/// is still held when the connection has ended.
pub fn http2(bytes: &[u8]) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let next = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            HAS_PANICKED.set(true);
            next(info);
        }));
    });
    HAS_PANICKED.set(false);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime needs nothing").block_on(run(bytes));
    assert!(!HAS_PANICKED.get(), "a task has panicked");
}

async fn run(bytes: &[u8]) {
    let [options, bytes @ ..] = bytes else { return };
    let memory = MEMORY[usize::from(options >> 7)];
    let quotas = Quotas::new(glasshouse_quota::Totals { memory, ..glasshouse_quota::Totals::unlimited() });
    let counters = Arc::new(Counters::default());
    let (limits, case) = (limits(), H2Case::new(quotas.clone()));
    let (near, far) = duplex(PIPES[usize::from(options & 3)]);
    let (closing, closes) = watch::channel(false);
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let log = Log::new(Format::Off, Sink::Stderr).with_counters(Arc::clone(&counters));
    let handler = WindowHandler::new(Arc::clone(&case));
    let exchange = ConnectionContext::new(handler, Version::HTTP_11, &limits, log, address, quotas.client(address));
    let protocol = if options & 4 == 0 { Protocol::Http2 } else { Protocol::Unknown };
    let far = WriteTimeout::new(far, limits.send_timeout);
    let server = async {
        serve(far, protocol, exchange, limits, closes).await;
        Instant::now()
    };
    let mut client = FrameClient::new(near, Arc::clone(&case), *options);
    let acting = async {
        client.act(bytes, &closing).await;
        let at = Instant::now();
        client.end().await;
        at
    };
    let both = timeout(FOREVER, async { tokio::join!(server, acting) }).await;
    let (ended, last_act) = both.unwrap_or_else(|_| panic!("the connection does not end: {bytes:?} {options}"));
    let streams = case.lock().sent.streams();
    let allowed = HEADER_TIMEOUT + IDLE_TIMEOUT + DISCARD_TIMEOUT + SEND_TIMEOUT * (3 + streams);
    let took = ended.saturating_duration_since(last_act);
    assert!(took <= allowed, "the connection ended {took:?} after the last act of its client");
    // The tasks of the streams learn of the end.
    sleep(SEND_TIMEOUT + Duration::from_secs(1)).await;
    for resource in [Resource::Memory, Resource::Files, Resource::Heads, Resource::Bodies] {
        assert_eq!(quotas.held(resource), 0, "{resource:?} is still held");
    }
    let mut totals = CounterTotals::default();
    totals.add(&counters);
    assert_eq!(totals.in_flight, 0, "requests are still in flight");
    assert_eq!(case.lock().alive, 0, "content is still buffered");
}

fn limits() -> ClientLimits {
    ClientLimits {
        header_timeout: HEADER_TIMEOUT,
        idle_timeout: IDLE_TIMEOUT,
        send_timeout: SEND_TIMEOUT,
        max_content: MAX_CONTENT,
        max_connections: 1,
        max_connections_per_address: 1,
    }
}
