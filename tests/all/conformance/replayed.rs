//! Every row over the replay of the host: each request is sent until its response is replayed, and that response is
//! checked.

use crate::conformance::cases::Ask;
use crate::conformance::matrix::{Mode, RowClient, prove};
use crate::ops::admin;
use crate::support::client::{self, HttpConnection, HttpResponse};
use crate::support::fixture::OnDisk;
use crate::support::server::{Setup, Stack, TestServer};
use crate::support::{clock, prometheus};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The age from which files and directories count as unchanged.
const SETTLED: Duration = Duration::from_millis(2500);

/// Whether a reason applies to a request and the status of its response.
type Applies = fn(&Ask, u16) -> bool;

/// Requests whose responses are never replayed, with the reason.
const NOT_REPLAYED: &[(&str, Applies)] = &[
    ("hyper reads requests of other methods", |ask, _| !matches!(ask.method, "GET" | "HEAD")),
    ("hyper reads targets in absolute form", |ask, _| !ask.target.starts_with('/')),
    ("an archive is written while its files are read", |ask, _| ask.target.contains("download=")),
    ("a fault may not happen again", |_, status| status == 500),
];

#[test]
fn rows_replayed() {
    let disk = OnDisk::new();
    clock::wait_until(Instant::now() + SETTLED);
    let not_replayed = RefCell::new(Vec::new());
    prove(Mode::Over(Stack::Host), |root, options| {
        let directory = disk.root().join(root);
        let arguments = &["--admin", "0"];
        let server = TestServer::launch(Setup {
            stack: Stack::Host,
            directory: &directory,
            options,
            arguments,
            unprivileged: false,
        });
        let admin = admin::admin_address(&server);
        let not_replayed = &not_replayed;
        let client: RowClient = Box::new(move |ask| {
            let (response, is_replayed) = ask_until_replayed(server.address(), admin, ask)?;
            let reason = NOT_REPLAYED.iter().find(|(_, is_meant)| is_meant(ask, response.head.status));
            if !is_replayed && reason.is_none() {
                not_replayed.borrow_mut().push(format!("{ask:?} {options:?}: {}", response.head.status));
            }
            Ok(response)
        });
        client
    });
    let not_replayed = not_replayed.into_inner();
    assert!(
        not_replayed.is_empty(),
        "{} responses were not replayed:\n{}",
        not_replayed.len(),
        not_replayed.join("\n")
    );
}

/// Sends the request three times over one connection, if the server keeps it. Returns the last response, and whether it
/// was replayed.
fn ask_until_replayed(server: SocketAddr, admin: SocketAddr, ask: &Ask) -> Result<(HttpResponse, bool), String> {
    let request = client::request(ask.method, ask.target, ask.fields);
    let mut connection = HttpConnection::open(server);
    let mut next = || {
        connection.send(&request).and_then(|()| connection.answer(ask.method)).or_else(|_| {
            connection = HttpConnection::open(server);
            connection.send(&request).and_then(|()| connection.answer(ask.method))
        })
    };
    for _ in 0..2 {
        next().map_err(|error| error.to_string())?;
        admin::wait_until_stored(admin);
    }
    let before = hits(admin);
    let response = next().map_err(|error| error.to_string())?;
    Ok((response, hits(admin) > before))
}

fn hits(admin: SocketAddr) -> f64 {
    let samples = prometheus::read(&client::get(admin, "/metrics").text()).expect("valid metrics");
    samples.get("glasshouse_replay_hits_total").copied().unwrap_or_default()
}
