//! The flags that say what one request may cost. It refuses to know how that is counted.

use super::value::{Size, Time};
use glasshouse_sandbox::Ceilings;
use std::num::NonZeroUsize;

const CEILINGS: &str = "Ceilings of a request";

/// What one request may use before it is given up: it is answered with 503, or cut off where the answer has begun.
#[derive(Debug, clap::Args)]
pub struct Flags {
    /// Memory that the handler may have
    #[arg(long, value_name = "SIZE", default_value = "64M")]
    #[arg(env = "GLASSHOUSE_MAX_MEMORY", hide_env = true, help_heading = CEILINGS)]
    max_memory: Size,

    /// Processor time for the head of an answer, and for any piece of its content
    #[arg(long, value_name = "TIME", default_value = "1s")]
    #[arg(env = "GLASSHOUSE_MAX_CPU", hide_env = true, help_heading = CEILINGS)]
    max_cpu: Time,

    /// Time until the head of an answer, waiting included
    #[arg(long, value_name = "TIME", default_value = "10s")]
    #[arg(env = "GLASSHOUSE_ANSWER_TIMEOUT", hide_env = true, help_heading = CEILINGS)]
    answer_timeout: Time,

    /// Handles that the code of the handler may hold
    #[arg(long, value_name = "N", default_value = "1024")]
    #[arg(env = "GLASSHOUSE_MAX_HANDLES", hide_env = true, help_heading = CEILINGS)]
    max_handles: NonZeroUsize,

    /// Files and other things that may be open for the handler
    #[arg(long, value_name = "N", default_value = "1024")]
    #[arg(env = "GLASSHOUSE_MAX_RESOURCES", hide_env = true, help_heading = CEILINGS)]
    max_resources: NonZeroUsize,

    /// Bytes that the handler may hand over in one call
    #[arg(long, value_name = "SIZE", default_value = "4M")]
    #[arg(env = "GLASSHOUSE_MAX_CALL", hide_env = true, help_heading = CEILINGS)]
    max_call: Size,

    /// Instances of the handler that may be busy at once, for each thread; a quarter of them with long answers
    ///
    /// Further requests wait, and what would be a long answer is 503. A client keeps at most as many busy as it leaves free.
    #[arg(long, value_name = "N", default_value = "512")]
    #[arg(env = "GLASSHOUSE_MAX_INSTANCES", hide_env = true, help_heading = CEILINGS)]
    max_instances: NonZeroUsize,

    /// Content that the handler may make for one answer, besides the files that it hands over
    #[arg(long, value_name = "SIZE", default_value = "8G")]
    #[arg(env = "GLASSHOUSE_MAX_MADE", hide_env = true, help_heading = CEILINGS)]
    max_made: Size,
}

impl From<&Flags> for Ceilings {
    fn from(flags: &Flags) -> Ceilings {
        let bytes = |size: Size| usize::try_from(size.0).unwrap_or(usize::MAX);
        Ceilings {
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
