//! Renewed certificates: after the promised second the next connection gets the new one, in whatever way the files were
//! replaced. Each test waits for that second once, and connects once.

use crate::ops::signals::reload;
use crate::support::certs::Pair;
use crate::support::client::{self, HttpConnection};
use crate::support::clock;
use crate::support::server::{Stack, TestServer, glasshouse, run};
use crate::support::tools::runs;
use crate::tls::serving::{get, launch, replace, text, tree};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What is promised of a certificate that changes.
const PROMISED: Duration = Duration::from_secs(1);

/// A server with a certificate and a key at these paths, which gives up all rights that it can.
#[track_caller]
fn serve(place: &TempDir, cert: &Path, key: &Path) -> TestServer {
    launch(Stack::Host, place, &["--tls-cert", text(cert), "--tls-key", text(key), "--require-harden"])
}

/// Puts a pair where one was, in one of the ways in which that is done.
type Renew = fn(&Path, &Pair, usize);

/// The files of a pair in a directory, by the names that a pod has.
fn put(directory: &Path, pair: &Pair) {
    fs::create_dir_all(directory).expect("a directory can be made");
    fs::copy(&pair.cert, directory.join("tls.crt")).expect("a file can be written");
    fs::copy(&pair.key, directory.join("tls.key")).expect("a file can be written");
}

/// Turns a link at one blow.
fn turn(link: &Path, target: &Path) {
    let next = link.with_file_name("next");
    symlink(target, &next).expect("a link can be made");
    fs::rename(next, link).expect("a link can be replaced");
}

/// Written over where they are.
fn overwrite(at: &Path, pair: &Pair, _: usize) {
    put(at, pair);
}

/// Others put in their place.
fn rename(at: &Path, pair: &Pair, _: usize) {
    fs::create_dir_all(at).expect("a directory can be made");
    replace(pair, &at.join("tls.crt"), &at.join("tls.key"));
}

/// As `cp -p` and `rsync --inplace -t` do: the time that a file says is that of its original.
fn copy_with_times(at: &Path, pair: &Pair, _: usize) {
    put(at, pair);
    for name in ["tls.crt", "tls.key"] {
        let file = fs::File::options().write(true).open(at.join(name)).expect("it is there");
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).expect("a time can be set");
    }
}

/// As the kubelet does: `tls.crt` leads to `..data/tls.crt`, and `..data` to a directory of this time.
fn kubernetes(at: &Path, pair: &Pair, time: usize) {
    let directory = format!("..2026_11_{time}");
    put(&at.join(&directory), pair);
    turn(&at.join("..data"), Path::new(&directory));
    for name in ["tls.crt", "tls.key"] {
        if !at.join(name).is_symlink() {
            symlink(Path::new("..data").join(name), at.join(name)).expect("a link can be made");
        }
    }
    if let Some(before) = time.checked_sub(1) {
        let _ = fs::remove_dir_all(at.join(format!("..2026_11_{before}")));
    }
}

/// As certbot does: `live/tls.crt` leads to `../archive/tls.crtN`.
fn certbot(at: &Path, pair: &Pair, time: usize) {
    let archive = at.with_file_name("archive");
    for directory in [at, &archive] {
        fs::create_dir_all(directory).expect("a directory can be made");
    }
    for (from, name) in [(&pair.cert, "tls.crt"), (&pair.key, "tls.key")] {
        let numbered = format!("{name}{time}");
        fs::copy(from, archive.join(&numbered)).expect("a file can be written");
        turn(&at.join(name), &Path::new("../archive").join(numbered));
    }
}

/// A directory of this release in the place of the one before.
fn release(at: &Path, pair: &Pair, time: usize) {
    let directory = at.with_file_name("releases").join(time.to_string());
    put(&directory, pair);
    turn(at, &directory);
}

/// Several renewals, with seconds without connections between them; the key may come long after the certificate.
#[test]
fn the_first_connection_after_a_second_has_the_new_certificate() {
    let ways: [(&str, Renew); 6] = [
        ("overwritten", overwrite),
        ("renamed", rename),
        ("copied with times", copy_with_times),
        ("kubernetes", kubernetes),
        ("certbot", certbot),
        ("a link to a directory", release),
    ];
    let pairs: Vec<Pair> = (0..3).map(|_| Pair::make()).collect();
    let served = tree();
    let servers: Vec<(&str, Renew, PathBuf, TestServer, TempDir)> = ways
        .into_iter()
        .map(|(what, renew)| {
            let place = crate::support::fixture::place();
            let at = place.path().join("tls/live");
            fs::create_dir_all(place.path().join("tls")).expect("a directory can be made");
            renew(&at, &pairs[0], 0);
            let server = serve(&served, &at.join("tls.crt"), &at.join("tls.key"));
            assert_eq!(get(server.address(), &pairs[0]).expect(what).text(), "hello\n");
            (what, renew, at, server, place)
        })
        .collect();
    // Idle for longer than the time in which files pass for new.
    clock::wait_until(Instant::now() + 3 * PROMISED);
    for (time, pair) in pairs.iter().enumerate().skip(1) {
        for (_, renew, at, ..) in &servers {
            renew(at, pair, time);
        }
        clock::wait_until(Instant::now() + PROMISED);
        for (what, _, _, server, _) in &servers {
            let answer = get(server.address(), pair).unwrap_or_else(|error| panic!("{what}, {time}: {error}"));
            assert_eq!(answer.text(), "hello\n");
        }
    }
    for (what, _, _, server, _) in &servers {
        assert!(get(server.address(), &pairs[0]).is_err(), "{what}: the first one is no longer used");
        assert!(!server.stderr().contains("glasshouse:"), "{what}: {}", server.stderr());
    }
}

/// While only one of a pair is there, the pair before is used, and why is said once.
#[test]
fn half_a_pair_is_not_taken_and_open_connections_stay() {
    let place = tree();
    let [first, second] = [Pair::make(), Pair::make()];
    let (cert, key) = (place.path().join("live.crt"), place.path().join("live.key"));
    replace(&first, &cert, &key);
    let server = serve(&place, &cert, &key);
    let mut open = HttpConnection::secure(server.address(), first.client(&[b"http/1.1"]));
    let mut still_open = || {
        open.send(&client::request("GET", "/hello.txt", &[])).expect("the connection is kept");
        assert_eq!(open.answer("GET").expect("an answer").text(), "hello\n");
    };
    still_open();
    fs::copy(&second.cert, &cert).expect("a file can be written");
    // Twice the promised time: a mismatch that does not last is not logged.
    clock::wait_until(Instant::now() + 2 * PROMISED);
    assert_eq!(get(server.address(), &first).expect("the first one is kept").text(), "hello\n");
    let complaint = "it is not the key of the certificate";
    let reported = |text: &str| text.matches(complaint).count();
    assert_eq!(reported(&server.stderr()), 1, "{}", server.stderr());
    assert!(server.stderr().contains("the certificate in use is kept"), "{}", server.stderr());
    fs::copy(&second.key, &key).expect("a file can be written");
    clock::wait_until(Instant::now() + PROMISED);
    assert_eq!(get(server.address(), &second).expect("all of it is there").text(), "hello\n");
    assert!(get(server.address(), &first).is_err(), "the first one is no longer used");
    still_open();
    assert_eq!(reported(&server.stderr()), 1, "once for each change: {}", server.stderr());
}

/// A certificate with a time, in a file with its key.
fn dated(name: &str, file: &Path, from: i32, until: i32) {
    let key = KeyPair::generate().expect("the system has randomness");
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name is a name");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(from, 1, 2);
    params.not_after = date_time_ymd(until, 1, 2);
    let made = params.self_signed(&key).expect("a key signs");
    fs::write(file, made.pem() + &key.serialize_pem()).expect("a file can be written");
}

/// What clients refuse is said once: at the start, when it is renewed, and not again when it is read again.
#[test]
fn a_certificate_whose_time_is_not_now_is_named() {
    let place = tree();
    let file = place.path().join("both.pem");
    let name = text(&file).to_owned();
    let expired =
        format!("glasshouse: certificate '{name}': expired at 2021-01-02T00:00:00Z, so clients reject it; renew it\n");
    let early = format!(
        "glasshouse: certificate '{name}': not valid before 2090-01-02T00:00:00Z, so clients reject it until then\n"
    );
    dated("old", &file, 2020, 2021);
    let server = launch(Stack::Host, &place, &["--tls-cert", &name]);
    server.wait_for_stderr(&expired, |text| (text == expired).then_some(()));
    let mut command = glasshouse();
    command.args(["--check", "-b", "127.0.0.1", "--tls-cert", &name, "-d"]).arg(place.path().join("www"));
    assert_eq!(run(command).stderr, expired);
    reload(&server, 1);
    dated("soon", &file, 2090, 2091);
    clock::wait_until(Instant::now() + PROMISED);
    assert_eq!(server.stderr(), format!("{expired}glasshouse: reloaded\n{early}"));
    dated("now", &file, 2020, 2090);
    clock::wait_until(Instant::now() + PROMISED);
    assert_eq!(server.stderr(), format!("{expired}glasshouse: reloaded\n{early}"));
}

#[test]
fn a_chain_in_another_order_is_named() {
    let place = tree();
    let params = |name: &str| {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name is a name");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let keys: Vec<KeyPair> = (0..3).map(|_| KeyPair::generate().expect("the system has randomness")).collect();
    let signed = |name: &str, by: &str, at: usize| {
        let issuer = Issuer::new(params(by), &keys[at - 1]);
        params(name).signed_by(&keys[at], &issuer).expect("a key signs").pem()
    };
    let (root, between, leaf) = (
        params("root").self_signed(&keys[0]).expect("a key signs").pem(),
        signed("between", "root", 1),
        signed("leaf", "between", 2),
    );
    let key = keys[2].serialize_pem();
    let write = |name: &str, parts: &[&String]| {
        let path = place.path().join(name);
        fs::write(&path, parts.iter().map(|part| part.as_str()).collect::<String>()).expect("a file can be written");
        path
    };
    let (good, mixed) = (write("good", &[&leaf, &between, &key]), write("mixed", &[&leaf, &root, &between, &key]));
    let server = launch(Stack::Host, &place, &["--tls-cert", text(&good)]);
    assert_eq!(server.stderr(), "");
    let server = launch(Stack::Host, &place, &["--tls-cert", text(&mixed)]);
    let reported = "mixed': it did not sign the previous certificate";
    server.wait_for_stderr(reported, |text| {
        (text.contains("certificate 2 of '") && text.contains(reported)).then_some(())
    });
    let first = write("first", &[&between, &leaf, &key]);
    let mut command = glasshouse();
    command.args(["0", "-b", "127.0.0.1", "--tls-cert", text(&first), "-d"]).arg(place.path().join("www"));
    let done = run(command);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(done.stderr.contains("the certificate of the key is not the first one; put it first"), "{done:?}");
}

/// A key in the served directory is reported, whatever path leads to it.
#[test]
fn secrets_among_what_is_served_are_named() {
    let place = tree();
    let pair = Pair::make();
    let (within, beside) = (place.path().join("www/.key"), place.path().join("key"));
    fs::copy(&pair.key, &within).expect("a file can be written");
    symlink(&within, &beside).expect("a link can be made");
    for key in [&within, &beside] {
        let server = launch(Stack::Host, &place, &["--tls-cert", text(&pair.cert), "--tls-key", text(key)]);
        let reported = format!(
            "glasshouse: exposed key: clients can read '{}'; move it out of the served directories\n",
            key.display()
        );
        server.wait_for_stderr(&reported, |text| (text == reported).then_some(()));
    }
}

/// What OpenSSL shows of a server is what the next client meets.
#[test]
fn openssl_sees_the_renewal() {
    if !crate::support::fixture::is_there("openssl", "renewals") {
        return;
    }
    let place = tree();
    let file = place.path().join("both.pem");
    dated("leaf1", &file, 2020, 2090);
    let server = launch(Stack::Host, &place, &["--tls-cert", text(&file)]);
    let subject = || {
        let script = format!(
            "openssl s_client -connect {} </dev/null 2>/dev/null | openssl x509 -noout -subject",
            server.address()
        );
        runs(place.path(), "sh", &["-c", &script])
    };
    assert!(subject().contains("leaf1"));
    dated("leaf2", &file, 2020, 2090);
    clock::wait_until(Instant::now() + PROMISED);
    assert!(subject().contains("leaf2"));
}
