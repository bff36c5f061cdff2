//! `glasshouse pack`: what is in the component, what is left out and reported, and that an error leaves nothing behind.

use crate::support::client::{self, HttpResponse};
use crate::support::fixture::{self, put};
use crate::support::proc;
use crate::support::server::{Done, TestServer, Version, can_be_unprivileged, glasshouse, handler, run, run_within};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// 2020-01-02T03:04:05Z.
const TIME: (i64, u32) = (1_577_934_245, 0);
/// How long packing may take on a busy machine.
const PACK: Duration = Duration::from_secs(60);
/// The user and group without rights.
const UNPRIVILEGED: u32 = 65534;

/// A folder with some files, and a place for components beside it.
struct Fixture {
    place: TempDir,
}

impl Fixture {
    fn new() -> Fixture {
        let fixture = Fixture { place: fixture::place() };
        put(&fixture.folder().join("index.html"), b"<p>first\n", TIME);
        put(&fixture.folder().join("sub/style.css"), &b"p { color: red }\n".repeat(100), TIME);
        fixture
    }

    fn folder(&self) -> PathBuf {
        self.place.path().join("folder")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Packs the folder into a file beside it.
    fn pack(&self, name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Done {
        pack(&self.folder(), &self.file(name), arguments, variables)
    }

    /// The files beside the folder.
    fn beside(&self) -> Vec<String> {
        let entries = fs::read_dir(self.place.path()).expect("it can be read");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        names.filter(|name| name != "folder").collect()
    }
}

fn pack(folder: &Path, output: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Done {
    let mut command = pack_command(folder, output);
    command.args(arguments).envs(variables.iter().copied());
    run_within(PACK, command)
}

fn pack_command(folder: &Path, output: &Path) -> Command {
    let mut command = glasshouse();
    command.env_remove("SOURCE_DATE_EPOCH").arg("pack").arg(folder).arg("-o").arg(output);
    command
}

#[track_caller]
fn packed(done: &Done) {
    assert!(done.status.success(), "{done:?}");
}

fn serve(component: &Path, variables: &[(&str, &str)]) -> TestServer {
    let mut command = glasshouse();
    command.args(["0", "--bind", "127.0.0.1", "--handler"]).arg(component).envs(variables.iter().copied());
    // A directory without files of the site.
    command.current_dir("/");
    TestServer::spawn(command)
}

fn get(server: &TestServer, path: &str, fields: &[(&str, &str)]) -> HttpResponse {
    client::ask(server.address(), "GET", path, fields).expect("an answer")
}

#[test]
fn the_component_serves_with_its_options_and_no_directory() {
    let fixture = Fixture::new();
    packed(&fixture.pack("site.wasm", &["--cache", "60"], &[("GLASSHOUSE_CORS", "*")]));
    let server = serve(&fixture.file("site.wasm"), &[]);
    let first = get(&server, "/", &[]);
    assert_eq!((first.head.status, first.body.as_slice()), (200, &b"<p>first\n"[..]));
    assert_eq!(first.head.one("cache-control"), Some("max-age=60"));
    assert_eq!(first.head.one("access-control-allow-origin"), Some("*"));
    assert_eq!(first.head.one("last-modified"), Some("Thu, 02 Jan 2020 03:04:05 GMT"));
    assert_eq!(get(&server, "/etc/passwd", &[]).head.status, 404);
    // A variable of the host wins over the packed option.
    let server = serve(&fixture.file("site.wasm"), &[("GLASSHOUSE_CACHE", "5")]);
    assert_eq!(get(&server, "/", &[]).head.one("cache-control"), Some("max-age=5"));
}

#[test]
fn equal_content_has_equal_bytes_and_tags() {
    let (one, other) = (Fixture::new(), Fixture::new());
    // The order in which entries are created does not matter.
    put(&one.folder().join("a.txt"), b"a", TIME);
    put(&one.folder().join("b.txt"), b"b", TIME);
    put(&other.folder().join("b.txt"), b"b", (TIME.0 + 100, 7));
    put(&other.folder().join("a.txt"), b"a", TIME);
    for directory in ["", "sub"] {
        let time = filetime::FileTime::from_unix_time(TIME.0, 0);
        for fixture in [&one, &other] {
            filetime::set_file_mtime(fixture.folder().join(directory), time).expect("a time can be set");
        }
    }
    packed(&one.pack("times.wasm", &["--precompress"], &[]));
    packed(&one.pack("again.wasm", &["--precompress"], &[]));
    packed(&other.pack("times.wasm", &["--precompress"], &[]));
    let read = |fixture: &Fixture, name| fs::read(fixture.file(name)).expect("a component");
    assert!(read(&one, "times.wasm") == read(&one, "again.wasm"), "the same folder");
    assert!(read(&one, "times.wasm") != read(&other, "times.wasm"), "another time");
    for fixture in [&one, &other] {
        packed(&fixture.pack("epoch.wasm", &[], &[("SOURCE_DATE_EPOCH", "1700000000")]));
    }
    assert!(read(&one, "epoch.wasm") == read(&other, "epoch.wasm"), "one time for all");
    let tag = |fixture: &Fixture, name| {
        let answer = get(&serve(&fixture.file(name), &[]), "/b.txt", &[]);
        (answer.head.one("etag").map(str::to_owned), answer.head.one("last-modified").map(str::to_owned))
    };
    let (of_one, of_epoch) = (tag(&one, "times.wasm"), tag(&other, "epoch.wasm"));
    assert_eq!(of_one.0, of_epoch.0);
    // SHA-256 of "b".
    assert_eq!(of_one.0.as_deref(), Some("\"3e23e8160039594a33894f6564e1b134\""));
    assert_eq!(of_epoch.1.as_deref(), Some("Tue, 14 Nov 2023 22:13:20 GMT"));
    let done = one.pack("epoch.wasm", &[], &[("SOURCE_DATE_EPOCH", "soon")]);
    assert_eq!(done.status.code(), Some(2));
    assert!(done.stderr.contains("SOURCE_DATE_EPOCH: invalid time 'soon'"), "{done:?}");
}

#[test]
fn hidden_and_special_entries_are_left_out_and_reported() {
    let fixture = Fixture::new();
    let folder = fixture.folder();
    put(&folder.join(".git/unpacked-name"), b"TOKEN", TIME);
    put(&folder.join(".env"), b"TOKEN", TIME);
    put(&folder.join(OsStr::from_bytes(b"bad\xff.txt")), b"TOKEN", TIME);
    put(&fixture.file("secret"), b"TOKEN", TIME);
    fixture::link(Path::new("../secret"), &folder.join("out"));
    fixture::link(Path::new("sub/style.css"), &folder.join("inside.css"));
    fixture::link(Path::new(".env"), &folder.join("shown.txt"));
    mknodat(CWD, folder.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe can be made");
    fs::write(folder.join("site.wasm"), "an earlier component").expect("it can be written");
    let done = pack(&folder, &folder.join("site.wasm"), &[], &[]);
    packed(&done);
    for reported in [
        "not packed: .env: a dotfile; --hidden packs it",
        "not packed: .git: a dotfile",
        "the name is not UTF-8",
        "not packed: out: the link leads to nothing that is packed; its name is packed",
        "not packed: pipe: not a regular file; its name is packed",
        "not packed: site.wasm: the output file",
        "packed: shown.txt: a copy of the hidden file .env; remove the link to leave it out",
        "packed: 3 files, 1714 bytes",
    ] {
        assert!(done.stderr.contains(reported), "{reported}: {}", done.stderr);
    }
    let component = fs::read(folder.join("site.wasm")).expect("a component");
    let holds = |text: &[u8]| component.windows(text.len()).any(|window| window == text);
    assert!(!holds(b"an earlier component") && !holds(b"unpacked-name"));
    // The link to a hidden file shows that file, as a server does.
    assert!(holds(b"TOKEN"));
    let server = serve(&folder.join("site.wasm"), &[]);
    for (path, status) in [
        ("/inside.css", 200),
        ("/shown.txt", 200),
        ("/.env", 404),
        ("/out", 404),
        ("/pipe", 404),
        ("/site.wasm", 404),
        ("/?sort=name", 200),
    ] {
        assert_eq!(get(&server, path, &[]).head.status, status, "{path}");
    }
}

#[test]
fn unreadable_entries_are_left_out_and_reported() {
    if !can_be_unprivileged() {
        return fixture::skipped("packing what may not be read, where other users cannot run the program");
    }
    let fixture = Fixture::new();
    let (folder, output, shut) = (fixture.folder(), fixture.file("output"), fixture.file("shut"));
    put(&folder.join("sub/closed/x"), b"TOKEN", TIME);
    put(&folder.join("sub/secret"), b"TOKEN", TIME);
    fs::create_dir(&output).expect("a directory can be made");
    fs::create_dir(&shut).expect("a directory can be made");
    let set =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode can be set");
    set(&output, 0o777);
    set(&shut, 0o555);
    set(&folder.join("sub/closed"), 0o000);
    set(&folder.join("sub/secret"), 0o000);
    let ask = |folder: &Path, output: &Path| {
        let mut command = pack_command(folder, output);
        if rustix::process::geteuid().is_root() {
            command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        }
        let done = run_within(PACK, command);
        assert!(!done.stderr.contains("os error"), "{}", done.stderr);
        done
    };
    let done = ask(&folder, &output.join("site.wasm"));
    packed(&done);
    for reported in [
        "not packed: sub/closed: the directory is not readable; only its name is packed",
        "not packed: sub/secret: the file is not readable; its name is packed",
        "packed: 2 files, 1709 bytes",
    ] {
        assert!(done.stderr.contains(reported), "{reported}: {}", done.stderr);
    }
    let refused = [
        (folder.join("sub/secret"), output.join("x.wasm"), "secret': permission denied; name a directory or a file"),
        (folder.join("sub/closed"), output.join("x.wasm"), "closed': permission denied; name a directory or a file"),
        (folder.clone(), shut.join("x.wasm"), "x.wasm': permission denied; name another file with -o"),
    ];
    for (folder, output, reason) in refused {
        let done = ask(&folder, &output);
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        assert!(done.stderr.contains(reason), "{}", done.stderr);
    }
    let server = serve(&output.join("site.wasm"), &[]);
    for (path, status) in [
        ("/index.html", 200),
        ("/sub/closed", 404),
        ("/sub/closed/", 404),
        ("/sub/closed/x", 404),
        ("/sub/secret", 404),
    ] {
        assert_eq!(get(&server, path, &[]).head.status, status, "{path}");
    }
    let listing = get(&server, "/sub/", &[]).text();
    assert!(listing.contains("closed") && listing.contains("secret"), "{listing}");
    // Otherwise the directory could not be removed.
    set(&folder.join("sub/closed"), 0o755);
}

#[test]
fn missing_pages_are_reported() {
    let fixture = Fixture::new();
    put(&fixture.folder().join("glasshouse.toml"), b"not-found = 'lost.html'\n", TIME);
    let done = fixture.pack("site.wasm", &["--spa=nosuch.html"], &[]);
    packed(&done);
    for reported in ["glasshouse: --spa: no file 'nosuch.html' is packed", "line 1, not-found: no file 'lost.html' is"]
    {
        assert!(done.stderr.contains(reported), "{}", done.stderr);
    }
    let done = fixture.pack("site.wasm", &["--spa", "--not-found=sub/style.css"], &[]);
    packed(&done);
    assert!(!done.stderr.contains("no file"), "{}", done.stderr);
}

/// As for the other subcommands.
#[test]
fn a_reader_of_standard_output_may_leave() {
    let fixture = Fixture::new();
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(glasshouse().get_program()).arg(fixture.folder());
        run_within(PACK, command)
    };
    for option in ["", "--oci"] {
        let done = shell(&format!("{{ \"$0\" pack \"$1\" {option} -o -; echo $? >&2; }} | head -c 8"));
        assert_eq!((done.stdout.len(), done.stderr.as_str()), (8, "0\n"), "{done:?}");
    }
    let done = shell("\"$0\" pack \"$1\" -o - >/dev/full");
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(done.stderr.contains("cannot write to standard output: no space is left; redirect it"), "{done:?}");
}

#[test]
fn variants_are_sent_and_not_listed() {
    let fixture = Fixture::new();
    put(&fixture.folder().join("sub/other.css.gz"), b"not a variant of anything", TIME);
    put(&fixture.folder().join("sub/picture.png"), &[7; 5000], TIME);
    let done = fixture.pack("site.wasm", &["--precompress", "--index", "none"], &[]);
    packed(&done);
    assert!(done.stderr.contains("packed: 4 files, 6734 bytes, 3 variants, "), "{}", done.stderr);
    let server = serve(&fixture.file("site.wasm"), &[]);
    let plain = get(&server, "/sub/style.css", &[]);
    for coding in ["br", "zstd", "gzip"] {
        let encoded = get(&server, "/sub/style.css", &[("Accept-Encoding", coding)]);
        assert_eq!(encoded.head.one("content-encoding"), Some(coding));
        assert!(encoded.body.len() < 100, "{coding}: {} bytes", encoded.body.len());
        assert_eq!(encoded.head.one("last-modified"), plain.head.one("last-modified"));
        assert_ne!(encoded.head.one("etag"), plain.head.one("etag"));
    }
    let picture = get(&server, "/sub/picture.png", &[("Accept-Encoding", "gzip")]);
    assert_eq!(picture.head.one("content-encoding"), None);
    let listing = get(&server, "/sub/", &[("Accept", "application/json")]).text();
    assert!(listing.contains("other.css.gz") && !listing.contains("style.css."), "{listing}");
}

#[test]
fn an_error_leaves_the_output_unchanged() {
    let fixture = Fixture::new();
    let large = fs::File::create(fixture.folder().join("large")).expect("it can be created");
    large.set_len(2 << 30).expect("a sparse file");
    fs::write(fixture.file("site.wasm"), "before").expect("it can be written");
    let started = std::time::Instant::now();
    let done = fixture.pack("site.wasm", &[], &[]);
    assert_eq!(done.status.code(), Some(1));
    let size = (2_u64 << 30).to_string();
    let names = |text: &str| done.stderr.contains(text);
    assert!(names("folder': the folder needs 21474") && names("leave files out") && !names(&size), "{}", done.stderr);
    assert!(started.elapsed() < Duration::from_secs(30), "it is refused before the files are read");
    fs::remove_file(fixture.folder().join("large")).expect("it is there");
    put(&fixture.folder().join("glasshouse.toml"), b"spa = [\n", TIME);
    let done = fixture.pack("site.wasm", &[], &[]);
    assert_eq!(done.status.code(), Some(1));
    assert!(done.stderr.contains("glasshouse.toml, line 1"), "{}", done.stderr);
    let done = fixture.pack("site.wasm", &["--index", "a/b"], &[]);
    assert_eq!(done.status.code(), Some(2));
    assert!(done.stderr.contains("--index: "), "{}", done.stderr);
    let done = fixture.pack("site.wasm", &["--live"], &[]);
    assert_eq!(done.status.code(), Some(2));
    assert!(done.stderr.contains("--live: a packed site has no folder to watch; leave"), "{}", done.stderr);
    assert_eq!(fs::read(fixture.file("site.wasm")).expect("it is there"), b"before");
    assert_eq!(fixture.beside(), ["site.wasm"]);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let fixture = Fixture::new();
    for (output, reason) in [
        (Path::new("/dev/full").to_owned(), "cannot write '/dev/full': no space is left; name another file with -o"),
        (fixture.file("none/site.wasm"), "no such directory; name another file with -o"),
        (fixture.folder().join("index.html/x"), "not a directory; name another file with -o"),
        (fixture.folder(), "a directory; name another file with -o"),
    ] {
        let done = pack(&fixture.folder(), &output, &[], &[]);
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        assert!(done.stderr.contains(reason), "{}", done.stderr);
    }
    let large = fs::File::create(fixture.folder().join("large")).expect("it can be created");
    large.set_len(2 << 30).expect("a sparse file");
    let done = pack(&fixture.folder(), &fixture.file("none/site.wasm"), &[], &[]);
    assert!(done.stderr.contains("no such directory"), "the folder is not read in vain: {}", done.stderr);
    let pipe = fixture.folder().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe can be made");
    let index = fixture.folder().join("index.html");
    for (folder, output, reason) in [
        (fixture.file("nothing"), "site.wasm", "nothing': no such file; name a directory or a file"),
        (pipe, "site.wasm", "pipe': not a directory or a regular file; name a directory or a file"),
        (index.clone(), "folder/index.html", "index.html': it is the output file too; name another file with -o"),
    ] {
        let done = pack(&folder, &fixture.file(output), &[], &[]);
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        assert!(done.stderr.contains(reason), "{}", done.stderr);
    }
    assert_eq!(fs::read(index).expect("it is there"), b"<p>first\n");
    assert_eq!(fixture.beside(), <[&str; 0]>::default());
}

#[test]
fn a_single_file_is_packed_alone() {
    let fixture = Fixture::new();
    let done = pack(&fixture.folder().join("index.html"), &fixture.file("page.wasm"), &[], &[]);
    packed(&done);
    assert!(done.stderr.contains("packed: 1 file, 9 bytes\n"), "{}", done.stderr);
    let server = serve(&fixture.file("page.wasm"), &[]);
    for (path, status) in [("/", 200), ("/index.html", 200), ("/sub/style.css", 404)] {
        assert_eq!(get(&server, path, &[]).head.status, status, "{path}");
    }
}

/// The image counts once for the process and not at all for an instance.
#[test]
fn memory_holds_one_copy_of_the_folder() {
    const SIZE: usize = 50 << 20;
    let fixture = Fixture::new();
    let mut content = vec![0; SIZE];
    content.iter_mut().enumerate().for_each(|(index, byte)| *byte = ((index * 31) >> 7) as u8);
    put(&fixture.folder().join("large.bin"), &content, TIME);
    packed(&fixture.pack("site.wasm", &[], &[]));
    let memory_of = |component: &Path| {
        let mut command = glasshouse();
        command.args(["0", "--bind", "127.0.0.1", "--max-memory", "16M", "--handler"]).arg(component);
        if component == handler(Version::P3) {
            command.arg("--directory").arg(fixture.folder());
        }
        let server = TestServer::spawn(command);
        for _ in 0..3 {
            let large = get(&server, "/large.bin", &[]);
            assert_eq!(large.head.status, 200, "{:?}", server.stderr());
            assert!(large.body == content);
        }
        proc::proportional_memory(&server).expect("Linux reports it")
    };
    let (with, without) = (memory_of(&fixture.file("site.wasm")), memory_of(handler(Version::P3)));
    let added = with.saturating_sub(without);
    println!("{added} KiB for {} KiB", SIZE >> 10);
    // The allocator keeps some memory that the compiler has freed. A second copy would take as much as the first.
    assert!(added < (SIZE as u64 >> 10) * 3 / 2, "{with} KiB with the folder inside, {without} KiB with a directory");
}

/// Its code is not that of the host, so it may write to the folder.
#[test]
fn a_changed_component_pays_for_its_folder() {
    let fixture = Fixture::new();
    put(&fixture.folder().join("large.bin"), &[7; 30 << 20], TIME);
    packed(&fixture.pack("site.wasm", &[], &[]));
    let mut component = fs::read(fixture.file("site.wasm")).expect("a component");
    // An empty custom section called "x".
    component.extend([0, 2, 1, b'x']);
    fs::write(fixture.file("changed.wasm"), component).expect("it can be written");
    for (name, status) in [("site.wasm", 200), ("changed.wasm", 503)] {
        let mut command = glasshouse();
        command.args(["0", "--bind", "127.0.0.1", "--max-memory", "16M", "--handler"]).arg(fixture.file(name));
        let server = TestServer::spawn(command);
        assert_eq!(get(&server, "/index.html", &[]).head.status, status, "{name}: {}", server.stderr());
        let is_warned = server.stderr().contains("the handler was packed by another version");
        assert_eq!(is_warned, status == 503, "{}", server.stderr());
    }
}

#[test]
fn inspect_describes_the_site() {
    let fixture = Fixture::new();
    packed(&fixture.pack("site.wasm", &["--p2", "--precompress"], &[]));
    let inspect = |arguments: &[&str]| {
        let mut command = glasshouse();
        command.arg("inspect").args(arguments).arg(fixture.file("site.wasm"));
        run(command).stdout
    };
    let report: serde_json::Value = serde_json::from_str(&inspect(&["--json"])).expect("JSON");
    assert_eq!((&report["serves"], &report["site"]["files"]), (&true.into(), &2.into()), "{report:#}");
    assert_eq!(
        (&report["site"]["bytes"], &report["site"]["variants"]["files"]),
        (&1709.into(), &3.into()),
        "{report:#}"
    );
    let text = inspect(&[]);
    assert!(text.contains("\n  holds   2 files, 1709 bytes, 3 variants, "), "{text}");
}
