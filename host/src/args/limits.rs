//! The limits of one request. The smallest value of each is about what the built-in handler needs for a page.

use super::value::{MANY, count};
use crate::args::value::{ByteSize, TimeSpan};
use glasshouse_sandbox::RequestLimits;
use std::num::NonZeroUsize;
use std::time::Duration;

const LIMITS: &str = "Limits of a request";

/// The shortest limit of a time: twice the interval at which the sandbox interrupts a handler.
const SHORTEST: Duration = Duration::from_millis(10);
/// Bytes; more than any machine has.
const HUGE: u64 = 1 << 50;
/// Handles, and resources of the host, that a page needs.
const FEW: usize = 16;

/// The limits of one request. Beyond a limit the response is 503, or ends early if its body has started.
#[derive(Debug, clap::Args)]
pub(crate) struct LimitFlags {
    /// Maximum memory of a handler instance
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = size(4 << 20))]
    #[arg(env = "GLASSHOUSE_MAX_MEMORY", hide_env = true, hide_short_help = true, help_heading = LIMITS)]
    max_memory: ByteSize,

    /// Maximum CPU time for a response head or a piece of its body
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    #[arg(env = "GLASSHOUSE_MAX_CPU", hide_env = true, hide_short_help = true, help_heading = LIMITS)]
    max_cpu: TimeSpan,

    /// Maximum time until the head of a response
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    #[arg(env = "GLASSHOUSE_ANSWER_TIMEOUT", hide_env = true, hide_short_help = true, help_heading = LIMITS)]
    answer_timeout: TimeSpan,

    /// Maximum handles of the handler code per instance
    #[arg(long, value_name = "N", default_value = "1024", value_parser = number(FEW))]
    #[arg(env = "GLASSHOUSE_MAX_HANDLES", hide_env = true, hide_short_help = true, help_heading = LIMITS)]
    max_handles: NonZeroUsize,

    /// Maximum host resources (files, streams) per instance
    #[arg(long, value_name = "N", default_value = "1024", value_parser = number(FEW))]
    #[arg(env = "GLASSHOUSE_MAX_RESOURCES", hide_env = true, hide_short_help = true, help_heading = LIMITS)]
    max_resources: NonZeroUsize,

    /// Maximum bytes that a handler passes in one call
    #[arg(long, value_name = "SIZE", default_value = "4M", value_parser = size(64 << 10))]
    #[arg(env = "GLASSHOUSE_MAX_CALL", hide_env = true, hide_short_help = true, help_heading = LIMITS)]
    max_call: ByteSize,

    /// Maximum busy handler instances per thread
    ///
    /// At most a quarter of them generate long responses. Further requests wait, and a further long response becomes
    /// 503. One client keeps at most as many busy as remain free.
    #[arg(long, value_name = "N", default_value = "512", value_parser = number(1))]
    #[arg(env = "GLASSHOUSE_MAX_INSTANCES", hide_env = true, hide_short_help = true, help_heading = LIMITS)]
    max_instances: NonZeroUsize,

    /// Maximum bytes that a handler generates per response
    ///
    /// Served files do not count, except in archives and compressed responses.
    #[arg(long, value_name = "SIZE", default_value = "8G", value_parser = size(64 << 10))]
    #[arg(env = "GLASSHOUSE_MAX_MADE", hide_env = true, hide_short_help = true, help_heading = LIMITS)]
    max_made: ByteSize,
}

fn size(least: u64) -> impl Fn(&str) -> Result<ByteSize, String> + Clone {
    move |text| ByteSize::within(text, least..=HUGE)
}

fn number(least: usize) -> impl Fn(&str) -> Result<NonZeroUsize, String> + Clone {
    move |text| count(text, least..=MANY)
}

fn time(text: &str) -> Result<TimeSpan, String> {
    TimeSpan::at_least(text, SHORTEST)
}

impl From<&LimitFlags> for RequestLimits {
    fn from(flags: &LimitFlags) -> RequestLimits {
        let bytes = |size: ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
        RequestLimits {
            memory: bytes(flags.max_memory),
            cpu: flags.max_cpu.0,
            answer: flags.answer_timeout.0,
            handles: flags.max_handles.get(),
            resources: flags.max_resources.get(),
            call: bytes(flags.max_call),
            instances: flags.max_instances.get(),
            made: flags.max_made.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::args::tests::serve;
    use glasshouse_sandbox::RequestLimits;

    #[test]
    fn the_defaults_are_those_of_the_library() {
        assert_eq!(RequestLimits::from(&serve(&[]).limits), RequestLimits::default());
    }
}
