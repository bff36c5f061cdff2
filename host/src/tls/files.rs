//! Certificates and keys in files: PEM, the kinds of keys, and passwords. It refuses to know when they are read.

use super::provider;
use super::validity::concerns;
use crate::tls::encrypted_key::{Locked, unlock};
use glasshouse_http::bounded_file;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest of these files in bytes.
const LONGEST: usize = 1 << 20;

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    pub cert: PathBuf,
    /// `None` where the key is in the file of the certificate.
    pub key: Option<PathBuf>,
    pub password: Option<PathBuf>,
}

/// What some editors put before text in UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// What tells one state of the files from another: for each, which it is, its length and its times. A file that is not
/// there is a state as well. The time of the last change is the kernel's, who also changes it where a copy takes over the other
/// time from its original.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PemStamp(Vec<Option<FileStamp>>);

/// Seconds and nanoseconds.
type Time = (i64, i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: Time,
    changed: Time,
}

impl PemStamp {
    /// When the last of the files changed.
    pub fn changed(&self) -> Option<SystemTime> {
        let seconds = self.0.iter().flatten().map(|file| file.changed.0).max()?;
        UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
    }
}

impl Files {
    /// The state that the files are in.
    pub fn stamp(&self) -> PemStamp {
        let stamp = |path: &Path| {
            let seen = fs::metadata(path).ok()?;
            Some(FileStamp {
                device: seen.dev(),
                inode: seen.ino(),
                length: seen.len(),
                modified: (seen.mtime(), seen.mtime_nsec()),
                changed: (seen.ctime(), seen.ctime_nsec()),
            })
        };
        PemStamp(self.paths().map(stamp).collect())
    }

    /// What clients will not like of these certificates, in words for whoever runs the server.
    pub fn concerns(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Vec<String> {
        let name = self.cert.display().to_string();
        concerns(chain, now).into_iter().map(|concern| concern.of(&name)).collect()
    }

    /// Whether one of the files is there and may not be read.
    pub fn are_shut(&self) -> bool {
        self.paths().any(|path| File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied))
    }

    /// All of them.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.cert), self.key.as_ref(), self.password.as_ref()].into_iter().flatten().map(PathBuf::as_path)
    }

    /// The file that the key is in.
    pub fn key_file(&self) -> &Path {
        self.key.as_ref().unwrap_or(&self.cert)
    }

    /// Those that nobody else may see, each with what it holds.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let password = self.password.iter().map(|password| ("password", password.as_path()));
        [("key", self.key_file())].into_iter().chain(password)
    }

    /// # Errors
    /// Says, in words for whoever started the server, which file cannot be used, why, and what to do.
    pub fn read(&self) -> Result<CertifiedKey, String> {
        let text = contents("certificate", &self.cert, "--tls-cert")?;
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|error| {
                unusable("certificate", &self.cert, &error.to_string(), "name a PEM file with --tls-cert")
            })?;
        if chain.is_empty() {
            let (reason, way_out) = not_pem(&text, "x509")
                .unwrap_or_else(|| ("there is no certificate in it", "name a PEM file with --tls-cert".to_owned()));
            return Err(unusable("certificate", &self.cert, reason, &way_out));
        }
        let key = match &self.key {
            Some(path) => self.read_key(&contents("key", path, "--tls-key")?)?,
            None => self.read_key(&text)?,
        };
        let is_of_another = |key: &PrivateKeyDer<'_>| {
            let others = chain.iter().skip(1).cloned();
            others.into_iter().any(|one| CertifiedKey::from_der(vec![one], key.clone_key(), &provider()).is_ok())
        };
        CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) if is_of_another(&key) => unusable(
                "certificate",
                &self.cert,
                "the certificate of the key is not the first in it",
                "put that one first, and behind it the one that signed it",
            ),
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => self.unusable_key(
                &format!("it is not that of the certificate '{}'", self.cert.display()),
                "name its own with --tls-key",
            ),
            Error::InvalidCertificate(_) => unusable(
                "certificate",
                &self.cert,
                "it is malformed, or X.509 of version 1",
                "issue it as version 3, with a subjectAltName",
            ),
            _ => self.unusable_key(
                "it is of a kind that is not supported",
                "use ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 to 8192 bits",
            ),
        })
    }

    fn read_key(&self, text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
        if let Some(locked) = section(text, "ENCRYPTED PRIVATE KEY") {
            return self.unlock(locked);
        }
        // What OpenSSL wrote before PKCS#8: its key derivation is a single MD5.
        if text.windows(22).any(|line| line == b"Proc-Type: 4,ENCRYPTED") {
            return Err(self.unusable_key(
                "its encryption is of an old kind that protects nothing",
                "write it anew with 'openssl pkcs8 -topk8 -v2 aes256'",
            ));
        }
        PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
            rustls::pki_types::pem::Error::NoItemsFound => {
                let (reason, way_out) = not_pem(text, "pkey").unwrap_or_else(|| {
                    ("there is no private key in it", "name the file of the key with --tls-key".to_owned())
                });
                self.unusable_key(reason, &way_out)
            }
            error => self.unusable_key(&error.to_string(), "name a PEM file with --tls-key"),
        })
    }

    /// Opens a key with its password.
    fn unlock(&self, locked: &str) -> Result<PrivateKeyDer<'static>, String> {
        let Some(file) = &self.password else {
            return Err(self.unusable_key("it is encrypted", "name the file of its password with --tls-password-file"));
        };
        let password = contents("password", file, "--tls-password-file")?;
        let password = str::from_utf8(&password)
            .map_err(|_| unusable("password", file, "it is not UTF-8", "name another file with --tls-password-file"))?;
        let key = unlock(locked, stripped(password).as_bytes()).map_err(|reason| match reason {
            Locked::Unreadable => self.unusable_key("it cannot be read", "name a PEM file with --tls-key"),
            Locked::Otherwise => self.unusable_key(
                "its encryption is of a kind that is not known here",
                "write it anew with 'openssl pkcs8 -topk8 -v2 aes256'",
            ),
            Locked::WrongPassword => self.unusable_key(
                &format!("the password in '{}' does not open it", file.display()),
                "name the file of the right one with --tls-password-file",
            ),
        })?;
        Ok(PrivatePkcs8KeyDer::from(key).into())
    }

    fn unusable_key(&self, reason: &str, way_out: &str) -> String {
        unusable("key", self.key_file(), reason, way_out)
    }
}

fn unusable(what: &str, file: &Path, reason: &str, way_out: &str) -> String {
    format!("cannot use the {what} '{}': {reason}; {way_out}", file.display())
}

fn contents(what: &str, path: &Path, flag: &str) -> Result<Vec<u8>, String> {
    let read = bounded_file::read(path, LONGEST)
        .map_err(|reason| unusable(what, path, &reason, &format!("name a file that you may read with {flag}")));
    read.map(without_marks)
}

/// Takes out what editors put before text: where files were put together there may be several, and none of them says anything.
fn without_marks(mut bytes: Vec<u8>) -> Vec<u8> {
    while let Some(at) = bytes.windows(MARK.len()).position(|bytes| bytes == MARK) {
        bytes.drain(at..at + MARK.len());
    }
    bytes
}

/// Why nothing was found in a file that is not PEM, and the command that makes PEM of it.
fn not_pem(bytes: &[u8], command: &str) -> Option<(&'static str, String)> {
    match bytes {
        // A sequence of ASN.1, whose length is the next byte or in so many of them.
        [0x30, length, rest @ ..] if (0x80..=0x84).contains(length) || usize::from(*length) == rest.len() => Some((
            "it is in DER or PKCS #12, not in PEM",
            format!("write it anew with 'openssl {command} -inform DER' or 'openssl pkcs12 -nodes'"),
        )),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Some(("it is in UTF-16, not in ASCII", "write it anew with 'iconv -f UTF-16 -t ASCII'".to_owned()))
        }
        _ => None,
    }
}

/// The first section with this label, its two lines included (RFC 7468 2).
fn section<'a>(text: &'a [u8], label: &str) -> Option<&'a str> {
    let text = str::from_utf8(text).ok()?;
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let from = text.find(&begin)?;
    let rest = text.get(from..)?;
    rest.get(..rest.find(&end)? + end.len())
}

/// Without the white space around it, as the seed takes it (S9).
fn stripped(password: &str) -> &str {
    // These four are white space to Python alone.
    password.trim_matches(|char: char| char.is_whitespace() || ('\x1c'..='\x1f').contains(&char))
}
