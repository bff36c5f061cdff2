//! Reads certificates and keys from PEM files, encrypted keys included.

#[cfg_attr(not(unix), path = "files/stamp_portable.rs")]
mod stamp;

use super::error::{FileItem, TlsError, TlsFileFault};
use super::provider;
use super::validity::problems;
use crate::bounded_file;
use crate::tls::encrypted_key::{UnlockError, unlock};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use stamp::FileStamp;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The maximum length of each file in bytes.
const MAX_LENGTH: usize = 1 << 20;

/// The paths of a certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    /// `None`: the file of the certificate contains the key.
    pub(crate) key: Option<PathBuf>,
    pub(crate) password: Option<PathBuf>,
}

/// The byte order mark that some editors put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The state of each file; `None` for an absent one. A different stamp means that a file has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PemStamp(Vec<Option<FileStamp>>);

impl PemStamp {
    /// The latest change time of the files.
    pub(crate) fn changed(&self) -> Option<SystemTime> {
        self.0.iter().flatten().filter_map(FileStamp::changed).max()
    }
}

impl TlsFiles {
    /// The current state of the files.
    pub(crate) fn stamp(&self) -> PemStamp {
        let stamp = |path: &Path| fs::metadata(path).ok().map(|metadata| FileStamp::of(&metadata));
        PemStamp(self.paths().map(stamp).collect())
    }

    /// Warnings about certificates that clients reject.
    pub(crate) fn warnings(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Vec<String> {
        let name = self.cert.display().to_string();
        problems(chain, now).into_iter().map(|problem| problem.describe(&name)).collect()
    }

    /// Whether the process lacks the permission to read one of the files.
    pub(crate) fn is_access_denied(&self) -> bool {
        self.paths().any(|path| File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied))
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.cert), self.key.as_ref(), self.password.as_ref()].into_iter().flatten().map(PathBuf::as_path)
    }

    /// The file that contains the key.
    pub(crate) fn key_file(&self) -> &Path {
        self.key.as_ref().unwrap_or(&self.cert)
    }

    /// The files with secrets.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (FileItem, &Path)> {
        let password = self.password.iter().map(|password| (FileItem::Password, password.as_path()));
        [(FileItem::Key, self.key_file())].into_iter().chain(password)
    }

    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// A file is unusable, or the key does not match the certificate.
    pub(crate) fn read(&self) -> Result<CertifiedKey, TlsError> {
        let text = contents(FileItem::Certificate, &self.cert)?;
        let unusable = |fault| TlsError::file(FileItem::Certificate, &self.cert, fault);
        let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let chain = chain.map_err(|error| unusable(invalid_pem(&error, FileItem::Certificate)))?;
        if chain.is_empty() {
            return Err(unusable(other_encoding(&text, "x509").unwrap_or(TlsFileFault::NoCertificate)));
        }
        let key = match &self.key {
            Some(path) => self.read_key(&contents(FileItem::Key, path)?)?,
            None => self.read_key(&text)?,
        };
        let is_of_another = |key: &PrivateKeyDer<'_>| {
            let mut others = chain.iter().skip(1).cloned();
            others.any(|one| CertifiedKey::from_der(vec![one], key.clone_key(), &provider()).is_ok())
        };
        CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) if is_of_another(&key) => {
                unusable(TlsFileFault::ChainOrder)
            }
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                self.unusable_key(TlsFileFault::KeyMismatch(self.cert.clone()))
            }
            Error::InvalidCertificate(_) => unusable(TlsFileFault::InvalidCertificate(error)),
            _ => self.unusable_key(TlsFileFault::UnsupportedKey(error)),
        })
    }

    fn read_key(&self, text: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
        if let Some(encrypted) = section(text, "ENCRYPTED PRIVATE KEY") {
            return self.decrypt(encrypted);
        }
        // The encryption of OpenSSL before PKCS #8 derives its key with one round of MD5.
        if text.windows(22).any(|line| line == b"Proc-Type: 4,ENCRYPTED") {
            return Err(self.unusable_key(TlsFileFault::ObsoleteEncryption));
        }
        PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
            rustls::pki_types::pem::Error::NoItemsFound => {
                self.unusable_key(other_encoding(text, "pkey").unwrap_or(TlsFileFault::NoKey))
            }
            error => self.unusable_key(invalid_pem(&error, FileItem::Key)),
        })
    }

    fn decrypt(&self, encrypted: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
        let Some(file) = &self.password else { return Err(self.unusable_key(TlsFileFault::Encrypted)) };
        let password = contents(FileItem::Password, file)?;
        let password = str::from_utf8(&password)
            .map_err(|error| TlsError::file(FileItem::Password, file, TlsFileFault::PasswordNotUtf8(error)))?;
        let key = unlock(encrypted, stripped(password).as_bytes()).map_err(|error| {
            self.unusable_key(match error {
                UnlockError::Malformed => TlsFileFault::MalformedKey,
                UnlockError::Unsupported => TlsFileFault::UnsupportedEncryption,
                UnlockError::WrongPassword => TlsFileFault::WrongPassword(file.clone()),
            })
        })?;
        Ok(PrivatePkcs8KeyDer::from(key).into())
    }

    fn unusable_key(&self, fault: TlsFileFault) -> TlsError {
        TlsError::file(FileItem::Key, self.key_file(), fault)
    }
}

fn invalid_pem(error: &rustls::pki_types::pem::Error, item: FileItem) -> TlsFileFault {
    TlsFileFault::Pem { error: error.to_string(), flag: item.flag() }
}

fn contents(item: FileItem, path: &Path) -> Result<Vec<u8>, TlsError> {
    bounded_file::read(path, MAX_LENGTH).map(without_byte_order_marks).map_err(|error| {
        let fault = TlsFileFault::Unreadable { reason: error.to_string(), flag: item.flag() };
        TlsError::file(item, path, fault)
    })
}

/// Removes all byte order marks. Concatenated files can contain several.
fn without_byte_order_marks(mut bytes: Vec<u8>) -> Vec<u8> {
    while let Some(at) = bytes.windows(BYTE_ORDER_MARK.len()).position(|bytes| bytes == BYTE_ORDER_MARK) {
        bytes.drain(at..at.saturating_add(BYTE_ORDER_MARK.len()));
    }
    bytes
}

/// Recognizes common encodings other than PEM. `command` is the openssl command that converts DER.
fn other_encoding(bytes: &[u8], command: &'static str) -> Option<TlsFileFault> {
    match bytes {
        // An ASN.1 sequence. Its length is the next byte, or the next byte counts the bytes of the length.
        [0x30, length, rest @ ..] if (0x80..=0x84).contains(length) || usize::from(*length) == rest.len() => {
            Some(TlsFileFault::Der(command))
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(TlsFileFault::Utf16),
        _ => None,
    }
}

/// The first section with this label, with both of its boundary lines (RFC 7468 2).
fn section<'a>(text: &'a [u8], label: &str) -> Option<&'a str> {
    let text = str::from_utf8(text).ok()?;
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let from = text.find(&begin)?;
    let rest = text.get(from..)?;
    rest.get(..rest.find(&end)?.saturating_add(end.len()))
}

/// Strips white space as Python does (PY-9).
fn stripped(password: &str) -> &str {
    // Python also strips these four control characters.
    password.trim_matches(|char: char| char.is_whitespace() || ('\x1c'..='\x1f').contains(&char))
}
