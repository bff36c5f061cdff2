//! TLS in a build without the feature `tls`: there is no certificate, so no value of these types exists.

use crate::args::ProtocolVersion;
use glasshouse_http::{HasWriteTimeout, Protocol};
use std::convert::Infallible;
use std::io;
use std::iter;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// TLS cannot be configured.
#[derive(Debug, Error)]
#[error("cannot use TLS: this build has no feature 'tls'; leave out the options of TLS")]
pub(crate) struct TlsError;

/// A certificate with its key.
#[derive(Debug)]
pub(crate) enum TlsIdentity {}

/// The files of a certificate.
#[derive(Debug)]
pub(crate) enum TlsFiles {}

/// The TLS configuration of all connections.
#[derive(Clone, Debug)]
pub(crate) struct Tls(Infallible);

/// The result of a handshake.
#[expect(dead_code, reason = "there are no handshakes")]
pub(crate) enum Handshake<S> {
    Done { stream: S, protocol: Protocol, version: Option<&'static str> },
    PlainHttp,
    Failed(io::Error),
}

impl TlsIdentity {
    /// # Errors
    /// Always.
    pub(crate) fn from_files(
        _cert: PathBuf,
        _key: Option<PathBuf>,
        _password: Option<PathBuf>,
    ) -> Result<TlsIdentity, TlsError> {
        Err(TlsError)
    }

    /// # Errors
    /// Always.
    pub(crate) fn self_signed(_names: &[String], _addresses: &[IpAddr]) -> Result<TlsIdentity, TlsError> {
        Err(TlsError)
    }

    pub(crate) fn is_self_signed(&self) -> bool {
        match *self {}
    }

    pub(crate) fn files(&self) -> Option<&TlsFiles> {
        match *self {}
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        match *self {}
    }

    pub(crate) fn fingerprint(&self) -> String {
        match *self {}
    }
}

impl TlsFiles {
    pub(crate) fn paths(&self) -> iter::Empty<&Path> {
        match *self {}
    }

    pub(crate) fn secrets(&self) -> iter::Empty<(&'static str, &Path)> {
        match *self {}
    }
}

impl Tls {
    pub(crate) fn start(identity: TlsIdentity, _protocol: ProtocolVersion) -> Result<Tls, TlsError> {
        match identity {}
    }

    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        match self.0 {}
    }

    pub(crate) async fn accept<S: HasWriteTimeout>(&self, _stream: S, _limit: Duration) -> Handshake<S> {
        match self.0 {}
    }
}
