//! The current date for responses, formatted once per second (RFC 9110 6.6.1).

use bytes::Bytes;
use http::HeaderValue;
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

/// The date of a second, in each form.
struct FormattedDate {
    /// Unix time.
    second: u64,
    value: HeaderValue,
    keep_alive: Bytes,
    close: Bytes,
}

thread_local! {
    static CURRENT: RefCell<Option<FormattedDate>> = const { RefCell::new(None) };
}

fn with_current<T>(read: impl FnOnce(&FormattedDate) -> T) -> T {
    // Not a coarse clock, which is late: `Last-Modified` must not be after `Date` (RFC 9110 8.8.2.1).
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    CURRENT.with_borrow_mut(|current| {
        let date = match current.take() {
            Some(date) if date.second == second => date,
            _ => FormattedDate::new(second, &httpdate::fmt_http_date(now)),
        };
        read(current.insert(date))
    })
}

impl FormattedDate {
    fn new(second: u64, date: &str) -> FormattedDate {
        FormattedDate {
            second,
            value: HeaderValue::from_str(date).unwrap_or(HeaderValue::from_static("")),
            keep_alive: format!("date: {date}\r\n\r\n").into(),
            close: format!("connection: close\r\ndate: {date}\r\n\r\n").into(),
        }
    }
}

/// The value of `Date`.
pub(crate) fn date_value() -> HeaderValue {
    with_current(|date| date.value.clone())
}

/// The end of a head of HTTP/1.1: `connection: close` if the connection ends behind the response (RFC 9112 9.6), `date`
/// and the empty line.
pub(crate) fn head_end(closes: bool) -> Bytes {
    with_current(|date| if closes { date.close.clone() } else { date.keep_alive.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_the_date() {
        let text = |closes| String::from_utf8(head_end(closes).to_vec()).unwrap();
        assert!(text(false).starts_with("date: ") && text(false).ends_with(" GMT\r\n\r\n"), "{}", text(false));
        assert!(text(true).starts_with("connection: close\r\ndate: "), "{}", text(true));
        assert!(httpdate::parse_http_date(date_value().to_str().unwrap()).is_ok());
    }
}
