//! Responses to clients whose request was not read: a status, and the connection ends.

use http::{StatusCode, Version};
use std::time::SystemTime;

/// Seconds after which a client may try again (RFC 9110 10.2.3). Short requests free a connection sooner.
const RETRY_AFTER: u32 = 1;

/// A complete response with a plain text, which may be empty.
pub fn raw_response(version: Version, status: StatusCode, text: &str) -> String {
    let date = httpdate::fmt_http_date(SystemTime::now());
    let retry = match status {
        StatusCode::SERVICE_UNAVAILABLE => format!("retry-after: {RETRY_AFTER}\r\n"),
        _ => String::new(),
    };
    let media_type = if text.is_empty() { "" } else { "content-type: text/plain; charset=utf-8\r\n" };
    let length = text.len();
    format!(
        "{version:?} {status}\r\n{media_type}{retry}connection: close\r\ncontent-length: {length}\r\n\
         date: {date}\r\n\r\n{text}"
    )
}

#[cfg(test)]
mod tests {
    use crate::raw_response::*;

    #[test]
    fn a_raw_response_is_a_complete_message() {
        let late = raw_response(Version::HTTP_11, StatusCode::REQUEST_TIMEOUT, "");
        let head = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\ndate: ";
        assert!(late.starts_with(head) && late.ends_with(" GMT\r\n\r\n"), "{late}");
        let full = raw_response(Version::HTTP_10, StatusCode::SERVICE_UNAVAILABLE, "");
        assert!(full.starts_with("HTTP/1.0 503 Service Unavailable\r\nretry-after: 1\r\n"), "{full}");
        let text = raw_response(Version::HTTP_11, StatusCode::BAD_REQUEST, "text\n");
        let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\
                    content-length: 5\r\ndate: ";
        assert!(text.starts_with(head) && text.ends_with(" GMT\r\n\r\ntext\n"), "{text}");
    }
}
