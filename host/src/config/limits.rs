//! The limits for clients on this machine, and what they share: what was typed, and else what its open files and its memory allow.

use super::memory::memory;
use crate::args::ClientFlags;
use crate::config::StartupError;
use glasshouse_http::ClientLimits;
use glasshouse_quota::Totals;
use glasshouse_sandbox::RequestLimits;
use std::num::NonZeroUsize;

/// Descriptors that are not for clients: listeners, the runtime's own, the directory that is served.
const RESERVE: usize = 64;
/// Files that answers may have open on the smallest of machines.
const FEW: usize = 8;
/// Memory that there is where the system does not tell.
const UNTOLD: u64 = 2 << 30;
/// The least that answers may hold together: one instance, and a block for each of some clients.
const LEAST: u64 = 64 << 20;

/// The limits that were asked for, and what clients share, where so many threads serve them.
///
/// # Errors
/// More connections than this process may have open files.
pub fn limits(
    clients: &ClientFlags,
    ceilings: &RequestLimits,
    threads: NonZeroUsize,
) -> Result<(ClientLimits, Totals), StartupError> {
    let descriptors = raise_descriptor_limit();
    let bearable = connections(descriptors);
    let max_connections = clients.max_connections.map_or(bearable, NonZeroUsize::get);
    if max_connections > bearable {
        return Err(StartupError::CannotServe(format!(
            "cannot serve {max_connections} connections: the limit of open files allows for {bearable}; raise it with \
             'ulimit -n', or give a smaller --max-connections"
        )));
    }
    let half = max_connections.div_ceil(2);
    let memory = clients.max_total_memory.map_or_else(|| total_memory(memory()), |size| size.0);
    let heads = ceilings.instances.saturating_mul(threads.get()).min(Totals::unlimited().heads);
    let totals = Totals {
        memory: usize::try_from(memory).unwrap_or(usize::MAX).min(Totals::unlimited().memory),
        files: files(descriptors, max_connections),
        heads,
        bodies: (heads / 4).max(1),
    };
    let limits = ClientLimits {
        header_timeout: clients.header_timeout.0,
        idle_timeout: clients.idle_timeout.0,
        send_timeout: clients.send_timeout.0,
        max_content: clients.max_content.0,
        max_connections,
        max_connections_per_address: clients.max_connections_per_address.map_or(half, NonZeroUsize::get),
    };
    Ok((limits, totals))
}

/// A quarter of the memory that there is.
fn total_memory(memory: Option<u64>) -> u64 {
    (memory.unwrap_or(UNTOLD) / 4).max(LEAST)
}

/// How many files may be open for answers: three of four descriptors that no connection takes, as handlers open some in passing. So
/// there is always one left for a connection that is accepted.
fn files(descriptors: Option<u64>, connections: usize) -> usize {
    let descriptors = descriptors.and_then(|number| usize::try_from(number).ok()).unwrap_or(usize::MAX);
    let rest = descriptors.saturating_sub(RESERVE).saturating_sub(connections);
    (rest / 4).saturating_mul(3).clamp(FEW, Totals::unlimited().files)
}

/// How many connections leave room for files. Most connections are idle at any time and hold none; should all ask at once, they wait
/// for each other.
fn connections(descriptors: Option<u64>) -> usize {
    let descriptors = descriptors.and_then(|number| usize::try_from(number).ok()).unwrap_or(usize::MAX);
    (descriptors.saturating_sub(RESERVE) / 4).saturating_mul(3).max(1)
}

/// Takes all the file descriptors that this process may have. `None` where there is no limit.
fn raise_descriptor_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::tests::serve;
    use std::time::Duration;

    fn limited(words: &[&str]) -> Result<(ClientLimits, Totals), StartupError> {
        let args = serve(words);
        limits(&args.clients, &RequestLimits::from(&args.ceilings), NonZeroUsize::MIN.saturating_add(1))
    }

    #[test]
    fn what_is_shared_has_totals() {
        let (_, totals) = limited(&["--max-total-memory", "100M", "--max-instances", "10"]).unwrap();
        assert_eq!((totals.memory, totals.heads, totals.bodies), (100 << 20, 20, 5));
        let (_, totals) = limited(&["--max-instances", "1"]).unwrap();
        assert!(totals.memory >= 64 << 20 && totals.bodies == 1);
        assert_eq!((total_memory(Some(16 << 30)), total_memory(Some(1 << 20))), (4 << 30, LEAST));
        for (descriptors, connections, expected) in [(Some(1024), 720, 180), (Some(1024), 10, 711), (Some(0), 1, FEW)] {
            assert_eq!(files(descriptors, connections), expected, "{descriptors:?}");
        }
        assert!(files(None, 1) > 1 << 60);
    }

    #[test]
    fn a_quarter_is_left_for_files() {
        for (descriptors, expected) in [(Some(20_000), 14_952), (Some(1024), 720), (Some(64), 1), (Some(0), 1)] {
            assert_eq!(connections(descriptors), expected, "{descriptors:?}");
        }
        assert!(connections(None) > 1 << 60);
    }

    #[test]
    fn what_is_typed_wins() {
        let words = "--header-timeout 2s --idle-timeout 3 --send-timeout 400ms --max-content 0 --max-connections 9";
        let typed = limited(&words.split(' ').collect::<Vec<_>>()).unwrap().0;
        let expected = ClientLimits {
            header_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(3),
            send_timeout: Duration::from_millis(400),
            max_content: 0,
            max_connections: 9,
            max_connections_per_address: 5,
        };
        assert_eq!(typed, expected);
        let each = limited(&["--max-connections-per-address", "7"]).unwrap().0;
        assert_eq!(each.max_connections_per_address, 7);
        assert_eq!((each.header_timeout.as_secs(), each.idle_timeout.as_secs()), (30, 60));
    }

    #[test]
    fn more_than_there_are_files_is_refused() {
        let refused = limited(&["--max-connections", "999999999"]);
        assert!(matches!(&refused, Err(StartupError::CannotServe(text)) if text.contains("ulimit -n")), "{refused:?}");
    }
}
