//! The calls by which a handler learns something: answered by a look of our own that never waits, and written down for
//! [`crate::replay`]. It refuses to know what an answer is, and grants nothing that the library would not.
//!
//! Only where the system cannot walk beneath a directory at once the library does it, step by step; what comes of that is not
//! given again.

mod p2;

use crate::faults::{self, is_fault};
use crate::lent::Lent;
use crate::look::{How, Identity, Links};
use crate::replay::Step;
use crate::sandbox::State;
use http::{HeaderName, HeaderValue};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use std::fs::File;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Accessor, Component, Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{self, Descriptor, Dir, FsPerms, OpenMode, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p3::bindings::clocks::system_clock::Instant;
use wasmtime_wasi::p3::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, HostDescriptorWithStore, OpenFlags, PathFlags,
};
use wasmtime_wasi::p3::filesystem::FilesystemResult;
use wasmtime_wasi_http::p3::bindings::http::types::HostFields;
use wasmtime_wasi_http::{FieldMap, WasiHttpView};

/// The functions by which a handler learns nothing, or nothing that goes unseen here, by their interface; `*` for all of
/// it. Whatever else it imports may tell it something that a recording would miss.
pub const SEEN: &[(&str, &[&str])] = &[
    ("wasi:cli/environment", &["*"]),
    ("wasi:cli/exit", &["*"]),
    ("wasi:cli/stderr", &["*"]),
    ("wasi:cli/stdin", &["*"]),
    ("wasi:cli/stdout", &["*"]),
    ("wasi:cli/terminal-input", &["*"]),
    ("wasi:cli/terminal-output", &["*"]),
    ("wasi:cli/terminal-stderr", &["*"]),
    ("wasi:cli/terminal-stdin", &["*"]),
    ("wasi:cli/terminal-stdout", &["*"]),
    ("wasi:filesystem/preopens", &["*"]),
    (
        "wasi:filesystem/types",
        &[
            "[method]descriptor.open-at",
            "[method]descriptor.read-directory",
            "[method]descriptor.read-via-stream",
            "[method]descriptor.stat",
            "[method]descriptor.stat-at",
            "[method]directory-entry-stream.read-directory-entry",
        ],
    ),
    (
        "wasi:http/types",
        &[
            "[constructor]fields",
            "[method]fields.append",
            "[method]fields.get",
            "[method]fields.set",
            "[method]request.get-headers",
            "[method]request.get-method",
            "[method]request.get-path-with-query",
            "[method]response.set-status-code",
            "[static]fields.from-list",
            "[static]response.new",
        ],
    ),
    ("wasi:io/error", &["*"]),
    ("wasi:io/poll", &["*"]),
    ("wasi:io/streams", &["*"]),
];

/// The first function that a handler imports and that could tell it something unseen.
pub fn unseen(component: &Component) -> Option<String> {
    let engine = component.engine();
    component.component_type().imports(engine).find_map(|(interface, import)| {
        let name = interface.split('@').next().unwrap_or_default();
        let seen = SEEN.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, functions)| functions);
        let ComponentItem::ComponentInstance(imported) = import.ty else { return Some(interface.to_owned()) };
        let unseen = imported.exports(engine).find_map(|(function, item)| {
            let is_function = matches!(item.ty, ComponentItem::ComponentFunc(_));
            (is_function && seen != ["*"] && !seen.contains(&function)).then(|| function.to_owned())
        });
        unseen.map(|function| format!("{function} of {interface}"))
    })
}

/// Replaces the calls by which a handler learns something.
pub fn shadow(linker: &mut Linker<State>) -> Result<()> {
    let mut files = linker.instance("wasi:filesystem/types@0.3.0")?;
    files.func_wrap_concurrent("[method]descriptor.stat-at", |accessor, arguments| {
        Box::pin(stat_at(accessor, arguments))
    })?;
    files.func_wrap_concurrent("[method]descriptor.open-at", |accessor, arguments| {
        Box::pin(open_at(accessor, arguments))
    })?;
    files.func_wrap_concurrent("[method]descriptor.stat", |accessor, arguments| Box::pin(stat(accessor, arguments)))?;
    linker.instance("wasi:http/types@0.3.0")?.func_wrap("[method]fields.get", fields_get)?;
    p2::shadow(linker)
}

/// What is asked of a path, given the types of one version of WASI: to Rust their flags differ, and nothing else does.
/// [`Errno`]s are those that the library refuses it with.
macro_rules! asked {
    ($path_flags:expr, $open_flags:expr, $flags:expr) => {{
        let makes = OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let syncs = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        let only_directory = $open_flags.contains(OpenFlags::DIRECTORY);
        let links = $crate::witness::links!($path_flags);
        if $flags.intersects(syncs) {
            Err(Errno::NOTSUP)
        } else if only_directory && $open_flags.intersects(makes | OpenFlags::EXCLUSIVE) {
            Err(Errno::INVAL)
        } else if $open_flags.intersects(makes) || $flags.contains(DescriptorFlags::WRITE) {
            Err(Errno::PERM)
        } else {
            Ok($crate::look::How { links, only_directory })
        }
    }};
}

/// What becomes of a link at the end of a path, in the same way.
macro_rules! links {
    ($path_flags:expr) => {
        match $path_flags.contains(PathFlags::SYMLINK_FOLLOW) {
            true => $crate::look::Links::AreFollowed,
            false => $crate::look::Links::AreTold,
        }
    };
}

use {asked, links};

type Named = (Resource<Descriptor>, PathFlags, String);
type Opening = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);
type Told<T> = Result<(Result<T, ErrorCode>,)>;

async fn stat_at(accessor: &Accessor<State>, (descriptor, flags, path): Named) -> Told<DescriptorStat> {
    if accessor.with(|mut access| access.data_mut().can_walk) {
        let looked = accessor.with(|mut access| look_at(access.data_mut(), &descriptor, path, links!(flags)))?;
        return Ok((looked.map(describe).map_err(error_code),));
    }
    spoil(accessor);
    let files = accessor.with_getter::<WasiFilesystem>(<State as WasiFilesystemView>::filesystem);
    told(<WasiFilesystem as HostDescriptorWithStore<State>>::stat_at(&files, descriptor, flags, path).await)
}

async fn open_at(
    accessor: &Accessor<State>,
    (descriptor, path_flags, path, open_flags, flags): Opening,
) -> Told<Resource<Descriptor>> {
    let how = match asked!(path_flags, open_flags, flags) {
        Ok(how) => how,
        Err(refused) => return Ok((Err(error_code(refused)),)),
    };
    if accessor.with(|mut access| access.data_mut().can_walk) {
        return accessor.with(|mut access| {
            let opened = open_in(access.data_mut(), &descriptor, path, how)?;
            let opened = opened.map(|opened| access.data_mut().table.push(opened)).map_err(error_code);
            Ok((opened.map_or_else(|error| Ok(Err(error)), |pushed| pushed.map(Ok))?,))
        });
    }
    // The library waits for what it opens, so it is shown nothing that could keep it waiting.
    let found = stat_at(accessor, (Resource::new_borrow(descriptor.rep()), path_flags, path.clone())).await?.0;
    match found.map(|found| found.type_) {
        Ok(DescriptorType::RegularFile | DescriptorType::Directory) => {}
        Ok(_) => return Ok((Err(ErrorCode::NotPermitted),)),
        Err(error) => return Ok((Err(error),)),
    }
    let files = accessor.with_getter::<WasiFilesystem>(<State as WasiFilesystemView>::filesystem);
    let opened = <WasiFilesystem as HostDescriptorWithStore<State>>::open_at(
        &files, descriptor, path_flags, path, open_flags, flags,
    );
    told(opened.await)
}

async fn stat(accessor: &Accessor<State>, (descriptor,): (Resource<Descriptor>,)) -> Told<DescriptorStat> {
    let found = accessor.with(|mut access| stat_of(access.data_mut(), &descriptor))?;
    Ok((found.map(describe).map_err(error_code),))
}

/// What an open file is.
fn stat_of(state: &mut State, descriptor: &Resource<Descriptor>) -> Result<Result<Stat, Errno>> {
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
fn look_at(
    state: &mut State,
    descriptor: &Resource<Descriptor>,
    path: String,
    links: Links,
) -> Result<Result<Stat, Errno>> {
    let found = beneath(state, descriptor, "look at", &path, |lent, at| lent.look(at, &path, links))?;
    match links {
        Links::AreFollowed => record(state, descriptor, |seen| Step::Look(path, seen), found),
        Links::AreTold => spoil_in(state),
    }
    Ok(found)
}

/// What a path leads to, opened.
fn open_in(
    state: &mut State,
    descriptor: &Resource<Descriptor>,
    path: String,
    how: How,
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
fn beneath<T>(
    state: &State,
    descriptor: &Resource<Descriptor>,
    call: &str,
    path: &str,
    attempt: impl FnOnce(&Lent, &File) -> Result<T, Errno>,
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
    step: impl FnOnce(Result<Identity, Errno>) -> Step,
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
            true => drop(recording.push(step(seen.map(Identity::from)))),
            false => recording.spoil(),
        }
    }
}

fn fields_get(
    mut store: StoreContextMut<'_, State>,
    (fields, name): (Resource<FieldMap>, String),
) -> Result<(Vec<Vec<u8>>,)> {
    let key = store.data().recording.as_ref().map(|_| HeaderName::try_from(&name));
    let values = HostFields::get(&mut store.data_mut().http(), fields, name)?;
    if let Some(recording) = &mut store.data_mut().recording {
        let read: Option<Vec<_>> = values.iter().map(|value| HeaderValue::from_bytes(value).ok()).collect();
        match key.and_then(Result::ok).zip(read) {
            Some((name, values)) => drop(recording.push(Step::Field(name, values))),
            None => recording.spoil(),
        }
    }
    Ok((values,))
}

/// A result in the form in which a handler is told it; what is no error of the call ends the handler.
fn told<T>(result: FilesystemResult<T>) -> Told<T> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

fn spoil(accessor: &Accessor<State>) {
    accessor.with(|mut access| spoil_in(access.data_mut()));
}

fn spoil_in(state: &mut State) {
    if let Some(recording) = &mut state.recording {
        recording.spoil();
    }
}

/// What a handler is told of an entry. When it was last read is left out: no answer may depend on that.
fn describe(stat: Stat) -> DescriptorStat {
    let at = |seconds: i64, nanoseconds: u64| {
        let nanoseconds = u32::try_from(nanoseconds).unwrap_or(0);
        Some(Instant { seconds, nanoseconds })
    };
    DescriptorStat {
        type_: match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => DescriptorType::RegularFile,
            FileType::Directory => DescriptorType::Directory,
            FileType::Symlink => DescriptorType::SymbolicLink,
            FileType::BlockDevice => DescriptorType::BlockDevice,
            FileType::CharacterDevice => DescriptorType::CharacterDevice,
            FileType::Fifo => DescriptorType::Fifo,
            FileType::Socket => DescriptorType::Socket,
            FileType::Unknown => DescriptorType::Other(None),
        },
        link_count: stat.st_nlink,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        data_access_timestamp: None,
        data_modification_timestamp: at(stat.st_mtime, stat.st_mtime_nsec),
        status_change_timestamp: at(stat.st_ctime, stat.st_ctime_nsec),
    }
}

/// The library's word for an error.
fn error_code(error: Errno) -> ErrorCode {
    faults::told(error).into()
}
