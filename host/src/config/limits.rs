//! The limits of clients and the quotas that they share: from options, or else from the open files and the memory of
//! this machine.

#[cfg_attr(not(unix), path = "limits/descriptors_unavailable.rs")]
mod descriptors;

use super::memory::memory;
use crate::args::ClientFlags;
use crate::error::StartupError;
use descriptors::raise_descriptor_limit;
use glasshouse_http::ClientLimits;
use glasshouse_quota::Totals;
use glasshouse_sandbox::RequestLimits;
use std::num::NonZeroUsize;

/// Descriptors that are not for clients: listeners, the runtime, the served directories.
const RESERVE: usize = 64;
/// The minimum number of open files for responses.
const MIN_FILES: usize = 8;
/// Bytes of memory if the system does not report it.
const ASSUMED_MEMORY: u64 = 2 << 30;
/// The minimum memory of all responses in bytes: one instance, and a block for each of some clients.
const MIN_MEMORY: u64 = 64 << 20;

/// The limits of clients and their shared quotas, for this number of worker threads.
///
/// # Errors
/// More connections than this process may have open files.
pub(crate) fn limits(
    clients: &ClientFlags,
    ceilings: &RequestLimits,
    threads: NonZeroUsize,
) -> Result<(ClientLimits, Totals), StartupError> {
    let descriptors = raise_descriptor_limit();
    let allowed = connections(descriptors);
    let max_connections = clients.max_connections.map_or(allowed, NonZeroUsize::get);
    if max_connections > allowed {
        return Err(StartupError::CannotServe(format!(
            "cannot serve {max_connections} connections: the limit of open files allows {allowed}; raise it with \
             'ulimit -n', or give a smaller --max-connections"
        )));
    }
    let half = max_connections.div_ceil(2);
    let memory = clients.max_total_memory.map_or_else(|| total_memory(memory()), |size| size.0);
    let memory = usize::try_from(memory).unwrap_or(usize::MAX).min(Totals::unlimited().memory);
    let totals = Totals::of_threads(memory, files(descriptors, max_connections), ceilings.instances, threads);
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

/// A quarter of the memory.
fn total_memory(memory: Option<u64>) -> u64 {
    (memory.unwrap_or(ASSUMED_MEMORY) / 4).max(MIN_MEMORY)
}

/// The maximum number of open files for responses: 75% of the descriptors without connections, because handlers open
/// some temporarily. This leaves a descriptor for a new connection.
fn files(descriptors: Option<u64>, connections: usize) -> usize {
    let descriptors = descriptors.and_then(|number| usize::try_from(number).ok()).unwrap_or(usize::MAX);
    let rest = descriptors.saturating_sub(RESERVE).saturating_sub(connections);
    (rest / 4).saturating_mul(3).clamp(MIN_FILES, Totals::unlimited().files)
}

/// The maximum number of connections, which leaves descriptors for files. Most connections are idle and have no file
/// open. If all send a request at the same time, they wait for each other.
fn connections(descriptors: Option<u64>) -> usize {
    let descriptors = descriptors.and_then(|number| usize::try_from(number).ok()).unwrap_or(usize::MAX);
    (descriptors.saturating_sub(RESERVE) / 4).saturating_mul(3).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::tests::serve;
    use std::time::Duration;

    fn limited(words: &[&str]) -> Result<(ClientLimits, Totals), StartupError> {
        let args = serve(words);
        limits(&args.clients, &RequestLimits::from(&args.limits), NonZeroUsize::MIN.saturating_add(1))
    }

    #[test]
    fn quotas_have_totals() {
        let (_, totals) = limited(&["--max-total-memory", "100M", "--max-instances", "10"]).unwrap();
        assert_eq!((totals.memory, totals.heads, totals.bodies), (100 << 20, 20, 5));
        let (_, totals) = limited(&["--max-instances", "1"]).unwrap();
        assert!(totals.memory >= 64 << 20 && totals.bodies == 1);
        assert_eq!((total_memory(Some(16 << 30)), total_memory(Some(1 << 20))), (4 << 30, MIN_MEMORY));
        for (descriptors, connections, expected) in
            [(Some(1024), 720, 180), (Some(1024), 10, 711), (Some(0), 1, MIN_FILES)]
        {
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
    fn an_option_wins_over_the_machine() {
        let words = "--header-timeout 2s --idle-timeout 3 --send-timeout 400ms --max-content 0 --max-connections 9";
        let limits = limited(&words.split(' ').collect::<Vec<_>>()).unwrap().0;
        let expected = ClientLimits {
            header_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(3),
            send_timeout: Duration::from_millis(400),
            max_content: 0,
            max_connections: 9,
            max_connections_per_address: 5,
        };
        assert_eq!(limits, expected);
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
