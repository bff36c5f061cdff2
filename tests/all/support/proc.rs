//! Reads `/proc` of a running server: descriptors, memory and sockets.

use crate::support::client::TIMEOUT;
use crate::support::clock;
use crate::support::fixture;
use crate::support::server::TestServer;
use std::collections::BTreeMap;
use std::fs;

/// The memory of the server in KiB: `VmRSS:` is the current amount, `VmHWM:` the peak.
pub fn memory(server: &TestServer, line: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).ok()?;
    let value = status.lines().find_map(|candidate| candidate.strip_prefix(line))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The memory of the server in KiB, in which a page that is mapped several times counts once.
pub fn proportional_memory(server: &TestServer) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", server.id())).ok()?;
    let value = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

pub fn descriptors(server: &TestServer) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{}/fd", server.id())).ok()?.count())
}

/// The sockets of TCP over IPv4 on which the server listens: the port of each, and its number among the descriptors.
pub fn listeners(server: &TestServer) -> Vec<(u16, i32)> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let mut ports: BTreeMap<String, u16> = BTreeMap::new();
    for fields in table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()) {
        // 0A is the state of one that listens.
        if let [_, local, _, "0A", ..] = fields.as_slice()
            && let Some(port) = local.split_once(':').and_then(|(_, port)| u16::from_str_radix(port, 16).ok())
            && let Some(inode) = fields.get(9)
        {
            ports.insert(format!("socket:[{inode}]"), port);
        }
    }
    let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", server.id())) else { return Vec::new() };
    let listening = entries.flatten().filter_map(|entry| {
        let port = *ports.get(fs::read_link(entry.path()).ok()?.to_str()?)?;
        Some((port, entry.file_name().to_str()?.parse().ok()?))
    });
    listening.collect()
}

/// Bytes that the server has written, that the kernel holds, and that a client has not read: the most of one
/// connection.
pub fn unread_responses(server: &TestServer) -> u64 {
    let port = format!(":{:04X}", server.address().port());
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux reports it");
    let queues = table.lines().filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields.get(1)?.ends_with(&port).then(|| fields.get(4)?.split_once(':'))?
    });
    queues.filter_map(|(sent, _)| u64::from_str_radix(sent, 16).ok()).max().unwrap_or_default()
}

/// Descriptors that a server may keep for good once it has been busy, such as those of further instances.
const KEPT: usize = 8;

/// Waits until the server has about as few descriptors open as before.
#[track_caller]
pub fn descriptors_return(server: &TestServer, before: Option<usize>) {
    let Some(before) = before else { return fixture::skipped("descriptors, which only Linux reports") };
    let returned = clock::poll(TIMEOUT, || (descriptors(server) <= Some(before + KEPT)).then_some(()));
    assert!(returned.is_some(), "{before} descriptors became {:?}", descriptors(server));
}

/// Waits until the server takes at most `most` KiB of memory, or until the timeout, and returns the amount.
pub fn memory_returns(server: &TestServer, most: Option<u64>) -> Option<u64> {
    let now = || memory(server, "VmRSS:");
    clock::poll(TIMEOUT, || Some(now()).filter(|now| *now <= most)).unwrap_or_else(now)
}
