//! Sorts the rows of a listing: directories first, then by the requested column, then by name.

use crate::listing::query::Sort;
use crate::listing::{ListingRow, natural};
use crate::number::{to_u32, to_usize};
use std::cmp::Ordering;

/// Sorts rows.
///
/// Each name is turned into a key once. Comparing 250,000 names letter by letter takes more processor time than one
/// piece of a response may.
pub(super) fn sort(rows: &mut [ListingRow], sort: Sort, is_reversed: bool) {
    let mut keys = Keys::default();
    let mut order: Vec<SortKey> = rows.iter().enumerate().map(|(index, row)| keys.add(index, row)).collect();
    order.sort_unstable_by(|one, other| {
        let by_name = || keys.of(*one).cmp(keys.of(*other));
        let (Some(left), Some(right)) = (rows.get(one.row()), rows.get(other.row())) else { return Ordering::Equal };
        let by_column = match sort {
            Sort::Name => by_name(),
            Sort::Size => left.entry.size.cmp(&right.entry.size),
            Sort::Modified => left.entry.modified.cmp(&right.entry.modified),
        };
        let by_column = if is_reversed { by_column.reverse() } else { by_column };
        right.is_directory().cmp(&left.is_directory()).then(by_column).then_with(by_name)
    });
    drop(keys);
    permute(rows, order.iter().map(|key| key.row()).collect());
}

/// Moves to each index the row from the index in `from`, without a second copy of the rows.
fn permute(rows: &mut [ListingRow], mut from: Vec<usize>) {
    for start in 0..from.len() {
        let mut here = start;
        // Follow the cycle that begins here. An index that is done becomes its own source.
        while let Some(source) = from.get(here).copied().filter(|source| *source != here) {
            if let Some(done) = from.get_mut(here) {
                *done = here;
            }
            if source == start || source >= rows.len() {
                break;
            }
            rows.swap(here, source);
            here = source;
        }
    }
}

/// A row, and the range of its key. 32 bits are enough: a listing has at most 250,000 rows with names of 255 bytes.
#[derive(Clone, Copy)]
struct SortKey {
    row: u32,
    start: u32,
    end: u32,
}

impl SortKey {
    fn row(self) -> usize {
        to_usize(self.row.into())
    }
}

/// The keys of all rows in one buffer. An allocation for each would take twice the memory.
#[derive(Default)]
struct Keys(Vec<u8>);

impl Keys {
    fn add(&mut self, row: usize, of: &ListingRow) -> SortKey {
        let start = self.0.len();
        natural::key(&of.above, &mut self.0);
        natural::key(of.entry.name.as_str(), &mut self.0);
        let [row, start, end] = [row, start, self.0.len()].map(to_u32);
        SortKey { row, start, end }
    }

    fn of(&self, key: SortKey) -> &[u8] {
        self.0.get(to_usize(key.start.into())..to_usize(key.end.into())).unwrap_or_default()
    }
}
