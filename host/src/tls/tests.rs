//! Files that change under a server, and those that are of no use to one.

use super::*;
use glasshouse_front::{Form, Sink};
use rcgen::{CertificateParams, KeyPair};
use std::fs;
use std::path::Path;
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

#[test]
fn a_change_is_seen_once_and_a_bad_one_changes_nothing() {
    let place = place(&["a", "b"]);
    let files = files(place.path(), "a.crt", Some("a.key"), None);
    let key = files.read().unwrap();
    let keeper = Keeper::new(Identity::Files(files, key), Log::new(Form::Off, Sink::Stderr));
    let held = || keeper.held().key.cert.clone();
    let replace = |what: &str| {
        fs::rename(place.path().join(format!("b.{what}")), place.path().join(format!("a.{what}"))).unwrap();
    };
    let mut now = Instant::now();
    let mut look = || {
        now += LOOK;
        keeper.look(now).1
    };
    let first = held();
    assert!(!look(), "nothing has changed");

    replace("crt");
    assert!(look() && !look(), "a change is seen once");
    assert!(keeper.reload().is_err_and(|why| why.contains("is kept")));
    assert_eq!(held(), first, "the key is not that of the certificate yet");
    assert!(!look());

    replace("key");
    assert!(look());
    keeper.reload().unwrap();
    assert_ne!(held(), first);
    assert!(!look());

    let second = held();
    fs::remove_file(place.path().join("a.crt")).unwrap();
    assert!(look() && !look(), "a file that has gone is a change");
    keeper.renew();
    assert_eq!(held(), second);
}

#[test]
fn files_are_looked_at_once_in_a_while() {
    let place = place(&["a"]);
    let files = files(place.path(), "a.crt", Some("a.key"), None);
    let key = files.read().unwrap();
    let keeper = Keeper::new(Identity::Files(files, key), Log::new(Form::Off, Sink::Stderr));
    fs::remove_file(place.path().join("a.crt")).unwrap();
    let start = keeper.held().looked;
    assert!(!keeper.look(start + LOOK / 2).1);
    assert!(keeper.look(start + LOOK).1);
}

#[test]
fn what_is_made_is_for_its_names_alone() {
    let names = ["localhost".to_owned(), "no name".to_owned(), "b\u{fc}ro".to_owned()];
    let made = self_signed(&names, &["::1".parse().unwrap()]).unwrap();
    let der = &made.cert[0];
    let has = |part: &[u8]| der.windows(part.len()).any(|window| window == part);
    assert!(has(b"localhost") && !has("b\u{fc}ro".as_bytes()) && has(&std::net::Ipv6Addr::LOCALHOST.octets()));
    let other = self_signed(&names, &[]).unwrap();
    let fingerprints = [made, other].map(|key| Identity::Made(key).fingerprint());
    assert!(fingerprints[0] != fingerprints[1] && fingerprints[0].len() == 95, "{fingerprints:?}");
}
