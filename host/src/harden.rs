//! The third wall: once the listeners are there, the process gives up what serving files does not need, for good.
//! Whoever came out of WebAssembly by a fault of its compiler would be in a process that opens nothing but the served
//! files, for reading, starts no other program, opens no connection and makes no machine code. It refuses to know what
//! is served.
//!
//! - `no_new_privs`: no program that it would start gets more rights than it has.
//! - Landlock: files are opened beneath the served directory, and those that are named, alone, for reading alone. Its
//!   rules are about files that are there; so that one may be replaced that is served by itself, files beside it can be
//!   opened as well, but not listed. No TCP port is bound or connected to, and no process outside gets a signal, as far
//!   as the kernel knows how to refuse that.
//! - seccomp: the system calls in [`calls`] and no others, and some of these with certain arguments alone.
//! - No core file is written and no debugger gets in: the memory holds keys. Limits stay as they are, as the call that
//!   would raise them is among those that are refused.
//! - What whoever started the process left open in it is closed ([`Inherited`]).
//!
//! All of it binds the thread that asks for it and the threads that it starts, so it comes before any other thread
//! there is. And nothing undoes it: what would be read again later must have been named here, as the time zone of the
//! log, the addresses of the machine and the handler are read once, before. Files that are to be read again, such as a
//! certificate, can be, if the directory that holds them is given to [`apply`]; so can another directory to serve. What
//! cannot be had again without a new process: another address to listen on, another handler, whose code would have to
//! become executable.

mod calls;
mod descriptors;
mod directories;

pub use descriptors::Inherited;
pub use directories::directories;
use glasshouse_sandbox::ReadScope;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, LandlockStatus, PathBeneath, RestrictionStatus, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, make_bitflags,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use std::os::fd::{AsFd, BorrowedFd};
use std::{fmt, io, thread};

/// The newest version of Landlock that this was written for. An older kernel does what it can.
const NEWEST: ABI = ABI::V7;
/// Versions of Landlock by what they began to refuse, beside files.
const SINCE: &[(ABI, &str)] = &[(ABI::V4, "TCP"), (ABI::V6, "signals")];

/// What the process has given up; a part that the system refused, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardening {
    pub no_new_privs: bool,
    /// The version of Landlock that is in force.
    pub landlock: Result<ABI, String>,
    pub seccomp: Result<(), String>,
}

impl Hardening {
    /// Whether the system refused nothing.
    pub fn is_complete(&self) -> bool {
        self.no_new_privs && self.landlock.is_ok() && self.seccomp.is_ok()
    }
}

impl fmt::Display for Hardening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no_new_privs {}, ", if self.no_new_privs { "on" } else { "off" })?;
        match &self.landlock {
            Ok(abi) => {
                write!(f, "landlock on (version {abi}: files")?;
                for (_, what) in SINCE.iter().filter(|(since, _)| abi >= since) {
                    write!(f, ", {what}")?;
                }
                f.write_str("), ")?;
            }
            Err(reason) => write!(f, "landlock off ({reason}), ")?,
        }
        match &self.seccomp {
            Ok(()) => f.write_str("seccomp on"),
            Err(reason) => write!(f, "seccomp off ({reason})"),
        }
    }
}

/// What is kept.
#[derive(Clone, Debug, Default)]
pub struct Kept<'a> {
    /// Beneath which directories files are read.
    pub readable: Vec<ReadScope<'a>>,
    /// Directories of Unix sockets, which are removed at the end. The system has no right to remove just one file.
    pub sockets: Vec<BorrowedFd<'a>>,
    /// The directory of the log, which is made anew when somebody has moved it. The system has no narrower right for a file that does
    /// not exist yet; nothing beneath it can be read, cut short or removed.
    pub log: Option<BorrowedFd<'a>>,
}

/// Gives up, in this thread and all that it starts from now on, everything but this.
pub fn apply(kept: &Kept<'_>) -> Hardening {
    // Landlock first: asking for it is among the calls that are given up next.
    let files = limit_files(kept).map_err(|error| error.to_string());
    let seccomp = limit_calls(!kept.sockets.is_empty()).map_err(|error| error.to_string());
    // Neither can be had without it.
    let no_new_privs = files.as_ref().is_ok_and(|status| status.no_new_privs) || seccomp.is_ok();
    Hardening { no_new_privs, landlock: files.and_then(|status| version(&status)), seccomp }
}

/// Keeps the memory of the process from core files, and from debuggers of its own user. Unlike the rest this holds for
/// the whole process.
///
/// # Errors The system refuses it.
pub fn forbid_dumps() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// What [`apply`] would come to here. It happens to a thread that ends at once, so that nothing is guessed.
pub fn probe() -> Hardening {
    thread::spawn(|| apply(&Kept::default())).join().unwrap_or_else(|_| {
        let refused = "it cannot be tried";
        Hardening { no_new_privs: false, landlock: Err(refused.into()), seccomp: Err(refused.into()) }
    })
}

/// Everything that Landlock knows how to refuse, is; but to read, to remove sockets and to add to the log.
fn limit_files(kept: &Kept<'_>) -> Result<RestrictionStatus, RulesetError> {
    let readable = kept.readable.iter().map(|ground| match ground {
        ReadScope::Directory(directory) => (directory, make_bitflags!(AccessFs::{ReadFile | ReadDir})),
        ReadScope::Files(directory) => (directory, AccessFs::ReadFile.into()),
    });
    let sockets = kept.sockets.iter().map(|directory| (directory, AccessFs::RemoveFile.into()));
    let log = kept.log.iter().map(|directory| (directory, make_bitflags!(AccessFs::{WriteFile | MakeReg})));
    let beneath = readable
        .chain(sockets)
        .chain(log)
        .map(|(directory, access)| Ok::<_, RulesetError>(PathBeneath::new(directory.as_fd(), access)));
    Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(beneath)?
        .restrict_self()
}

fn version(status: &RestrictionStatus) -> Result<ABI, String> {
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. } if status.ruleset != RulesetStatus::NotEnforced => {
            Ok(effective_abi.min(NEWEST))
        }
        LandlockStatus::NotEnabled => Err("switched off when the system was started".into()),
        _ => Err("this kernel has none".into()),
    }
}

fn limit_calls(removes: bool) -> Result<(), seccompiler::Error> {
    seccompiler::apply_filter(&calls::filter(removes)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::io::ErrorKind;
    use std::net::TcpListener;
    use std::path::Path;
    use std::process::Command;

    /// What `act` finds in a thread that has given up everything but to read beneath `src`, and in one that it starts.
    fn hardened<T: Send + 'static>(act: fn() -> T) -> [T; 2] {
        thread::spawn(move || {
            let source = File::open("src").unwrap();
            let state = apply(&Kept { readable: vec![ReadScope::Directory(source.as_fd())], ..Kept::default() });
            assert!(state.is_complete(), "a system to develop on has all of it: {state}");
            [act(), thread::spawn(act).join().unwrap()]
        })
        .join()
        .unwrap()
    }

    /// Beneath the directory of a log files are made and added to; none is read, cut short or removed.
    #[test]
    fn a_log_is_made_and_added_to_and_no_more() {
        let (logs, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, beside) = (logs.path().join("log"), other.path().join("log"));
        fs::write(&path, "before").unwrap();
        let directory = File::open(logs.path()).unwrap();
        let found = thread::spawn({
            let (path, beside, new) = (path.clone(), beside, logs.path().join("new"));
            move || {
                let state = apply(&Kept { log: Some(directory.as_fd()), ..Kept::default() });
                assert!(state.is_complete(), "a system to develop on has all of it: {state}");
                let add = |path: &Path| File::options().append(true).create(true).open(path).map(drop);
                [
                    add(&path),
                    add(&new),
                    add(&beside),
                    fs::read(&path).map(drop),
                    File::options().write(true).truncate(true).open(&path).map(drop),
                    fs::create_dir(path.with_file_name("directory")),
                ]
                .map(|result| result.is_ok())
            }
        });
        assert_eq!(found.join().unwrap(), [true, true, false, false, false, false]);
        assert_eq!(fs::read(path).unwrap(), b"before");
    }

    #[test]
    fn reading_beneath_is_all_that_is_left_of_files() {
        let found = hardened(|| {
            let kind = |result: std::io::Result<()>| result.map_err(|error| error.kind());
            [
                kind(fs::read("src/main.rs").map(drop)),
                kind(fs::read_dir("src/args").map(drop)),
                kind(fs::read("/etc/passwd").map(drop)),
                kind(fs::read("Cargo.toml").map(drop)),
                kind(fs::read("src/../Cargo.toml").map(drop)),
                kind(fs::read_dir("/").map(drop)),
                kind(File::options().write(true).open("src/main.rs").map(drop)),
                kind(File::options().append(true).create(true).open("src/new.rs").map(drop)),
            ]
        });
        let refused = || Err(ErrorKind::PermissionDenied);
        let expected = [Ok(()), Ok(()), refused(), refused(), refused(), refused(), refused(), refused()];
        assert_eq!(found, [expected, expected]);
    }

    #[test]
    fn files_may_be_readable_where_directories_are_not() {
        let found = thread::spawn(|| {
            let source = File::open("src").unwrap();
            let state = apply(&Kept { readable: vec![ReadScope::Files(source.as_fd())], ..Kept::default() });
            assert!(state.is_complete(), "{state}");
            [fs::read("src/main.rs").map(drop), fs::read_dir("src").map(drop), fs::read("Cargo.toml").map(drop)]
                .map(|result| result.map_err(|error| error.kind()))
        });
        let refused = Err(ErrorKind::PermissionDenied);
        assert_eq!(found.join().unwrap(), [Ok(()), refused, refused]);
    }

    #[test]
    fn no_program_is_started_and_no_socket_made() {
        let found = hardened(|| {
            let sockets = TcpListener::bind("127.0.0.1:0").map(drop).map_err(|error| error.kind());
            let programs = Command::new("true").status().map(drop).map_err(|error| error.kind());
            let removed = fs::remove_file("src/main.rs").map_err(|error| error.kind());
            let made = fs::create_dir("src/new").map_err(|error| error.kind());
            [sockets, programs, removed, made]
        });
        // As if the kernel did not have the calls.
        let refused = [const { Err(ErrorKind::Unsupported) }; 4];
        assert_eq!(found, [refused, refused]);
    }

    #[test]
    fn the_state_is_told() {
        let rows = [
            (true, Ok(ABI::V7), Ok(()), "no_new_privs on, landlock on (version 7: files, TCP, signals), seccomp on"),
            (true, Ok(ABI::V4), Ok(()), "no_new_privs on, landlock on (version 4: files, TCP), seccomp on"),
            (true, Ok(ABI::V1), Err("x".into()), "no_new_privs on, landlock on (version 1: files), seccomp off (x)"),
            (false, Err("y".into()), Err("x".into()), "no_new_privs off, landlock off (y), seccomp off (x)"),
        ];
        for (at, (no_new_privs, landlock, seccomp, expected)) in rows.into_iter().enumerate() {
            let state = Hardening { no_new_privs, landlock, seccomp };
            assert_eq!(state.to_string(), expected);
            assert_eq!(state.is_complete(), at < 2, "{state}");
        }
    }

    #[test]
    fn a_probe_leaves_the_process_as_it_is() {
        assert!(probe().is_complete());
        assert!(fs::read("Cargo.toml").is_ok() && TcpListener::bind("127.0.0.1:0").is_ok());
    }
}
