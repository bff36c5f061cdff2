//! Files that change under a server, and those that are of no use to one.

use super::*;
use glasshouse_http::{Format, Sink};
use rcgen::{CertificateParams, KeyPair};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// A place with `NAME.crt` and `NAME.key` of each name.
fn place(names: &[&str]) -> TempDir {
    let place = TempDir::new().unwrap();
    for name in names {
        let (certificate, key) = pair();
        fs::write(place.path().join(format!("{name}.crt")), certificate).unwrap();
        fs::write(place.path().join(format!("{name}.key")), key).unwrap();
    }
    place
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

fn files(place: &Path, cert: &str, key: Option<&str>, password: Option<&str>) -> Files {
    let file = |name: &str| place.join(name);
    Files { cert: file(cert), key: key.map(file), password: password.map(file) }
}

#[track_caller]
fn refused(files: &Files) -> String {
    files.read().map(|_| ()).unwrap_err()
}

#[test]
fn a_pair_is_read_from_one_file_or_two_s9() {
    let place = place(&["a"]);
    files(place.path(), "a.crt", Some("a.key"), None).read().unwrap();
    let both = ["a.key", "a.crt"].map(|name| fs::read_to_string(place.path().join(name)).unwrap()).concat();
    fs::write(place.path().join("both"), both).unwrap();
    let in_one = files(place.path(), "both", None, None);
    assert_eq!(in_one.read().unwrap().cert.len(), 1);
    assert_eq!(in_one.key_file(), place.path().join("both"));
}

#[test]
fn what_cannot_be_used_is_named_with_a_way_out() {
    let place = place(&["a", "b"]);
    let locked = pem("ENCRYPTED PRIVATE KEY", b"\x30\x00");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n";
    for (name, text) in [("locked", locked.as_str()), ("old", old), ("empty", ""), ("password", "p\n")] {
        fs::write(place.path().join(name), text).unwrap();
    }
    let not_pem = "name a PEM file with --tls-cert";
    let rows = [
        ("gone", None, None, "certificate", "gone", "no such file; name a file that you may read with --tls-cert"),
        (".", None, None, "certificate", ".", "a directory; name a file that you may read with --tls-cert"),
        ("empty", None, None, "certificate", "empty", &format!("there is no certificate in it; {not_pem}")),
        ("a.crt", None, None, "key", "a.crt", "there is no private key in it; name the file of the key with --tls-key"),
        ("a.crt", Some("gone"), None, "key", "gone", "no such file; name a file that you may read with --tls-key"),
        (
            "a.crt",
            Some("b.key"),
            None,
            "key",
            "b.key",
            "it is not that of the certificate '/a.crt'; name its own with --tls-key",
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
            "no such file; name a file that you may read with --tls-password-file",
        ),
        (
            "a.crt",
            Some("locked"),
            Some("password"),
            "key",
            "locked",
            "its encryption is of a kind that is not known here; write it anew with 'openssl pkcs8 -topk8 -v2 aes256'",
        ),
        (
            "a.crt",
            Some("old"),
            Some("password"),
            "key",
            "old",
            "its encryption is of an old kind that protects nothing; write it anew with 'openssl pkcs8 -topk8 -v2 aes256'",
        ),
    ];
    for (cert, key, password, what, name, reason) in rows {
        let told =
            refused(&files(place.path(), cert, key, password)).replace(&format!("{}/", place.path().display()), "/");
        assert_eq!(told, format!("cannot use the {what} '/{name}': {reason}"));
    }
}

/// A keeper of the pair `a`, and where it is.
fn kept(place: &Path) -> CertStore {
    let files = files(place, "a.crt", Some("a.key"), None);
    let key = files.read().unwrap();
    CertStore::new(TlsIdentity::Files(files, key), Log::new(Format::Off, Sink::Stderr))
}

/// Puts a file of another pair in the place of that of the first.
fn rename(place: &Path, from: &str) {
    let (_, what) = from.split_once('.').unwrap();
    fs::rename(place.join(from), place.join(format!("a.{what}"))).unwrap();
}

#[test]
fn a_pair_that_has_changed_is_taken_when_all_of_it_is_there() {
    let place = place(&["a", "b"]);
    let keeper = kept(place.path());
    let first = keeper.key().cert.clone();
    let now = SystemTime::now();
    keeper.look(now);
    assert_eq!(keeper.key().cert, first, "nothing has changed");
    rename(place.path(), "b.crt");
    for _ in 0..3 {
        keeper.look(now);
        assert_eq!(keeper.key().cert, first, "the key is not that of the certificate yet");
    }
    assert!(keeper.reload().is_err_and(|why| why.contains("is kept")));
    rename(place.path(), "b.key");
    keeper.look(now);
    let second = keeper.key().cert.clone();
    assert_ne!(second, first);
    fs::remove_file(place.path().join("a.crt")).unwrap();
    keeper.look(now);
    assert_eq!(keeper.key().cert, second, "a file that has gone takes nothing with it");
}

/// As `cp -p` does it: neither the length nor the time that the file says tells the new one from the old one.
#[test]
fn a_change_that_takes_over_the_time_of_the_old_file_is_seen() {
    let place = place(&["a", "b", "c"]);
    let keeper = kept(place.path());
    let modified = fs::metadata(place.path().join("a.crt")).unwrap().modified().unwrap();
    let later = SystemTime::now() + Duration::from_secs(60);
    for name in ["b", "c"] {
        let before = keeper.key().cert.clone();
        for what in ["crt", "key"] {
            let (from, to) = (place.path().join(format!("{name}.{what}")), place.path().join(format!("a.{what}")));
            fs::copy(from, &to).unwrap();
            fs::File::options().write(true).open(&to).unwrap().set_modified(modified).unwrap();
        }
        // Long after the change.
        keeper.look(later);
        assert_ne!(keeper.key().cert, before, "{name}");
    }
}

#[test]
fn a_chain_that_does_not_begin_with_its_own_certificate_is_named() {
    let place = place(&["a", "b"]);
    let chain = ["b.crt", "a.crt"].map(|name| fs::read_to_string(place.path().join(name)).unwrap()).concat();
    fs::write(place.path().join("chain"), chain).unwrap();
    let why = refused(&files(place.path(), "chain", Some("a.key"), None));
    assert!(why.contains("the certificate of the key is not the first in it; put that one first"), "{why}");
}

#[test]
fn a_byte_order_mark_is_passed_over_and_what_is_not_pem_is_named() {
    let place = place(&["a"]);
    let read = |name: &str| fs::read(place.path().join(name)).unwrap();
    let marked = ["\u{feff}".as_bytes(), &read("a.crt"), "\u{feff}".as_bytes(), &read("a.key")].concat();
    fs::write(place.path().join("marked"), marked).unwrap();
    files(place.path(), "marked", None, None).read().unwrap();
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(place.path().join("der.crt"), made.der()).unwrap();
    fs::write(place.path().join("der.key"), key.serialize_der()).unwrap();
    // As short as that of Ed25519.
    fs::write(place.path().join("short.key"), [&[0x30, 0x2e], &[2; 0x2e][..]].concat()).unwrap();
    fs::write(place.path().join("wide"), b"\xff\xfe-\0-\0-\0-\0-\0").unwrap();
    let rows = [
        ("der.crt", None, "it is in DER or PKCS #12, not in PEM; write it anew with 'openssl x509 -inform DER'"),
        (
            "a.crt",
            Some("der.key"),
            "it is in DER or PKCS #12, not in PEM; write it anew with 'openssl pkey -inform DER'",
        ),
        ("a.crt", Some("short.key"), "it is in DER or PKCS #12, not in PEM"),
        ("wide", None, "it is in UTF-16, not in ASCII; write it anew with 'iconv -f UTF-16 -t ASCII'"),
        ("a.crt", Some("wide"), "it is in UTF-16, not in ASCII"),
    ];
    for (cert, key, expected) in rows {
        let why = refused(&files(place.path(), cert, key, None));
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn what_is_made_is_for_its_names_alone() {
    let names = ["localhost".to_owned(), "no name".to_owned(), "b\u{fc}ro".to_owned()];
    let made = self_signed(&names, &["::1".parse().unwrap()]).unwrap();
    let der = &made.cert[0];
    let has = |part: &[u8]| der.windows(part.len()).any(|window| window == part);
    assert!(has(b"localhost") && !has("b\u{fc}ro".as_bytes()) && has(&std::net::Ipv6Addr::LOCALHOST.octets()));
    let other = self_signed(&names, &[]).unwrap();
    let fingerprints = [made, other].map(|key| TlsIdentity::Made(key).fingerprint());
    assert!(fingerprints[0] != fingerprints[1] && fingerprints[0].len() == 95, "{fingerprints:?}");
}
