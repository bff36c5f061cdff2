//! Numbers what a handler opens beneath its preopen, so that it can name an open file in a piece of a body.

use crate::beneath::Stat;
use std::collections::VecDeque;

/// The most recent openings that can be named. A handler opens a few files for a response, and sends one of them.
const MAX_RECENT: usize = 16;

/// What an instance has opened.
#[derive(Default)]
pub(crate) struct NumberedNodes {
    count: u64,
    recent: VecDeque<NumberedNode>,
    /// The last descriptor with its metadata, until they are read.
    fresh: Option<(u32, Stat)>,
}

struct NumberedNode {
    number: u64,
    descriptor: u32,
    stat: Stat,
}

impl NumberedNodes {
    /// Adds a descriptor. It gets a number if it was opened with the preopen.
    pub(crate) fn push(&mut self, descriptor: u32, stat: Stat, is_numbered: bool) {
        self.fresh = Some((descriptor, stat));
        if !is_numbered {
            return;
        }
        self.count = self.count.saturating_add(1);
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(NumberedNode { number: self.count, descriptor, stat });
    }

    /// The descriptor with this number, and its metadata when it was opened.
    pub(crate) fn find(&self, number: u64) -> Option<(u32, Stat)> {
        let found = self.recent.iter().rev().find(|opened| opened.number == number)?;
        Some((found.descriptor, found.stat))
    }

    /// The metadata of the descriptor that was opened last. Returns them once: they may change.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "wasmtime-wasi reads metadata there"))]
    pub(crate) fn take_stat(&mut self, descriptor: u32) -> Option<Stat> {
        self.fresh.take_if(|(last, _)| *last == descriptor).map(|(_, stat)| stat)
    }

    /// Forgets the descriptors of a request. Its numbers do not occur again.
    pub(crate) fn end_request(&mut self) {
        self.recent.clear();
        self.fresh = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_not_used_again() {
        let stat = rustix::fs::stat("/").expect("the root exists");
        let mut opened = NumberedNodes::default();
        for descriptor in 1..=20 {
            opened.push(descriptor, stat, true);
        }
        let found = |opened: &NumberedNodes, number| opened.find(number).map(|(descriptor, _)| descriptor);
        assert_eq!((found(&opened, 4), found(&opened, 5), found(&opened, 20)), (None, Some(5), Some(20)));
        assert!(opened.take_stat(19).is_none());
        assert!(opened.take_stat(20).is_some() && opened.take_stat(20).is_none());
        opened.end_request();
        assert_eq!(found(&opened, 20), None);
        opened.push(3, stat, false);
        opened.push(3, stat, true);
        assert_eq!(found(&opened, 21), Some(3));
    }
}
