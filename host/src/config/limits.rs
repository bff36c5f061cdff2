//! The limits for clients on this machine: what was typed, and else what the open files of this process allow.

use super::Fault;
use crate::args::Clients;
use glasshouse_front::Limits;
use std::num::NonZeroUsize;

/// Descriptors that are not for clients: listeners, the runtime's own, the directory that is served.
const RESERVE: usize = 64;

/// The limits that were asked for.
///
/// # Errors
/// More connections than this process may have open files.
pub fn limits(clients: &Clients) -> Result<Limits, Fault> {
    let bearable = connections(raise_descriptor_limit());
    let max_connections = clients.max_connections.map_or(bearable, NonZeroUsize::get);
    if max_connections > bearable {
        return Err(Fault::CannotServe(format!(
            "cannot serve {max_connections} connections: the limit of open files allows for {bearable}; raise it with \
             'ulimit -n', or give a smaller --max-connections"
        )));
    }
    let half = max_connections.div_ceil(2);
    Ok(Limits {
        header_timeout: clients.header_timeout.0,
        idle_timeout: clients.idle_timeout.0,
        send_timeout: clients.send_timeout.0,
        max_content: clients.max_content.0,
        max_connections,
        max_connections_per_address: clients.max_connections_per_address.map_or(half, NonZeroUsize::get),
    })
}

/// How many connections leave room for files. Most connections are idle at any time and hold none; should all ask at once,
/// a file that cannot be opened is an error for its request and for nothing else.
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
        let typed = limits(&serve(&words.split(' ').collect::<Vec<_>>()).clients).unwrap();
        let expected = Limits {
            header_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(3),
            send_timeout: Duration::from_millis(400),
            max_content: 0,
            max_connections: 9,
            max_connections_per_address: 5,
        };
        assert_eq!(typed, expected);
        let each = limits(&serve(&["--max-connections-per-address", "7"]).clients).unwrap();
        assert_eq!(each.max_connections_per_address, 7);
        assert_eq!((each.header_timeout.as_secs(), each.idle_timeout.as_secs()), (30, 60));
    }

    #[test]
    fn more_than_there_are_files_is_refused() {
        let refused = limits(&serve(&["--max-connections", "999999999"]).clients);
        assert!(matches!(&refused, Err(Fault::CannotServe(text)) if text.contains("ulimit -n")), "{refused:?}");
    }
}
