//! The messages of the last minute, for pages that were loaded, or disconnected, while they were sent.

use bytes::Bytes;
use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// How long a message is kept.
const KEPT: Duration = Duration::from_secs(60);
/// The most messages that are kept.
const MAX_MESSAGES: usize = 256;

/// The kept messages. Their numbers increase by one.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    messages: VecDeque<(u64, SystemTime, Bytes)>,
    /// The messages since this time are complete. `None` while nothing is watched.
    complete_since: Option<SystemTime>,
}

impl Recent {
    /// Begins: everything is watched from now on.
    pub(crate) fn begin(&mut self, now: SystemTime) {
        *self = Recent { messages: VecDeque::new(), complete_since: Some(now) };
    }

    /// Forgets everything: nothing is watched.
    pub(crate) fn end(&mut self) {
        *self = Recent::default();
    }

    /// Keeps a message.
    pub(crate) fn push(&mut self, number: u64, now: SystemTime, message: Bytes) {
        self.messages.push_back((number, now, message));
        let is_old = |sent: &SystemTime| now.duration_since(*sent).is_ok_and(|age| age > KEPT);
        while self.messages.len() > MAX_MESSAGES || self.messages.front().is_some_and(|(_, sent, _)| is_old(sent)) {
            if let Some((_, sent, _)) = self.messages.pop_front() {
                self.complete_since = self.complete_since.map(|since| since.max(sent));
            }
        }
    }

    /// Whether no message since `time` is missing.
    pub(crate) fn is_complete_since(&self, time: SystemTime) -> bool {
        self.complete_since.is_some_and(|since| since < time)
    }

    /// When the message with a number was sent. `None` if it is not kept.
    pub(crate) fn time_of(&self, number: u64) -> Option<SystemTime> {
        self.messages.iter().find(|(kept, ..)| *kept == number).map(|(_, sent, _)| *sent)
    }

    /// The messages since `time` with a number above `after`.
    pub(crate) fn since(&self, time: SystemTime, after: u64) -> impl Iterator<Item = Bytes> {
        let is_new = move |(number, sent, _): &&(u64, SystemTime, Bytes)| *sent >= time && *number > after;
        self.messages.iter().filter(is_new).map(|(.., message)| message.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_kept_for_a_minute() {
        let (start, mut recent) = (SystemTime::UNIX_EPOCH, Recent::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!recent.is_complete_since(at(100)));
        recent.begin(at(10));
        assert!(recent.is_complete_since(at(11)) && !recent.is_complete_since(at(10)));
        for second in 20..40 {
            recent.push(second, at(second), Bytes::from(second.to_string()));
        }
        assert_eq!(recent.since(at(37), 0).collect::<Vec<_>>(), ["37", "38", "39"]);
        assert_eq!((recent.time_of(21), recent.time_of(40)), (Some(at(21)), None));
        assert_eq!(recent.since(at(0), 38).collect::<Vec<_>>(), ["39"]);
        recent.push(90, at(90), Bytes::new());
        assert_eq!(recent.since(at(0), 0).count(), 11);
        assert!(!recent.is_complete_since(at(29)) && recent.is_complete_since(at(30)));
        recent.end();
        assert_eq!((recent.since(at(0), 0).count(), recent.is_complete_since(at(100))), (0, false));
    }
}
