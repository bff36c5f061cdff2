//! The order of the rows of a listing: directories first; then what is asked for; among equals, by name. It refuses to know
//! how they got there.

use super::Row;
use crate::listing::natural;
use crate::listing::query::Sort;
use std::cmp::Ordering;

/// Puts rows into their order.
///
/// Names are compared by keys, each of which is made once: comparing a quarter of a million names letter by letter takes
/// more processor time than a piece of an answer may.
pub fn sort(rows: &mut [Row], sort: Sort, is_reversed: bool) {
    let mut keys = Keys::default();
    let mut places: Vec<Place> =
        (0..).zip(rows.iter()).map(|(index, row)| Place { index, key: keys.add(row) }).collect();
    places.sort_unstable_by(|one, other| {
        let by_name = || keys.of(*one).cmp(keys.of(*other));
        let [left, right] = [one, other].map(|place| rows.get(usize::try_from(place.index).unwrap_or(usize::MAX)));
        let (Some(left), Some(right)) = (left, right) else { return Ordering::Equal };
        let asked = match sort {
            Sort::Name => by_name(),
            Sort::Size => left.entry.size.cmp(&right.entry.size),
            Sort::Modified => left.entry.modified.cmp(&right.entry.modified),
        };
        let asked = if is_reversed { asked.reverse() } else { asked };
        right.is_directory().cmp(&left.is_directory()).then(asked).then_with(by_name)
    });
    drop(keys);
    permute(rows, places.iter().map(|place| usize::try_from(place.index).unwrap_or(usize::MAX)).collect());
}

/// Puts at each place the row that `from` says, in place.
fn permute(rows: &mut [Row], mut from: Vec<usize>) {
    for place in 0..from.len() {
        let mut here = place;
        // Follow the circle that begins here. Each place that is done is its own source.
        while let Some(source) = from.get(here).copied().filter(|source| *source != here) {
            if let Some(done) = from.get_mut(here) {
                *done = here;
            }
            if source == place || source >= rows.len() {
                break;
            }
            rows.swap(here, source);
            here = source;
        }
    }
}

/// A row and where its key ends.
#[derive(Clone, Copy)]
struct Place {
    index: u32,
    key: (u32, u32),
}

/// The keys of all rows, one behind the other: to allocate each would take twice the memory.
#[derive(Default)]
struct Keys(Vec<u8>);

impl Keys {
    fn add(&mut self, row: &Row) -> (u32, u32) {
        let start = self.0.len();
        natural::key(&row.above, &mut self.0);
        natural::key(row.entry.name.as_str(), &mut self.0);
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        (place(start), place(self.0.len()))
    }

    fn of(&self, place: Place) -> &[u8] {
        let [start, end] = [place.key.0, place.key.1].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        self.0.get(start..end).unwrap_or_default()
    }
}
