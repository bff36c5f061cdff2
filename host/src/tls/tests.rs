//! Tests of certificate files: changes at run time and errors.

use super::*;
use rcgen::{CertificateParams, KeyPair};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// A directory with `NAME.crt` and `NAME.key` for each name.
fn directory_with(names: &[&str]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for name in names {
        let (certificate, key) = pair();
        fs::write(directory.path().join(format!("{name}.crt")), certificate).unwrap();
        fs::write(directory.path().join(format!("{name}.key")), key).unwrap();
    }
    directory
}

/// A certificate and its key, in PEM.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    (pem("CERTIFICATE", certificate.der()), pem("PRIVATE KEY", &key.serialize_der()))
}

fn pem(label: &str, der: &[u8]) -> String {
    pkcs8::der::pem::encode_string(label, pkcs8::LineEnding::LF, der).unwrap()
}

fn files(place: &Path, cert: &str, key: Option<&str>, password: Option<&str>) -> TlsFiles {
    let file = |name: &str| place.join(name);
    TlsFiles { cert: file(cert), key: key.map(file), password: password.map(file) }
}

#[track_caller]
fn error(files: &TlsFiles) -> String {
    files.read().map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_pair_is_read_from_one_file_or_two() {
    let place = directory_with(&["a"]);
    files(place.path(), "a.crt", Some("a.key"), None).read().unwrap();
    let both = ["a.key", "a.crt"].map(|name| fs::read_to_string(place.path().join(name)).unwrap()).concat();
    fs::write(place.path().join("both"), both).unwrap();
    let in_one = files(place.path(), "both", None, None);
    assert_eq!(in_one.read().unwrap().cert.len(), 1);
    assert_eq!(in_one.key_file(), place.path().join("both"));
}

#[test]
fn an_error_names_the_file_and_the_fix() {
    let place = directory_with(&["a", "b"]);
    let locked = pem("ENCRYPTED PRIVATE KEY", b"\x30\x00");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n";
    for (name, text) in [("locked", locked.as_str()), ("old", old), ("empty", ""), ("password", "p\n")] {
        fs::write(place.path().join(name), text).unwrap();
    }
    let not_pem = "name a PEM file with --tls-cert";
    let rows = [
        ("gone", None, None, "certificate", "gone", "no such file; name a readable file with --tls-cert"),
        (".", None, None, "certificate", ".", "a directory; name a readable file with --tls-cert"),
        ("empty", None, None, "certificate", "empty", &format!("it contains no certificate; {not_pem}")),
        ("a.crt", None, None, "key", "a.crt", "it contains no private key; name the file of the key with --tls-key"),
        ("a.crt", Some("gone"), None, "key", "gone", "no such file; name a readable file with --tls-key"),
        (
            "a.crt",
            Some("b.key"),
            None,
            "key",
            "b.key",
            "it is not the key of the certificate '/a.crt'; name the matching key with --tls-key",
        ),
        (
            "a.crt",
            Some("locked"),
            None,
            "key",
            "locked",
            "it is encrypted; name the file of its password with --tls-password-file",
        ),
        (
            "a.crt",
            Some("locked"),
            Some("gone"),
            "password",
            "gone",
            "no such file; name a readable file with --tls-password-file",
        ),
        (
            "a.crt",
            Some("locked"),
            Some("password"),
            "key",
            "locked",
            "unsupported encryption; convert it with 'openssl pkcs8 -topk8 -v2 aes256'",
        ),
        (
            "a.crt",
            Some("old"),
            Some("password"),
            "key",
            "old",
            "its encryption is obsolete and insecure; convert it with 'openssl pkcs8 -topk8 -v2 aes256'",
        ),
    ];
    for (cert, key, password, what, name, reason) in rows {
        let message =
            error(&files(place.path(), cert, key, password)).replace(&format!("{}/", place.path().display()), "/");
        assert_eq!(message, format!("cannot use the {what} '/{name}': {reason}"));
    }
}

/// A store of the pair `a`.
fn store(place: &Path) -> CertStore {
    let files = files(place, "a.crt", Some("a.key"), None);
    let key = files.read().unwrap();
    CertStore::new(TlsIdentity::Files(files, key))
}

/// Replaces a file of the pair `a`.
fn rename(place: &Path, from: &str) {
    let (_, what) = from.split_once('.').unwrap();
    fs::rename(place.join(from), place.join(format!("a.{what}"))).unwrap();
}

#[test]
fn a_changed_pair_is_used_when_it_is_complete() {
    let place = directory_with(&["a", "b"]);
    let store = store(place.path());
    let first = store.current().cert.clone();
    let now = SystemTime::now();
    store.poll_reload(now);
    assert_eq!(store.current().cert, first, "nothing has changed");
    rename(place.path(), "b.crt");
    for _ in 0..3 {
        store.poll_reload(now);
        assert_eq!(store.current().cert, first, "the key does not match yet");
    }
    assert!(store.reload().is_err_and(|error| error.to_string().contains("is kept")));
    rename(place.path(), "b.key");
    store.poll_reload(now);
    let second = store.current().cert.clone();
    assert_ne!(second, first);
    fs::remove_file(place.path().join("a.crt")).unwrap();
    store.poll_reload(now);
    assert_eq!(store.current().cert, second, "the certificate of an absent file stays in use");
}

/// As with `cp -p`: the length and the modification time stay the same.
#[test]
fn a_change_with_the_same_modification_time_is_noticed() {
    let place = directory_with(&["a", "b", "c"]);
    let store = store(place.path());
    let modified = fs::metadata(place.path().join("a.crt")).unwrap().modified().unwrap();
    let later = SystemTime::now() + Duration::from_secs(60);
    for name in ["b", "c"] {
        let before = store.current().cert.clone();
        for what in ["crt", "key"] {
            let (from, to) = (place.path().join(format!("{name}.{what}")), place.path().join(format!("a.{what}")));
            fs::copy(from, &to).unwrap();
            fs::File::options().write(true).open(&to).unwrap().set_modified(modified).unwrap();
        }
        // Long after the change.
        store.poll_reload(later);
        assert_ne!(store.current().cert, before, "{name}");
    }
}

#[test]
fn a_chain_in_the_wrong_order_is_reported() {
    let place = directory_with(&["a", "b"]);
    let chain = ["b.crt", "a.crt"].map(|name| fs::read_to_string(place.path().join(name)).unwrap()).concat();
    fs::write(place.path().join("chain"), chain).unwrap();
    let message = error(&files(place.path(), "chain", Some("a.key"), None));
    assert!(message.contains("the certificate of the key is not the first one; put it first"), "{message}");
}

#[test]
fn byte_order_marks_are_skipped_and_other_encodings_are_reported() {
    let place = directory_with(&["a"]);
    let read = |name: &str| fs::read(place.path().join(name)).unwrap();
    let marked = ["\u{feff}".as_bytes(), &read("a.crt"), "\u{feff}".as_bytes(), &read("a.key")].concat();
    fs::write(place.path().join("marked"), marked).unwrap();
    files(place.path(), "marked", None, None).read().unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(place.path().join("der.crt"), certificate.der()).unwrap();
    fs::write(place.path().join("der.key"), key.serialize_der()).unwrap();
    // As short as a key of Ed25519.
    fs::write(place.path().join("short.key"), [&[0x30, 0x2e], &[2; 0x2e][..]].concat()).unwrap();
    fs::write(place.path().join("wide"), b"\xff\xfe-\0-\0-\0-\0-\0").unwrap();
    let rows = [
        ("der.crt", None, "it is DER or PKCS #12, not PEM; convert it with 'openssl x509 -inform DER'"),
        ("a.crt", Some("der.key"), "it is DER or PKCS #12, not PEM; convert it with 'openssl pkey -inform DER'"),
        ("a.crt", Some("short.key"), "it is DER or PKCS #12, not PEM"),
        ("wide", None, "it is UTF-16, not ASCII; convert it with 'iconv -f UTF-16 -t ASCII'"),
        ("a.crt", Some("wide"), "it is UTF-16, not ASCII"),
    ];
    for (cert, key, expected) in rows {
        let message = error(&files(place.path(), cert, key, None));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_self_signed_certificate_has_valid_names_only() {
    let names = ["localhost".to_owned(), "no name".to_owned(), "b\u{fc}ro".to_owned()];
    let certified = self_signed(&names, &["::1".parse().unwrap()]).unwrap();
    let der = &certified.cert[0];
    let has = |part: &[u8]| der.windows(part.len()).any(|window| window == part);
    assert!(has(b"localhost") && !has("b\u{fc}ro".as_bytes()) && has(&std::net::Ipv6Addr::LOCALHOST.octets()));
    let other = self_signed(&names, &[]).unwrap();
    let fingerprints = [certified, other].map(|key| TlsIdentity::SelfSigned(key).fingerprint());
    assert!(fingerprints[0] != fingerprints[1] && fingerprints[0].len() == 95, "{fingerprints:?}");
}
