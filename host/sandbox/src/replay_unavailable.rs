//! Replay on systems where the handler reads files by functions of wasmtime-wasi: nothing is recorded.

use crate::cached_response::CachedResponse;
use crate::file_body::Segment;
use crate::request_head::RequestHead;
use crate::response_body::ResponseBody;
use crate::state::FileAccess;
use bytes::Bytes;
use glasshouse_quota::Lease;
use http::{HeaderMap, Method, StatusCode};
use std::fs::File;
use std::sync::Arc;

/// A store of no responses.
#[derive(Debug)]
pub struct ReplayStore;

/// A recorded response. There is none.
pub struct Replayed {
    /// The status.
    pub status: StatusCode,
    /// The status line and the fields.
    pub head: Bytes,
    /// The body.
    pub body: ResponseBody,
}

/// Which stored responses a search considers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    Low,
    High,
    Any,
}

/// The stored responses of one tree. There is no value.
pub(crate) enum Replay {}

/// A recording. There is no value.
#[derive(Debug)]
pub(crate) enum Recording {}

/// A stored response. There is no value.
pub(crate) enum Entry {}

/// A stored response that is still valid.
pub(crate) struct Repeated {
    pub(crate) entry: Entry,
    pub(crate) file: Option<(Arc<File>, Lease)>,
}

impl ReplayStore {
    /// A store, which stays empty.
    pub fn new(_bytes: usize) -> ReplayStore {
        ReplayStore
    }

    /// 0.
    pub fn bytes(&self) -> usize {
        0
    }

    /// 0.
    pub fn capacity(&self) -> usize {
        0
    }

    /// 0.
    pub fn evicted(&self) -> u64 {
        0
    }
}

impl Replay {
    /// `None`.
    pub(crate) fn of(_files: &FileAccess, _store: Arc<ReplayStore>) -> Option<Replay> {
        None
    }

    pub(crate) fn find(
        &self,
        _request: &impl RequestHead,
        _effort: Effort,
        _lease: impl FnMut() -> Option<Lease>,
    ) -> Option<Repeated> {
        match *self {}
    }

    pub(crate) fn has_candidates(&self, _request: &impl RequestHead, _effort: Effort) -> bool {
        match *self {}
    }

    pub(crate) fn recording(&self, _id: u32) -> Recording {
        match *self {}
    }

    pub(crate) fn insert(&self, _method: &Method, _target: &str, _recording: Recording, _response: CachedResponse) {
        match *self {}
    }
}

impl Recording {
    pub(crate) fn is_unreplayable(&self) -> bool {
        match *self {}
    }

    pub(crate) fn read_content(&mut self, _file: &File) {
        match *self {}
    }
}

impl Entry {
    pub(crate) fn status(&self) -> StatusCode {
        match *self {}
    }

    pub(crate) fn head(&self) -> Bytes {
        match *self {}
    }

    pub(crate) fn fields(&self) -> HeaderMap {
        match *self {}
    }

    pub(crate) fn segments(&self) -> &Arc<[Segment]> {
        match *self {}
    }
}
