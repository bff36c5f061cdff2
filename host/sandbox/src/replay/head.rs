//! The head of a stored response, as HTTP/1.1 sends it.

use crate::replay::recording::sum;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderMap, HeaderValue, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, Method, StatusCode};
use std::ops::Range;

/// A head with its status line.
#[derive(Clone, Debug)]
pub(crate) struct StoredHead {
    status: StatusCode,
    text: Bytes,
    /// The fields that the handler has set, with the places of their values in `text`.
    fields: Box<[(HeaderName, Range<u32>)]>,
}

/// Fields of a connection. A handler cannot set them, so a response with one of them is not stored.
const OF_CONNECTION: [HeaderName; 5] = [CONNECTION, DATE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Prepares the head of a response to a method, with a body of this length, as hyper would write it. `None` if it must
/// not be stored.
pub(crate) fn prepare(method: &Method, status: StatusCode, fields: &HeaderMap, length: u64) -> Option<StoredHead> {
    let is_sendable = !status.is_informational() && *method != Method::CONNECT;
    let lengths = fields.get_all(CONTENT_LENGTH).into_iter().count();
    let allows_length = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let is_head = *method == Method::HEAD;
    // hyper would leave this length out.
    let is_dropped = lengths > 0 && length == 0 && !is_head && !allows_length;
    if !is_sendable || lengths > 1 || is_dropped || OF_CONNECTION.iter().any(|name| fields.contains_key(name)) {
        return None;
    }
    let mut text = BytesMut::with_capacity(512);
    for part in ["HTTP/1.1 ", status.as_str(), " ", status.canonical_reason().unwrap_or("<none>"), "\r\n"] {
        text.put_slice(part.as_bytes());
    }
    let own = fields.iter().map(|(name, value)| Some((name.clone(), put_field(&mut text, name, value.as_bytes())?)));
    let own = own.collect::<Option<Box<[_]>>>()?;
    if lengths == 0 && allows_length && (length > 0 || !is_head) {
        put_field(&mut text, &CONTENT_LENGTH, length.to_string().as_bytes())?;
    }
    Some(StoredHead { status, text: Bytes::copy_from_slice(&text), fields: own })
}

/// Writes a field. Returns the place of its value. `None`: the head is too long.
fn put_field(text: &mut BytesMut, name: &HeaderName, value: &[u8]) -> Option<Range<u32>> {
    text.put_slice(name.as_str().as_bytes());
    text.put_slice(b": ");
    let start = u32::try_from(text.len()).ok()?;
    text.put_slice(value);
    let end = u32::try_from(text.len()).ok()?;
    text.put_slice(b"\r\n");
    Some(start..end)
}

impl StoredHead {
    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The status line and the fields, with the length.
    pub(crate) fn text(&self) -> Bytes {
        self.text.clone()
    }

    /// The fields that the handler has set.
    pub(crate) fn fields(&self) -> HeaderMap {
        let mut fields = HeaderMap::with_capacity(self.fields.len());
        for (name, place) in &self.fields {
            let place = usize::try_from(place.start).ok().zip(usize::try_from(place.end).ok());
            let value = place.and_then(|(start, end)| self.text.get(start..end).map(|_| self.text.slice(start..end)));
            // The bytes were a value before.
            if let Some(Ok(value)) = value.map(HeaderValue::from_maybe_shared) {
                fields.append(name.clone(), value);
            }
        }
        fields
    }

    /// The memory of the head.
    pub(crate) fn bytes(&self) -> usize {
        let names = self.fields.iter().map(|(name, _)| name.as_str().len());
        sum([self.text.len(), size_of_val(&*self.fields), sum(names)].into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{ACCEPT_RANGES, ETAG, VARY};

    fn head(method: Method, status: u16, fields: &[(HeaderName, &'static str)], length: u64) -> Option<StoredHead> {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        prepare(&method, StatusCode::from_u16(status).expect("a status"), &map, length)
    }

    #[track_caller]
    fn check(method: Method, status: u16, fields: &[(HeaderName, &'static str)], length: u64, expected: &str) {
        let head = head(method, status, fields, length).expect("it can be stored");
        assert_eq!(head.text(), expected.replace('\n', "\r\n"));
        let own: Vec<_> = fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        let got: Vec<_> =
            head.fields().into_iter().map(|(name, value)| (name.expect("no name twice"), value)).collect();
        assert_eq!(got, own);
    }

    #[test]
    fn a_head_has_the_length() {
        let (etag, length) = ((ETAG, "\"x\""), |text| (CONTENT_LENGTH, text));
        check(Method::GET, 200, std::slice::from_ref(&etag), 5, "HTTP/1.1 200 OK\netag: \"x\"\ncontent-length: 5\n");
        check(Method::GET, 200, &[length("5"), etag.clone()], 5, "HTTP/1.1 200 OK\ncontent-length: 5\netag: \"x\"\n");
        check(Method::GET, 404, &[], 0, "HTTP/1.1 404 Not Found\ncontent-length: 0\n");
        check(Method::GET, 304, std::slice::from_ref(&etag), 0, "HTTP/1.1 304 Not Modified\netag: \"x\"\n");
        check(Method::OPTIONS, 204, &[], 0, "HTTP/1.1 204 No Content\n");
        check(Method::HEAD, 200, &[length("5")], 0, "HTTP/1.1 200 OK\ncontent-length: 5\n");
        check(Method::HEAD, 200, &[etag], 0, "HTTP/1.1 200 OK\netag: \"x\"\n");
        check(Method::GET, 299, &[], 1, "HTTP/1.1 299 <none>\ncontent-length: 1\n");
    }

    #[test]
    fn lines_of_one_name_stay_lines() {
        let lines = [(VARY, "accept"), (ACCEPT_RANGES, "bytes"), (VARY, "range")];
        let head = head(Method::GET, 200, &lines, 1).expect("it can be stored");
        let vary: Vec<_> = head.fields().get_all(VARY).iter().cloned().collect();
        assert_eq!(vary, ["accept", "range"]);
    }

    #[test]
    fn what_belongs_to_a_connection_is_not_stored() {
        for name in OF_CONNECTION {
            assert!(head(Method::GET, 200, &[(name, "x")], 1).is_none());
        }
        assert!(head(Method::GET, 101, &[], 0).is_none());
        assert!(head(Method::CONNECT, 200, &[], 0).is_none());
        assert!(head(Method::GET, 304, &[(CONTENT_LENGTH, "5")], 0).is_none());
        assert!(head(Method::GET, 200, &[(CONTENT_LENGTH, "5"), (CONTENT_LENGTH, "5")], 5).is_none());
    }
}
