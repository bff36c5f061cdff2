//! File system functions that both WASI versions share: resolve a path beneath an open directory, and record the result
//! for replay.

use crate::beneath::{FileId, OpenOptions, Symlinks};
use crate::errno::is_fault;
use crate::preopen::Preopen;
use crate::replay::Step;
use crate::state::InstanceState;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use std::fs::File;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{self, Descriptor, Dir, FsPerms, OpenMode};

/// Converts the flags of `open-at` to [`OpenOptions`]. Fails with the errors of wasmtime-wasi for flags that would
/// write.
///
/// A macro, because the flag types of the two WASI versions have the same names and methods, but no common trait. The
/// caller imports `OpenFlags`, `DescriptorFlags` and `PathFlags` of its version.
macro_rules! open_options {
    ($path_flags:expr, $open_flags:expr, $flags:expr) => {{
        let modifies = OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let syncs = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        let only_directory = $open_flags.contains(OpenFlags::DIRECTORY);
        let symlinks = $crate::wasi::fs::symlinks!($path_flags);
        if $flags.intersects(syncs) {
            Err(Errno::NOTSUP)
        } else if only_directory && $open_flags.intersects(modifies | OpenFlags::EXCLUSIVE) {
            Err(Errno::INVAL)
        } else if $open_flags.intersects(modifies) || $flags.contains(DescriptorFlags::WRITE) {
            Err(Errno::PERM)
        } else {
            Ok($crate::beneath::OpenOptions { symlinks, only_directory })
        }
    }};
}

/// Converts the path flags of either WASI version to [`Symlinks`]. A macro for the same reason as `open_options`.
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

/// `descriptor.stat`: returns the metadata of an open file or directory. The first call returns those of its opening,
/// which need no system call.
pub(crate) fn stat(state: &mut InstanceState, descriptor: &Resource<Descriptor>) -> Result<Result<Stat, Errno>> {
    let file = match state.table.get(descriptor)? {
        Descriptor::File(file) => &file.file,
        Descriptor::Dir(directory) => &directory.dir,
    };
    let result = match state.opened.take_stat(descriptor.rep()) {
        Some(stat) => Ok(stat),
        None => state.files.reporter.check("stat", file, "", rustix::fs::fstat(file)),
    };
    // The step that opened the file has recorded its metadata, unless the file has changed since.
    if let Some(recording) = &mut state.recording
        && result.ok().and_then(|stat| recording.opened(stat.into())).is_none()
    {
        recording.mark_unreplayable();
    }
    Ok(result)
}

/// `descriptor.stat-at`: returns the metadata at a path. A recording has the path, or the entry of a directory that the
/// handler has opened.
pub(crate) fn stat_at(
    state: &mut InstanceState,
    descriptor: &Resource<Descriptor>,
    path: String,
    symlinks: Symlinks,
) -> Result<Result<Stat, Errno>> {
    let result = in_directory(state, descriptor, "stat", &path, |preopen, at| preopen.stat_at(at, &path, symlinks))?;
    let opened = match is_root(state, descriptor) {
        true => None,
        false => state.recording.as_ref().and_then(|recording| recording.directory(descriptor.rep())),
    };
    match opened {
        None => record(state, descriptor, |result| Step::Stat(path.into(), symlinks, result), result),
        Some(_) if matches!(result, Err(error) if is_fault(error)) => state.mark_unreplayable(),
        Some(opened) => {
            if let Some(recording) = &mut state.recording {
                recording.push(Step::StatEntry(opened, path.into(), symlinks, result.map(FileId::from)));
            }
        }
    }
    Ok(result)
}

/// `descriptor.open-at`: opens a path for reading.
pub(crate) fn open_at(
    state: &mut InstanceState,
    descriptor: &Resource<Descriptor>,
    path: String,
    options: OpenOptions,
) -> Result<Result<Resource<Descriptor>, Errno>> {
    let opened = in_directory(state, descriptor, "open", &path, |preopen, at| preopen.open_at(at, &path, options))?;
    let stat = opened.as_ref().map(|(_, stat)| *stat).map_err(|error| *error);
    record(state, descriptor, |result| Step::Open(path.into(), options, result), stat);
    let (file, stat) = match opened {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(error)),
    };
    // wasmtime-wasi then reads on the calling thread.
    let (file, perms, mode) = (File::from(file), FsPerms::ReadOnly, OpenMode::READ);
    let opened = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Descriptor::Dir(Dir::new(file, perms, mode, true)),
        _ => Descriptor::File(filesystem::File::new(file, perms, mode, true)),
    };
    let opened = state.table.push(opened)?;
    let is_root = is_root(state, descriptor);
    state.opened.push(opened.rep(), stat, is_root);
    if let Some(recording) = &mut state.recording {
        recording.set_directory_handle(opened.rep());
    }
    Ok(Ok(opened))
}

/// Counts a descriptor that wasmtime-wasi has opened.
pub(crate) fn count_opened(
    state: &mut InstanceState,
    directory: &Resource<Descriptor>,
    opened: &Resource<Descriptor>,
) -> Result<()> {
    let stat = match state.table.get(opened)? {
        Descriptor::File(file) => rustix::fs::fstat(&file.file),
        Descriptor::Dir(directory) => rustix::fs::fstat(&directory.dir),
    };
    let is_root = is_root(state, directory);
    state.opened.push(opened.rep(), stat?, is_root);
    Ok(())
}

/// Whether a descriptor is the preopen.
fn is_root(state: &InstanceState, descriptor: &Resource<Descriptor>) -> bool {
    matches!(
        state.table.get(descriptor),
        Ok(Descriptor::Dir(directory)) if state.files.preopen.is_root(&directory.dir)
    )
}

/// Calls `operation` with the preopen and an open directory. Logs faults.
pub(crate) fn in_directory<T>(
    state: &InstanceState,
    descriptor: &Resource<Descriptor>,
    action: &str,
    path: &str,
    operation: impl FnOnce(&Preopen, &File) -> Result<T, Errno>,
) -> Result<Result<T, Errno>> {
    Ok(match state.table.get(descriptor)? {
        Descriptor::Dir(directory) => {
            let result = operation(&state.files.preopen, &directory.dir);
            state.files.reporter.check(action, &directory.dir, path, result)
        }
        Descriptor::File(_) => Err(Errno::NOTDIR),
    })
}

/// Records a step. Only paths beneath the preopen are recorded, because a replay has no other handle.
fn record(
    state: &mut InstanceState,
    descriptor: &Resource<Descriptor>,
    step: impl FnOnce(Result<FileId, Errno>) -> Step,
    result: Result<Stat, Errno>,
) {
    if state.recording.is_none() {
        return;
    }
    let is_root = is_root(state, descriptor);
    // A fault may not happen again.
    let is_repeatable = is_root && !matches!(result, Err(error) if is_fault(error));
    if let Some(recording) = &mut state.recording {
        match is_repeatable {
            true => drop(recording.push(step(result.map(FileId::from)))),
            false => recording.mark_unreplayable(),
        }
    }
}
