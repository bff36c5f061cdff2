//! The flags that say what one request may cost. The least of each is about what the built-in handler needs for a page.

use super::value::{MANY, count};
use crate::args::value::{ByteSize, TimeSpan};
use glasshouse_sandbox::RequestLimits;
use std::num::NonZeroUsize;
use std::time::Duration;

const CEILINGS: &str = "Ceilings of a request";

/// The handler is interrupted, and its time counted, as often as this.
const TICK: Duration = Duration::from_millis(10);
/// More than any machine has.
const HUGE: u64 = 1 << 50;
/// Handles, and resources of the host, that a page takes.
const FEW: usize = 16;

/// What one request may use before it is given up: it is answered with 503, or cut off where the answer has begun.
#[derive(Debug, clap::Args)]
pub struct LimitFlags {
    /// Memory that the handler may have
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = |text: &str| ByteSize::within(text, 4 << 20..=HUGE))]
    #[arg(env = "GLASSHOUSE_MAX_MEMORY", hide_env = true, help_heading = CEILINGS)]
    max_memory: ByteSize,

    /// Processor time for the head of an answer, and for any piece of its content
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = |text: &str| TimeSpan::at_least(text, TICK))]
    #[arg(env = "GLASSHOUSE_MAX_CPU", hide_env = true, help_heading = CEILINGS)]
    max_cpu: TimeSpan,

    /// Time until the head of an answer, waiting included
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = |text: &str| TimeSpan::at_least(text, TICK))]
    #[arg(env = "GLASSHOUSE_ANSWER_TIMEOUT", hide_env = true, help_heading = CEILINGS)]
    answer_timeout: TimeSpan,

    /// Handles that the code of the handler may hold
    #[arg(long, value_name = "N", default_value = "1024", value_parser = |text: &str| count(text, FEW..=MANY))]
    #[arg(env = "GLASSHOUSE_MAX_HANDLES", hide_env = true, help_heading = CEILINGS)]
    max_handles: NonZeroUsize,

    /// Files and other things that may be open for the handler
    #[arg(long, value_name = "N", default_value = "1024", value_parser = |text: &str| count(text, FEW..=MANY))]
    #[arg(env = "GLASSHOUSE_MAX_RESOURCES", hide_env = true, help_heading = CEILINGS)]
    max_resources: NonZeroUsize,

    /// Bytes that the handler may hand over in one call
    #[arg(long, value_name = "SIZE", default_value = "4M", value_parser = |text: &str| ByteSize::within(text, 16 << 10..=HUGE))]
    #[arg(env = "GLASSHOUSE_MAX_CALL", hide_env = true, help_heading = CEILINGS)]
    max_call: ByteSize,

    /// Instances of the handler that may be busy at once, for each thread; a quarter of them with long answers
    ///
    /// Further requests wait, and what would be a long answer is 503. A client keeps at most as many busy as it leaves free.
    #[arg(long, value_name = "N", default_value = "512", value_parser = |text: &str| count(text, 1..=MANY))]
    #[arg(env = "GLASSHOUSE_MAX_INSTANCES", hide_env = true, help_heading = CEILINGS)]
    max_instances: NonZeroUsize,

    /// Content that the handler may make for one answer, besides the files that it hands over
    ///
    /// All of an archive counts, files as well, as does content that is encoded on the way.
    #[arg(long, value_name = "SIZE", default_value = "8G", value_parser = |text: &str| ByteSize::within(text, 64 << 10..=HUGE))]
    #[arg(env = "GLASSHOUSE_MAX_MADE", hide_env = true, help_heading = CEILINGS)]
    max_made: ByteSize,
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
