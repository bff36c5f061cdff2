//! A response that can be replayed, as the instance has sent it.

use crate::beneath::FileId;
use crate::file_body::Segment;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

/// A response that can be replayed.
#[derive(Clone, Debug)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is replayed there"))]
pub(crate) struct CachedResponse {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    /// The file to which the segments refer. The handler may have opened others as well.
    pub(crate) file: Option<FileId>,
    pub(crate) segments: Arc<[Segment]>,
}

impl CachedResponse {
    /// A response without a file, and so far without a body.
    pub(crate) fn without_file(status: StatusCode, fields: HeaderMap) -> CachedResponse {
        CachedResponse { status, fields, file: None, segments: [].into() }
    }
}
