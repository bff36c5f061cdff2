//! An attacker in full control of the process: code of the attacker asks the kernel.

use super::*;
use crate::ops::signals::reload;
use crate::support::clock;
use crate::support::proc::listeners;
use crate::support::ptrace::{Captive, Word, Word::Bytes, Word::Number, Word::Text};
use libc::{AT_FDCWD, EACCES, ENOSYS, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, PROT_EXEC, PROT_READ, PROT_WRITE};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;

/// A system call, its result in a hardened process, and whether a free process does it too, with success.
struct SystemCall {
    what: &'static str,
    call: libc::c_long,
    words: Vec<Word>,
    hardened: i32,
    is_had_otherwise: bool,
}

fn number(number: i32) -> Word {
    Number(number.into())
}

/// All of it, with the number of a socket that listens.
fn rows(place: &Path, listener: i32) -> Vec<SystemCall> {
    let path = |name: &str| place.join(name).to_str().expect("the path is UTF-8").to_owned();
    let open = |what, path: String, flags, hardened| SystemCall {
        what,
        call: libc::SYS_openat,
        words: vec![number(AT_FDCWD), Text(path), number(flags), number(0o600)],
        hardened,
        is_had_otherwise: true,
    };
    let had = |what, call, words| SystemCall { what, call, words, hardened: -ENOSYS, is_had_otherwise: true };
    let lost = |what, call, words| SystemCall { what, call, words, hardened: -ENOSYS, is_had_otherwise: false };
    let gets = |what, call, words| SystemCall { what, call, words, hardened: 0, is_had_otherwise: true };
    let on = |words: &[i32]| [listener].iter().chain(words).copied().map(number).collect::<Vec<_>>();
    let with = |words: &[i32], last: Word| on(words).into_iter().chain([last]).collect::<Vec<_>>();
    let all = PROT_READ | PROT_WRITE | PROT_EXEC;
    let anonymous = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    vec![
        open("a served file", path("www/hello.txt"), O_RDONLY, 0),
        open("a served directory", path("www/sub"), O_RDONLY, 0),
        open("a file beside the root", path("secret.txt"), O_RDONLY, -EACCES),
        open("the same, through the root", path("www/../secret.txt"), O_RDONLY, -EACCES),
        open("the same, by a link", path("www/out"), O_RDONLY, -EACCES),
        open("the directory above", path(""), O_RDONLY, -EACCES),
        open("the passwords", "/etc/passwd".into(), O_RDONLY, -EACCES),
        open("its environment", "/proc/self/environ".into(), O_RDONLY, -EACCES),
        open("its memory", "/proc/self/mem".into(), O_RDWR, -EACCES),
        open("a served file, to write", path("www/hello.txt"), O_WRONLY, -EACCES),
        open("a served file, to empty", path("www/doomed.txt"), O_RDONLY | O_TRUNC, -EACCES),
        open("a new file", path("www/new.txt"), O_WRONLY | O_CREAT, -EACCES),
        had("remove", libc::SYS_unlinkat, vec![number(AT_FDCWD), Text(path("www/doomed.txt")), number(0)]),
        had("make a directory", libc::SYS_mkdirat, vec![number(AT_FDCWD), Text(path("www/new")), number(0o700)]),
        had("change rights", libc::SYS_fchmodat, vec![number(AT_FDCWD), Text(path("www/sub")), number(0o755)]),
        had(
            "a socket",
            libc::SYS_socket,
            vec![number(libc::AF_INET), number(libc::SOCK_STREAM | libc::SOCK_CLOEXEC), number(0)],
        ),
        had(
            "memory to write and execute",
            libc::SYS_mmap,
            vec![number(0), number(4096), number(all), number(anonymous), number(-1), number(0)],
        ),
        had("executable memory", libc::SYS_mprotect, vec![number(0), number(0), number(PROT_EXEC)]),
        had("a file in memory", libc::SYS_memfd_create, vec![Text("x".into()), number(0)]),
        lost("another program", libc::SYS_execve, vec![Text("/bin/true".into()), number(0), number(0)]),
        lost("another process", libc::SYS_clone, vec![number(libc::SIGCHLD)]),
        lost("another process, newer", libc::SYS_clone3, vec![number(0), number(0)]),
        lost("a process to look into", libc::SYS_ptrace, vec![number(0)]),
        lost("memory of others", libc::SYS_process_vm_readv, vec![number(1)]),
        lost("a signal to another", libc::SYS_tgkill, vec![number(1), number(1), number(0)]),
        lost("a namespace", libc::SYS_unshare, vec![number(libc::CLONE_NEWUSER)]),
        lost("a mount", libc::SYS_mount, vec![number(0); 5]),
        lost("another root", libc::SYS_chroot, vec![Text("/".into())]),
        lost("a file by its handle", libc::SYS_open_by_handle_at, vec![number(0); 3]),
        lost("a ring", libc::SYS_io_uring_setup, vec![number(1), number(0)]),
        lost("a program in the kernel", libc::SYS_bpf, vec![number(0); 3]),
        lost("keys", libc::SYS_keyctl, vec![number(0)]),
        lost("another user", libc::SYS_setuid, vec![number(0)]),
        // Calls that are allowed in one form, in others.
        had("to read what another connection brings", libc::SYS_dup3, on(&[999, 0])),
        had("flags of a descriptor", libc::SYS_fcntl, on(&[libc::F_SETFL, libc::O_NONBLOCK])),
        had("whom signals go to", libc::SYS_fcntl, on(&[libc::F_SETOWN, 1])),
        had("which signal that is", libc::SYS_fcntl, on(&[F_SETSIG, libc::SIGTERM])),
        had("a lease", libc::SYS_fcntl, on(&[libc::F_GETLEASE])),
        had("signals by another way", libc::SYS_ioctl, with(&[FIOASYNC], Bytes(vec![0; 4]))),
        gets("flags to look at", libc::SYS_fcntl, on(&[libc::F_GETFL])),
        lost("to send to an address", libc::SYS_sendto, datagram(listener, 0)),
        lost("to connect while sending", libc::SYS_sendto, datagram(listener, libc::MSG_FASTOPEN)),
        lost("the same without an address", libc::SYS_sendto, with_flags(listener, libc::MSG_FASTOPEN)),
        lost("a message that passes descriptors on", libc::SYS_sendmsg, on(&[0, 0])),
        lost("a message that brings some", libc::SYS_recvmsg, on(&[0, 0])),
        lost("many messages", libc::SYS_sendmmsg, on(&[0, 0, 0])),
        lost("to connect", libc::SYS_connect, with(&[], Bytes(vec![2, 0, 0, 9, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]))),
        lost("another address", libc::SYS_bind, with(&[], Bytes(vec![0; 16]))),
        lost("a listener that listens no more", libc::SYS_shutdown, on(&[libc::SHUT_RD])),
        lost("the same, both halves", libc::SYS_shutdown, on(&[libc::SHUT_RDWR])),
        gets("an answer that is over", libc::SYS_shutdown, on(&[libc::SHUT_WR])),
        had("an option of a socket", libc::SYS_setsockopt, option(listener, libc::SOL_SOCKET, libc::SO_KEEPALIVE)),
        lost(
            "a filter in the kernel",
            libc::SYS_setsockopt,
            option(listener, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER),
        ),
        gets("small writes at once", libc::SYS_setsockopt, option(listener, libc::IPPROTO_TCP, libc::TCP_NODELAY)),
        had("what a socket is", libc::SYS_getsockopt, asked(listener, libc::SO_TYPE)),
        lost("a process by its socket", libc::SYS_getsockopt, asked(listener, SO_PEERPIDFD)),
        gets("what went wrong", libc::SYS_getsockopt, asked(listener, libc::SO_ERROR)),
        had(
            "another limit",
            libc::SYS_prlimit64,
            vec![number(0), number(libc::RLIMIT_CORE as i32), Bytes(vec![0; 16]), number(0)],
        ),
        lost("a limit of another", libc::SYS_prlimit64, vec![number(1), number(4), number(0), Bytes(vec![0; 16])]),
        gets("a limit to look at", libc::SYS_prlimit64, vec![number(0), number(4), number(0), Bytes(vec![0; 16])]),
        lost("a page of the machine", libc::SYS_madvise, vec![number(0), number(4096), number(libc::MADV_HWPOISON)]),
        lost("a lock whose owner the kernel knows", libc::SYS_futex, futex(libc::FUTEX_LOCK_PI)),
        lost("locks that are moved", libc::SYS_futex, futex(libc::FUTEX_CMP_REQUEUE_PI | libc::FUTEX_PRIVATE_FLAG)),
        lost("a name and more of a thread", libc::SYS_prctl, vec![number(libc::PR_SET_DUMPABLE), number(1)]),
        lost("a way into the kernel's memory", libc::SYS_userfaultfd, vec![number(0)]),
        lost("pages of a pipe", libc::SYS_vmsplice, on(&[0, 0, 0])),
        // Landlock protects the links of other processes, and only these.
        SystemCall {
            what: "where another process is",
            call: libc::SYS_readlinkat,
            words: vec![number(AT_FDCWD), Text("/proc/1/cwd".into()), Bytes(vec![0; 256]), number(256)],
            hardened: -EACCES,
            is_had_otherwise: false,
        },
    ]
}

/// `F_SETSIG`, which the crate does not have for this system.
const F_SETSIG: i32 = 10;
/// `FIOASYNC` in the same way.
const FIOASYNC: i32 = 0x5452;
/// `SO_PEERPIDFD`, which is new.
const SO_PEERPIDFD: i32 = 77;

/// An address of IPv4 on this machine.
fn loopback(port: u16) -> Vec<u8> {
    let family = u16::try_from(libc::AF_INET).expect("a small number").to_ne_bytes();
    [&family[..], &port.to_be_bytes(), &[127, 0, 0, 1], &[0; 8]].concat()
}

/// What `sendto` takes, with an address. It is of a socket that takes none, but only the kernel would say so.
fn datagram(socket: i32, flags: i32) -> Vec<Word> {
    let (text, address) = (Bytes(b"GET /stolen \r\n".to_vec()), Bytes(loopback(9)));
    vec![number(socket), text, number(14), number(flags), address, number(16)]
}

fn with_flags(socket: i32, flags: i32) -> Vec<Word> {
    vec![number(socket), Bytes(vec![b'x'; 8]), number(8), number(flags), number(0), number(0)]
}

fn option(socket: i32, level: i32, name: i32) -> Vec<Word> {
    vec![number(socket), number(level), number(name), Bytes(vec![1, 0, 0, 0]), number(4)]
}

fn asked(socket: i32, name: i32) -> Vec<Word> {
    vec![number(socket), number(libc::SOL_SOCKET), number(name), Bytes(vec![0; 8]), Bytes(vec![4, 0, 0, 0])]
}

fn futex(operation: i32) -> Vec<Word> {
    vec![Bytes(vec![0; 8]), number(operation), number(0), number(0), Bytes(vec![0; 8]), number(0)]
}

/// The number of the descriptor that listens for clients.
#[track_caller]
fn listener(server: &TestServer) -> i32 {
    let found = listeners(server).into_iter().find(|(port, _)| *port == server.address().port());
    found.expect("it listens").1
}

/// A serving thread, stopped. `None`, with a message, where this system does not allow that.
#[track_caller]
fn captive(server: &TestServer) -> Option<Captive> {
    let worker = threads(server).into_iter().find(|(_, (name, _))| name == "worker").expect("it has a worker");
    let captive = Captive::take(worker.0);
    if captive.is_none() {
        fixture::skipped("a process that was taken over: this system lets no process stop another one");
    }
    captive
}

/// Makes a thread that serves ask for all of it.
fn ask(arguments: &[&str], expected: impl Fn(&SystemCall) -> Option<i32>) {
    let place = tree();
    let server = serve(Stack::Host, &place.path().join("www"), arguments);
    let listener = listener(&server);
    let Some(captive) = captive(&server) else { return };
    for row in rows(place.path(), listener) {
        let Some(expected) = expected(&row) else { continue };
        let result = captive.call(row.call, &row.words);
        let is_expected = if expected < 0 { result == i64::from(expected) } else { !(-4095..0).contains(&result) };
        assert!(is_expected, "{arguments:?}: {}: {result}", row.what);
    }
    drop(captive);
    assert_eq!(get(server.address(), "/sub/x").text(), "x", "it still serves");
}

/// The start of the memory for machine code that a compiler process writes.
#[track_caller]
fn code_region(server: &TestServer) -> i64 {
    let maps = fs::read_to_string(format!("/proc/{}/maps", server.id())).expect("the server runs");
    let line = maps.lines().find(|line| line.contains("memfd:glasshouse-components")).expect("it has the memory");
    assert!(line.contains(" r-xs "), "{line}");
    let (start, _) = line.split_once('-').expect("a range of addresses");
    i64::from_str_radix(start, 16).expect("an address")
}

/// Neither the mapping, nor a second one of the same pages, nor a descriptor of the file behind it.
#[test]
fn it_cannot_change_the_machine_code_of_components() {
    let place = tree();
    let component = place.path().join("handler.wasm");
    fs::copy(server::handler(server::Version::P3), &component).expect("a file can be copied");
    let name = component.to_str().expect("the path is UTF-8");
    let server = serve(Stack::Host, &place.path().join("www"), &["--threads", "1", "--handler", name]);
    // Another handler, whose code is in the memory.
    fs::copy(server::handler(server::Version::P2), &component).expect("a file can be copied");
    reload(&server, 1);
    assert!(!server.stderr().contains("not replaced"), "{}", server.stderr());
    let Some(captive) = captive(&server) else { return };
    let region = code_region(&server);
    let writable = [Number(4096), number(PROT_READ | PROT_WRITE)];
    let change = |address: i64| captive.call(libc::SYS_mprotect, &[&[Number(address)], &writable[..]].concat());
    assert_eq!(change(region), i64::from(-EACCES));
    let may_move = [Number(0), Number(4096), number(libc::MREMAP_MAYMOVE)];
    let second = captive.call(libc::SYS_mremap, &[&[Number(region)], &may_move[..]].concat());
    assert!(!(-4095..0).contains(&second), "the same pages at another address: {second}");
    assert_eq!(change(second), i64::from(-EACCES));
    // A privileged process opens the file behind a mapping.
    let end = region + (4 << 30);
    let path = format!("/proc/self/map_files/{region:x}-{end:x}");
    let file = captive.call(libc::SYS_openat, &[number(AT_FDCWD), Text(path), number(O_RDWR)]);
    if let Ok(file) = i32::try_from(file).map_err(|_| ())
        && file >= 0
    {
        let written = captive.call(libc::SYS_write, &[number(file), Bytes(vec![0; 8]), number(8)]);
        assert_eq!(written, i64::from(-libc::EPERM));
        let mapping = [number(0), number(4096), number(PROT_READ | PROT_WRITE), number(libc::MAP_SHARED), number(file)];
        assert_eq!(captive.call(libc::SYS_mmap, &mapping), i64::from(-libc::EPERM));
    }
    drop(captive);
    assert_eq!(get(server.address(), "/sub/x").text(), "x", "it still serves");
}

#[test]
fn it_reads_the_served_files_and_has_nothing_else() {
    ask(&["--threads", "1"], |row| Some(row.hardened));
}

#[test]
fn without_this_wall_it_would_have_all_of_it() {
    ask(&["--threads", "1", "--no-harden"], |row| row.is_had_otherwise.then_some(0));
}

/// A listener is an unconnected socket again once it is shut, and then a byte that is sent with an address connects it:
/// in the network that it was made in, which need not be that of the process.
fn dial(arguments: &[&str]) -> Option<TcpListener> {
    let place = tree();
    let sink = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    sink.set_nonblocking(true).expect("it can be asked");
    let port = sink.local_addr().expect("it has a port").port();
    let server = serve(Stack::Host, &place.path().join("www"), arguments);
    let listener = listener(&server);
    let captive = captive(&server)?;
    let mut words = datagram(listener, libc::MSG_FASTOPEN | libc::MSG_DONTWAIT);
    words[4] = Bytes(loopback(port));
    captive.call(libc::SYS_shutdown, &[number(listener), number(libc::SHUT_RD)]);
    captive.call(libc::SYS_sendto, &words);
    captive.call(libc::SYS_connect, &[number(listener), Bytes(loopback(port)), number(16)]);
    drop(captive);
    Some(sink)
}

#[test]
fn it_connects_nowhere() {
    let Some(sink) = dial(&["--threads", "1", "--require-harden"]) else { return };
    assert!(sink.accept().is_err(), "it connected");
    let Some(sink) = dial(&["--threads", "1", "--no-harden"]) else { return };
    clock::wait_for("a connection that nothing forbids", || sink.accept().ok());
}

/// The socket of the service manager is connected to the service manager only.
#[test]
fn it_sends_datagrams_to_the_manager_alone() {
    let place = tree();
    let [manager, other] = ["manager", "other"].map(|name| {
        let socket = UnixDatagram::bind(place.path().join(name)).expect("a socket can be made");
        socket.set_nonblocking(true).expect("it can be asked");
        socket
    });
    let address = |name: &str| {
        let family = u16::try_from(libc::AF_UNIX).expect("a small number").to_ne_bytes();
        [&family[..], place.path().join(name).as_os_str().as_encoded_bytes(), &[0]].concat()
    };
    let heard = |socket: &UnixDatagram| {
        let mut room = [0; 64];
        std::iter::from_fn(|| {
            socket.recv(&mut room).ok().map(|length| String::from_utf8_lossy(&room[..length]).into_owned())
        })
        .any(|text| text == "FORGED=1")
    };
    for (arguments, expected) in [(&["--require-harden"][..], false), (&["--no-harden"], true)] {
        let mut command = server::glasshouse();
        command.args(["0", "-b", "127.0.0.1", "--threads", "1", "-d"]).arg(place.path().join("www")).args(arguments);
        let server = TestServer::spawn({
            command.env("NOTIFY_SOCKET", place.path().join("manager"));
            command
        });
        // It has threads once it answers.
        assert_eq!(get(server.address(), "/hello.txt").head.status, 200);
        let Some(captive) = captive(&server) else { return };
        let sockets = fs::read_dir(format!("/proc/{}/fd", server.id())).expect("the server runs").flatten();
        for entry in sockets
            .filter(|entry| fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:")))
        {
            let number: i32 = entry.file_name().to_str().and_then(|text| text.parse().ok()).expect("a number");
            let to = address("other");
            let length = i32::try_from(to.len()).expect("a small number");
            let words = [number, 0, 8, 0].map(self::number);
            let [socket, _, count, flags] = words;
            let text = || Bytes(b"FORGED=1".to_vec());
            captive.call(
                libc::SYS_sendto,
                &[socket.clone(), text(), count.clone(), flags, Bytes(to), self::number(length)],
            );
        }
        drop(captive);
        assert_eq!(heard(&other), expected, "{arguments:?}");
        assert!(!heard(&manager), "it was not what was asked for");
    }
}
