//! Responses to clients whose request was not read: a status, and the connection ends.

use http::{StatusCode, Version};
use std::time::SystemTime;

/// Seconds after which a client may try again (RFC 9110 10.2.3). Short requests free a connection sooner.
const RETRY_AFTER: u32 = 1;

/// A complete response without a body.
pub fn raw_response(version: Version, status: StatusCode) -> String {
    let date = httpdate::fmt_http_date(SystemTime::now());
    let retry = match status {
        StatusCode::SERVICE_UNAVAILABLE => format!("retry-after: {RETRY_AFTER}\r\n"),
        _ => String::new(),
    };
    format!("{version:?} {status}\r\n{retry}connection: close\r\ncontent-length: 0\r\ndate: {date}\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use crate::raw_response::*;

    #[test]
    fn a_raw_response_is_a_complete_message() {
        let late = raw_response(Version::HTTP_11, StatusCode::REQUEST_TIMEOUT);
        let head = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\ndate: ";
        assert!(late.starts_with(head) && late.ends_with(" GMT\r\n\r\n"), "{late}");
        let full = raw_response(Version::HTTP_10, StatusCode::SERVICE_UNAVAILABLE);
        assert!(full.starts_with("HTTP/1.0 503 Service Unavailable\r\nretry-after: 1\r\n"), "{full}");
    }
}
