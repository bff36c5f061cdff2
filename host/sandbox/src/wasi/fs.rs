//! File system calls that both WASI versions share: resolve beneath an open directory, and record for replay.

use crate::beneath::{FileId, OpenOptions, Symlinks};
use crate::io_errors::is_fault;
use crate::preopen::Preopen;
use crate::replay::Step;
use crate::sandbox::State;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use std::fs::File;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{self, Descriptor, Dir, FsPerms, OpenMode};

/// What is asked of a path, given the types of one version of WASI: to Rust their flags differ, and nothing else does.
/// [`Errno`]s are those that the library refuses it with.
macro_rules! open_options {
    ($path_flags:expr, $open_flags:expr, $flags:expr) => {{
        let makes = OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let syncs = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        let only_directory = $open_flags.contains(OpenFlags::DIRECTORY);
        let links = $crate::wasi::fs::symlinks!($path_flags);
        if $flags.intersects(syncs) {
            Err(Errno::NOTSUP)
        } else if only_directory && $open_flags.intersects(makes | OpenFlags::EXCLUSIVE) {
            Err(Errno::INVAL)
        } else if $open_flags.intersects(makes) || $flags.contains(DescriptorFlags::WRITE) {
            Err(Errno::PERM)
        } else {
            Ok($crate::beneath::OpenOptions { links, only_directory })
        }
    }};
}

/// What becomes of a link at the end of a path, in the same way.
macro_rules! symlinks {
    ($path_flags:expr) => {
        match $path_flags.contains(PathFlags::SYMLINK_FOLLOW) {
            true => $crate::beneath::Symlinks::Follow,
            false => $crate::beneath::Symlinks::NoFollow,
        }
    };
}

pub(crate) use open_options;
pub(crate) use symlinks;

/// What an open file is.
pub fn stat_of(state: &mut State, descriptor: &Resource<Descriptor>) -> Result<Result<Stat, Errno>> {
    let file = match state.table.get(descriptor)? {
        Descriptor::File(file) => &file.file,
        Descriptor::Dir(directory) => &directory.dir,
    };
    let found = state.faults.note("look at", &**file, "", rustix::fs::fstat(file));
    // Nothing to write down: when the file is opened again it is looked at. It must still be what was opened.
    if let Some(recording) = &mut state.recording
        && found.ok().and_then(|stat| recording.opened(stat.into())).is_none()
    {
        recording.spoil();
    }
    Ok(found)
}

/// What a path leads to.
pub fn look_at(
    state: &mut State,
    descriptor: &Resource<Descriptor>,
    path: String,
    links: Symlinks,
) -> Result<Result<Stat, Errno>> {
    let found = beneath(state, descriptor, "look at", &path, |lent, at| lent.look(at, &path, links))?;
    match links {
        Symlinks::Follow => record(state, descriptor, |seen| Step::Look(path, seen), found),
        Symlinks::NoFollow => spoil_in(state),
    }
    Ok(found)
}

/// What a path leads to, opened.
pub fn open_in(
    state: &mut State,
    descriptor: &Resource<Descriptor>,
    path: String,
    how: OpenOptions,
) -> Result<Result<Descriptor, Errno>> {
    let opened = beneath(state, descriptor, "open", &path, |lent, at| lent.open_at(at, &path, how))?;
    let seen = opened.as_ref().map(|(_, stat)| *stat).map_err(|error| *error);
    record(state, descriptor, |seen| Step::Open(path, how, seen), seen);
    Ok(opened.map(|(file, stat)| {
        // As the library has it for what is read on the thread.
        let (file, perms, mode) = (File::from(file), FsPerms::ReadOnly, OpenMode::READ);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Descriptor::Dir(Dir::new(file, perms, mode, true)),
            _ => Descriptor::File(filesystem::File::new(file, perms, mode, true)),
        }
    }))
}

/// Tries something at a path beneath an open directory, and tells of it if it ends with a fault.
pub fn beneath<T>(
    state: &State,
    descriptor: &Resource<Descriptor>,
    call: &str,
    path: &str,
    attempt: impl FnOnce(&Preopen, &File) -> Result<T, Errno>,
) -> Result<Result<T, Errno>> {
    Ok(match state.table.get(descriptor)? {
        Descriptor::Dir(directory) => {
            state.faults.note(call, &*directory.dir, path, attempt(&state.lent, &directory.dir))
        }
        Descriptor::File(_) => Err(Errno::NOTDIR),
    })
}

/// Writes a step down. Paths are written down for the handle that instances are given, and for no other.
fn record(
    state: &mut State,
    descriptor: &Resource<Descriptor>,
    step: impl FnOnce(Result<FileId, Errno>) -> Step,
    seen: Result<Stat, Errno>,
) {
    if state.recording.is_none() {
        return;
    }
    let is_root =
        matches!(state.table.get(descriptor), Ok(Descriptor::Dir(directory)) if state.lent.is_root(&directory.dir));
    // A fault may be over by the next request, and is told to nobody again.
    let is_kept = is_root && !matches!(seen, Err(error) if is_fault(error));
    if let Some(recording) = &mut state.recording {
        match is_kept {
            true => drop(recording.push(step(seen.map(FileId::from)))),
            false => recording.spoil(),
        }
    }
}

pub fn spoil_in(state: &mut State) {
    if let Some(recording) = &mut state.recording {
        recording.spoil();
    }
}
