//! Errors of certificates and keys, with the fix for each.

use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// TLS cannot be configured.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    #[error("cannot use the {item} '{}': {fault}", .path.display())]
    File { item: FileItem, path: PathBuf, fault: TlsFileFault },
    #[error("cannot generate a certificate: {0}; the system needs a source of random numbers")]
    SelfSigned(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot configure TLS: {0}")]
    Config(#[from] rustls::Error),
    #[error("cannot configure TLS: cannot start the thread that reads the certificate again: {0}")]
    Thread(#[source] std::io::Error),
}

impl TlsError {
    /// An unusable file.
    pub(crate) fn file(item: FileItem, path: &Path, fault: TlsFileFault) -> TlsError {
        TlsError::File { item, path: path.to_owned(), fault }
    }
}

/// Changed files are unusable, so the previous certificate stays in use.
#[derive(Debug, Error)]
#[error("{message}; the certificate in use is kept")]
pub(crate) struct RenewalError {
    pub(crate) message: String,
}

/// The content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileItem {
    Certificate,
    Key,
    Password,
}

impl FileItem {
    /// The option that names the file.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            FileItem::Certificate => "--tls-cert",
            FileItem::Key => "--tls-key",
            FileItem::Password => "--tls-password-file",
        }
    }
}

impl fmt::Display for FileItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileItem::Certificate => "certificate",
            FileItem::Key => "key",
            FileItem::Password => "password",
        })
    }
}

/// Why a file is unusable.
#[derive(Debug, Error)]
pub(crate) enum TlsFileFault {
    #[error("{reason}; name a readable file with {flag}")]
    Unreadable { reason: String, flag: &'static str },
    #[error("{error}; name a PEM file with {flag}")]
    Pem { error: String, flag: &'static str },
    #[error("it contains no certificate; name a PEM file with --tls-cert")]
    NoCertificate,
    #[error("it contains no private key; name the file of the key with --tls-key")]
    NoKey,
    #[error("it is DER or PKCS #12, not PEM; convert it with 'openssl {0} -inform DER' or 'openssl pkcs12 -nodes'")]
    Der(&'static str),
    #[error("it is UTF-16, not ASCII; convert it with 'iconv -f UTF-16 -t ASCII'")]
    Utf16,
    #[error("it is not UTF-8; name another file with --tls-password-file")]
    PasswordNotUtf8(#[source] std::str::Utf8Error),
    #[error("the certificate of the key is not the first one; put it first, and then the certificate that signed it")]
    ChainOrder,
    #[error("it is not the key of the certificate '{}'; name the matching key with --tls-key", .0.display())]
    KeyMismatch(PathBuf),
    #[error("malformed, or X.509 version 1; issue it as version 3 with a subjectAltName")]
    InvalidCertificate(#[source] rustls::Error),
    #[error("unsupported type of key; use ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 to 8192 bits")]
    UnsupportedKey(#[source] rustls::Error),
    #[error("its encryption is obsolete and insecure; convert it with 'openssl pkcs8 -topk8 -v2 aes256'")]
    ObsoleteEncryption,
    #[error("it is encrypted; name the file of its password with --tls-password-file")]
    Encrypted,
    #[error("the password in '{}' is wrong; name the file of the correct one with --tls-password-file", .0.display())]
    WrongPassword(PathBuf),
    #[error("malformed; name a PEM file with --tls-key")]
    MalformedKey,
    #[error("unsupported encryption; convert it with 'openssl pkcs8 -topk8 -v2 aes256'")]
    UnsupportedEncryption,
}
