//! Misdeeds that need no interface of WASI, and the names that the others try, for hostile handlers of both versions.

use std::hint::black_box;
use std::io::{self, Write};
use std::process;

/// A misdeed as a request asks for it: `/NAME` or `/NAME?COUNT`, wherever the tree is.
#[derive(Clone, Copy, Debug)]
pub struct Misdeed<'a> {
    pub name: &'a str,
    count: Option<usize>,
}

impl<'a> Misdeed<'a> {
    pub fn read(path_with_query: &'a str) -> Misdeed<'a> {
        let (path, query) = path_with_query.split_once('?').unwrap_or((path_with_query, ""));
        let name = path.rfind('/').and_then(|last| path.get(last..)).unwrap_or(path);
        Misdeed { name, count: query.parse().ok() }
    }

    /// How often it is done, or with how much.
    pub fn count(&self, otherwise: usize) -> usize {
        self.count.unwrap_or(otherwise)
    }
}

/// Does what needs no more than a processor and memory; returns where the request asks for something else.
pub fn misbehave(misdeed: &Misdeed) {
    match misdeed.name {
        // Computes and never ends.
        "/loop" => compute_for_ever(),
        // Takes memory until there is none.
        "/allocate" => allocate(),
        // Calls itself until the stack is exhausted.
        "/recurse" => drop(black_box(deeper(1))),
        // Does what no program may do.
        "/trap" => trap(),
        // Panics with a message that looks like lines of another program.
        "/panic" => panic!("{FORGED}"),
        // Ends the program that it believes to be.
        "/exit" => process::exit(0),
        // Fills standard error: so many MiB.
        "/stderr" => talk(misdeed.count(1024)),
        _ => {}
    }
}

/// Code that is never done.
pub fn compute_for_ever() -> ! {
    let mut number = 0u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

#[cfg(target_arch = "wasm32")]
pub fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

/// Elsewhere there is no such instruction; it is never run there.
#[cfg(not(target_arch = "wasm32"))]
pub fn trap() -> ! {
    process::abort()
}

fn allocate() -> ! {
    let mut taken = Vec::new();
    loop {
        taken.push(black_box(vec![1u8; 1 << 20]));
    }
}

#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let next = black_box(deeper as fn(u64) -> u64);
    next(depth.wrapping_add(1)).wrapping_mul(3) ^ depth
}

/// Lines that could pass for those of another program, and control sequences.
pub const FORGED: &str =
    "forged\n127.0.0.1 - - [01/Jan/2026 00:00:00] \"GET /forged HTTP/1.1\" 200 0\nglasshouse: forged\n\x1b[2J\r";

fn talk(mebibytes: usize) {
    let block = FORGED.repeat((1 << 20) / FORGED.len());
    for _ in 0..mebibytes {
        // The reader may be gone.
        let _ = io::stderr().write_all(block.as_bytes());
    }
}

/// A line of an answer for something that was tried. Errors are what is hoped for.
pub fn outcome<T, E: std::fmt::Debug>(what: &str, tried: &Result<T, E>) -> String {
    match tried {
        Ok(_) => format!("DONE: {what}\n"),
        Err(error) => format!("refused: {what}: {error:?}\n"),
    }
}

/// A line of an answer for content that was read.
pub fn got(what: &str, content: &[u8]) -> String {
    format!("GOT: {what}: {}\n", String::from_utf8_lossy(content).escape_debug())
}

/// The environment as an answer, a line for each of its parts.
pub fn environment(variables: &[(String, String)], arguments: &[String], directory: Option<String>) -> String {
    let variables = variables.iter().map(|(name, value)| format!("variable: {name}={value}\n"));
    let arguments = arguments.iter().map(|argument| format!("argument: {argument}\n"));
    variables.chain(arguments).chain(directory.map(|directory| format!("directory: {directory}\n"))).collect()
}

/// Paths that may lead out of a directory: to a file that every machine has, and to `secret.txt` beside the directory.
/// The first one does not, and shows that paths can be opened at all.
pub fn ways_out() -> Vec<String> {
    const BEFORE: &[&str] = &[
        "",
        "/",
        "//",
        "./",
        "/./",
        ".//",
        "../",
        "./../",
        "..//",
        "/../",
        "//../",
        "sub/../../",
        "sub//..//..//",
        "./sub/./../.././",
        "none/../../",
        "good.txt/../../",
        "to-root/",
        "to-root/../",
        "to-root//",
        "./to-root/",
        "sub/../to-root/",
        "to-up/",
        "to-up/../",
        "to-up//..//",
        "\\",
        "..\\",
        "..\\..\\",
        "%2e%2e/",
        "..%2f",
        "%2f",
        "..;/",
        ".. /",
        "..\0/",
        "\0/",
        "file:///",
        "C:/",
        // In two pieces, because the whole names a home directory on some machines.
        concat!("/proc/self/root", "/"),
        "/proc/self/cwd/",
        concat!("proc/self/root", "/"),
        "/dev/fd/3/",
        "/proc/self/fd/3/",
    ];
    const FILES: &[&str] = &[
        "etc/passwd",
        "secret.txt",
        "to-etc/passwd",
        "to-passwd",
        "to-secret",
        "to-secret-directly",
        "to-etc-slash/passwd",
    ];
    const BEHIND: &[&str] = &["", "/", "//.", "/../passwd", "\0"];
    let up = (1..=12).map(|levels| "../".repeat(levels));
    let before: Vec<String> = BEFORE.iter().map(|&before| before.to_owned()).chain(up).collect();
    let out = before.iter().flat_map(|before| {
        FILES.iter().flat_map(move |file| BEHIND.iter().map(move |behind| format!("{before}{file}{behind}")))
    });
    ["good.txt".to_owned()].into_iter().chain(out).collect()
}

/// What may be opened as a directory, to see what is in it.
pub const PLACES: &[&str] =
    &["", ".", "./", "./.", "/", "..", "../", "good.txt", "good.txt/", "good.txt/..", "sub", "to-up"];

/// What may be written to: there, not there, elsewhere, and by a link.
pub const TARGETS: &[&str] = &[
    "good.txt",
    "./good.txt",
    "sub/file.txt",
    "made.txt",
    "sub/made.txt",
    "../made.txt",
    "/made.txt",
    "../secret.txt",
    "to-good",
    "to-secret",
    "to-secret-directly",
    "to-up/made.txt",
    "to-nothing",
    "sub",
    "sub/",
    ".",
    "..",
    "/",
    "",
];

/// Fields that no answer may have, or that would make two of one.
pub const BAD_FIELDS: &[(&str, &[u8])] = &[
    ("", b"x"),
    ("a b", b"x"),
    ("a:b", b"x"),
    ("x\r\nx-injected", b"1"),
    ("x\n", b"x"),
    ("\u{e9}", b"x"),
    ("x-carriage-return", b"a\rx-injected: 1"),
    ("x-line-feed", b"a\nx-injected: 1"),
    ("x-both", b"a\r\nx-injected: 1"),
    ("x-answer", b"a\r\n\r\nHTTP/1.1 200 OK\r\nx-injected: 1\r\n\r\n"),
    ("x-nul", b"a\0b"),
    ("connection", b"x-injected"),
    ("keep-alive", b"timeout=1000000"),
    ("proxy-connection", b"keep-alive"),
    ("transfer-encoding", b"chunked"),
    ("transfer-encoding", b"gzip"),
    ("upgrade", b"h2c"),
    ("host", b"elsewhere"),
    ("http2-settings", b"x"),
];
