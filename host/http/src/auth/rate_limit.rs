//! How often an address may be wrong: a number of times in a minute, one try after the other. It refuses to know what is tried.

use glasshouse_quota::network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as Turn;

/// How many failures there may be in a [`WINDOW`].
pub const FAILURES: u32 = 10;
/// From the first failure until all are forgotten.
pub const WINDOW: Duration = Duration::from_secs(60);
/// How many addresses are kept in mind.
const PLACES: usize = 4096;

/// The failures of one address. Whoever holds it has the turn of that address.
#[derive(Default)]
pub struct Failures {
    count: u32,
    since: Option<Instant>,
}

impl Failures {
    /// # Errors
    /// How long to wait until the next try.
    pub fn may_try(&mut self, now: Instant) -> Result<(), Duration> {
        let over = self.since.map(|since| since + WINDOW);
        match over {
            Some(over) if now < over => match self.count {
                FAILURES.. => Err(over - now),
                _ => Ok(()),
            },
            _ => {
                *self = Failures::default();
                Ok(())
            }
        }
    }

    pub fn failed(&mut self, now: Instant) {
        self.since.get_or_insert(now);
        self.count = self.count.saturating_add(1);
    }

    fn is_over(&self, now: Instant) -> bool {
        self.since.is_none_or(|since| now >= since + WINDOW)
    }
}

#[derive(Default)]
pub struct RateLimits {
    places: Mutex<HashMap<IpAddr, Arc<Turn<Failures>>>>,
}

impl RateLimits {
    /// The failures of the address; to be locked for as long as a try takes. `None` where too many others try at this moment.
    pub fn of(&self, peer: IpAddr, now: Instant) -> Option<Arc<Turn<Failures>>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let source = network(peer);
        if let Some(place) = places.get(&source) {
            return Some(Arc::clone(place));
        }
        if places.len() >= PLACES {
            // A place that somebody has a hand on stays, or its address would have two.
            places.retain(|_, place| Arc::strong_count(place) > 1 || !place.try_lock().is_ok_and(|at| at.is_over(now)));
        }
        if places.len() >= PLACES {
            let free = |(source, place): (&IpAddr, &Arc<Turn<Failures>>)| {
                let since = place.try_lock().ok()?.since;
                (Arc::strong_count(place) == 1).then_some((since, *source))
            };
            let (_, oldest) = places.iter().filter_map(free).min()?;
            places.remove(&oldest);
        }
        Some(Arc::clone(places.entry(source).or_default()))
    }
}

#[cfg(test)]
mod tests {
    use crate::auth::rate_limit::*;

    #[test]
    fn a_number_of_failures_bars_until_the_window_is_over() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for second in 0..u64::from(FAILURES) {
            let now = now + Duration::from_secs(second);
            assert_eq!(failures.may_try(now), Ok(()));
            failures.failed(now);
        }
        let later = now + Duration::from_secs(20);
        assert_eq!(failures.may_try(later), Err(Duration::from_secs(40)));
        assert_eq!(failures.may_try(now + WINDOW), Ok(()));
        failures.failed(now + WINDOW);
        assert_eq!(failures.may_try(now + WINDOW), Ok(()));
    }

    #[test]
    fn an_address_is_a_host_or_a_site() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let rows = [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ];
        for (one, other, same) in rows {
            let (limits, now) = (RateLimits::default(), Instant::now());
            let (one, other) = (limits.of(ip(one), now).unwrap(), limits.of(ip(other), now).unwrap());
            assert_eq!(Arc::ptr_eq(&one, &other), same);
        }
    }

    #[test]
    fn the_table_has_an_end_and_forgets_the_oldest_that_nobody_uses() {
        let (limits, now) = (RateLimits::default(), Instant::now());
        let ip = |number: usize| IpAddr::from((number as u32).to_be_bytes());
        let busy = limits.of(ip(0), now).unwrap();
        for number in 1..PLACES {
            let at = now + Duration::from_millis(number as u64);
            limits.of(ip(number), at).unwrap().try_lock().unwrap().failed(at);
        }
        busy.try_lock().unwrap().failed(now);
        let count = |number: usize| limits.of(ip(number), now).unwrap().try_lock().unwrap().count;
        limits.of(ip(PLACES), now).unwrap().try_lock().unwrap().failed(now + Duration::from_secs(9));
        assert_eq!(limits.places.lock().unwrap().len(), PLACES);
        assert_eq!((count(0), count(2)), (1, 1));
        assert!(!limits.places.lock().unwrap().contains_key(&ip(1)));
        // After the window only those stay that somebody uses, and whoever is new.
        limits.of(ip(PLACES + 1), now + 2 * WINDOW).unwrap();
        assert_eq!(limits.places.lock().unwrap().len(), 2);
    }

    #[test]
    fn nobody_is_let_in_while_all_places_are_in_use() {
        let (limits, now) = (RateLimits::default(), Instant::now());
        let ip = |number: usize| IpAddr::from((number as u32).to_be_bytes());
        let held: Vec<_> = (0..PLACES).map(|number| limits.of(ip(number), now).unwrap()).collect();
        assert!(limits.of(ip(PLACES), now).is_none());
        assert!(limits.of(ip(7), now).is_some());
        drop(held);
        assert!(limits.of(ip(PLACES), now).is_some());
    }
}
