//! The restrictions by Landlock and seccomp.

use super::calls;
use super::{ExtraCall, KeptRights};
use glasshouse_sandbox::ReadScope;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, LandlockStatus, PathBeneath, RestrictionStatus, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, make_bitflags,
};
use std::os::fd::AsFd as _;
use std::{fmt, thread};
use thiserror::Error;

/// The newest supported version of Landlock. An older kernel applies what it supports.
const NEWEST: ABI = ABI::V7;
/// What newer versions of Landlock restrict besides files.
const RESTRICTED_SINCE: &[(ABI, &str)] = &[(ABI::V4, "TCP"), (ABI::V6, "signals")];

/// The restrictions in force.
#[derive(Debug)]
pub(crate) struct Hardening {
    pub(crate) no_new_privs: bool,
    /// The version of Landlock in force.
    pub(crate) landlock: Result<ABI, HardenError>,
    pub(crate) seccomp: Result<(), HardenError>,
}

/// A restriction is not in force.
#[derive(Debug, Error)]
pub(crate) enum HardenError {
    #[error("disabled at boot")]
    LandlockDisabled,
    #[error("not supported by this kernel")]
    LandlockUnsupported,
    #[error(transparent)]
    Landlock(#[from] RulesetError),
    #[error(transparent)]
    Seccomp(#[from] seccompiler::Error),
    #[error(transparent)]
    Filter(#[from] seccompiler::BackendError),
    #[error("the probe failed")]
    Probe,
}

impl Hardening {
    /// Whether all restrictions are in force.
    pub(crate) fn is_complete(&self) -> bool {
        self.no_new_privs && self.landlock.is_ok() && self.seccomp.is_ok()
    }
}

impl fmt::Display for Hardening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no_new_privs {}, ", if self.no_new_privs { "on" } else { "off" })?;
        match &self.landlock {
            Ok(abi) => {
                write!(f, "landlock on (version {abi}: files")?;
                for (_, scope) in RESTRICTED_SINCE.iter().filter(|(since, _)| abi >= since) {
                    write!(f, ", {scope}")?;
                }
                f.write_str("), ")?;
            }
            Err(error) => write!(f, "landlock off ({error}), ")?,
        }
        match &self.seccomp {
            Ok(()) => f.write_str("seccomp on"),
            Err(error) => write!(f, "seccomp off ({error})"),
        }
    }
}

/// Restricts this thread, and the threads that it starts, to the kept rights.
pub(crate) fn apply(kept: &KeptRights<'_>) -> Hardening {
    // seccomp comes second, because it rejects the calls of Landlock.
    let files = restrict_files(kept);
    let remove = (!kept.sockets.is_empty()).then_some(ExtraCall::RemoveFile);
    let extra: Vec<_> = kept.extra.iter().copied().chain(remove).collect();
    let seccomp = restrict_calls(&extra);
    // Both require `no_new_privs`.
    let no_new_privs = files.as_ref().is_ok_and(|status| status.no_new_privs) || seccomp.is_ok();
    let landlock = files.map_err(HardenError::from).and_then(|status| landlock_version(&status));
    Hardening { no_new_privs, landlock, seccomp }
}

/// Tries [`apply`] in a thread that then ends.
pub(crate) fn probe() -> Hardening {
    thread::spawn(|| apply(&KeptRights::default())).join().unwrap_or(Hardening {
        no_new_privs: false,
        landlock: Err(HardenError::Probe),
        seccomp: Err(HardenError::Probe),
    })
}

/// Denies every right that Landlock controls, except the kept ones.
fn restrict_files(kept: &KeptRights<'_>) -> Result<RestrictionStatus, RulesetError> {
    let readable = kept.readable.iter().map(|scope| match scope {
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

fn landlock_version(status: &RestrictionStatus) -> Result<ABI, HardenError> {
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. } if status.ruleset != RulesetStatus::NotEnforced => {
            Ok(effective_abi.min(NEWEST))
        }
        LandlockStatus::NotEnabled => Err(HardenError::LandlockDisabled),
        _ => Err(HardenError::LandlockUnsupported),
    }
}

fn restrict_calls(extra: &[ExtraCall]) -> Result<(), HardenError> {
    Ok(seccompiler::apply_filter(&calls::filter(extra)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::io::ErrorKind;
    use std::net::TcpListener;
    use std::path::Path;
    use std::process::Command;

    /// The result of `act` in a thread that can only read below `src`, and in a thread that it starts.
    fn hardened<T: Send + 'static>(act: fn() -> T) -> [T; 2] {
        thread::spawn(move || {
            let source = File::open("src").unwrap();
            let state =
                apply(&KeptRights { readable: vec![ReadScope::Directory(source.as_fd())], ..KeptRights::default() });
            assert!(state.is_complete(), "the tests need a system with all restrictions: {state}");
            [act(), thread::spawn(act).join().unwrap()]
        })
        .join()
        .unwrap()
    }

    #[test]
    fn log_files_can_only_be_created_and_appended() {
        let (logs, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, beside) = (logs.path().join("log"), other.path().join("log"));
        fs::write(&path, "before").unwrap();
        let directory = File::open(logs.path()).unwrap();
        let found = thread::spawn({
            let (path, beside, new) = (path.clone(), beside, logs.path().join("new"));
            move || {
                let state = apply(&KeptRights { log: Some(directory.as_fd()), ..KeptRights::default() });
                assert!(state.is_complete(), "the tests need a system with all restrictions: {state}");
                let append = |path: &Path| File::options().append(true).create(true).open(path).map(drop);
                [
                    append(&path),
                    append(&new),
                    append(&beside),
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
    fn files_can_only_be_read_and_only_below_a_kept_directory() {
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
    fn files_can_be_readable_in_unreadable_directories() {
        let found = thread::spawn(|| {
            let source = File::open("src").unwrap();
            let state =
                apply(&KeptRights { readable: vec![ReadScope::Files(source.as_fd())], ..KeptRights::default() });
            assert!(state.is_complete(), "{state}");
            [fs::read("src/main.rs").map(drop), fs::read_dir("src").map(drop), fs::read("Cargo.toml").map(drop)]
                .map(|result| result.map_err(|error| error.kind()))
        });
        let refused = Err(ErrorKind::PermissionDenied);
        assert_eq!(found.join().unwrap(), [Ok(()), refused, refused]);
    }

    #[test]
    fn programs_and_sockets_are_rejected() {
        let found = hardened(|| {
            let sockets = TcpListener::bind("127.0.0.1:0").map(drop).map_err(|error| error.kind());
            let programs = Command::new("true").status().map(drop).map_err(|error| error.kind());
            let removed = fs::remove_file("src/main.rs").map_err(|error| error.kind());
            let made = fs::create_dir("src/new").map_err(|error| error.kind());
            [sockets, programs, removed, made]
        });
        // ENOSYS.
        let refused = [const { Err(ErrorKind::Unsupported) }; 4];
        assert_eq!(found, [refused, refused]);
    }

    #[test]
    fn the_state_is_printed() {
        const V1: &str = "no_new_privs on, landlock on (version 1: files), seccomp off (the probe failed)";
        const NONE: &str = "no_new_privs off, landlock off (disabled at boot), seccomp off (the probe failed)";
        let rows = [
            (true, Ok(ABI::V7), Ok(()), "no_new_privs on, landlock on (version 7: files, TCP, signals), seccomp on"),
            (true, Ok(ABI::V4), Ok(()), "no_new_privs on, landlock on (version 4: files, TCP), seccomp on"),
            (true, Ok(ABI::V1), Err(HardenError::Probe), V1),
            (false, Err(HardenError::LandlockDisabled), Err(HardenError::Probe), NONE),
        ];
        for (at, (no_new_privs, landlock, seccomp, expected)) in rows.into_iter().enumerate() {
            let state = Hardening { no_new_privs, landlock, seccomp };
            assert_eq!(state.to_string(), expected);
            assert_eq!(state.is_complete(), at < 2, "{state}");
        }
    }

    #[test]
    fn a_probe_does_not_restrict_the_process() {
        assert!(probe().is_complete());
        assert!(fs::read("Cargo.toml").is_ok() && TcpListener::bind("127.0.0.1:0").is_ok());
    }
}
