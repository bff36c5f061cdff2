//! Joins changes that follow each other closely into one message, so that a build or a save reloads a page once.

use crate::change::Change;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A burst ends after this time without a change. Editors save in several steps, which follow each other faster.
pub(crate) const QUIET: Duration = Duration::from_millis(30);
/// A burst ends after this time in any case, so that a file that changes all the time does not hold back the others.
pub(crate) const LONGEST: Duration = Duration::from_millis(1_500);
/// The most changes in a message. More become the change of everything.
const MAX_CHANGES: usize = 256;

/// The changes of a burst, each once.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    changes: BTreeSet<Change>,
    /// The times of the first and the last change.
    times: Option<(Instant, Instant)>,
}

impl Burst {
    /// Adds changes at a time.
    pub(crate) fn add(&mut self, changes: impl IntoIterator<Item = Change>, now: Instant) {
        let before = self.times;
        for change in changes {
            self.times = Some((before.map_or(now, |(first, _)| first), now));
            self.changes.insert(change);
        }
        if self.changes.len() > MAX_CHANGES {
            self.changes = [Change::of_directory("/".to_owned())].into();
        }
    }

    /// The time at which the burst ends. `None` without a change.
    pub(crate) fn end(&self) -> Option<Instant> {
        self.times.and_then(|(first, last)| Some(last.checked_add(QUIET)?.min(first.checked_add(LONGEST)?)))
    }

    /// Takes the changes if the burst has ended.
    pub(crate) fn take(&mut self, now: Instant) -> Option<BTreeSet<Change>> {
        if self.end()? > now {
            return None;
        }
        Some(std::mem::take(self).changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str) -> [Change; 1] {
        [Change::of_file(format!("/{name}"))]
    }

    #[test]
    fn a_thousand_saves_in_a_second_are_one_burst() {
        let (start, mut burst) = (Instant::now(), Burst::default());
        assert_eq!((burst.end(), burst.take(start)), (None, None));
        for save in 0..1_000 {
            let now = start + Duration::from_millis(save);
            assert_eq!(burst.take(now), None);
            burst.add(change(&(save % 3).to_string()), now);
        }
        let end = start + Duration::from_millis(999) + QUIET;
        assert_eq!(burst.take(end - Duration::from_millis(1)), None);
        assert_eq!(burst.take(end).map(|changes| changes.len()), Some(3));
        assert_eq!(burst.take(end + LONGEST), None);
    }

    #[test]
    fn a_file_that_changes_all_the_time_holds_nothing_back() {
        let (start, mut burst) = (Instant::now(), Burst::default());
        burst.add(change("a"), start);
        for step in 1..100 {
            burst.add(change("log"), start + Duration::from_millis(20 * step));
        }
        assert_eq!(burst.end(), Some(start + LONGEST));
    }

    #[test]
    fn many_changes_are_one() {
        let (start, mut burst) = (Instant::now(), Burst::default());
        burst.add((0..=MAX_CHANGES).map(|name| Change::of_file(format!("/{name}"))), start);
        assert_eq!(burst.take(start + QUIET), Some([Change::of_directory("/".to_owned())].into()));
    }
}
