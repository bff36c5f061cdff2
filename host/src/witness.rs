//! Sees what a handler does to come to its answer, and writes it down for [`crate::replay`]. It refuses to know what an
//! answer is, and changes nothing: each call is the library's.
//!
//! A look that is written down is taken twice, before the handler's own and after it. Only if both agree was there one
//! state of things for the handler to see.

use crate::replay::{self, Look, Recording, Step};
use crate::sandbox::State;
use http::{HeaderName, HeaderValue};
use std::fs::File;
use std::sync::Arc;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types as p2;
use wasmtime_wasi::p3::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, ErrorCode, HostDescriptorWithStore, OpenFlags, PathFlags,
};
use wasmtime_wasi::p3::filesystem::FilesystemResult;
use wasmtime_wasi_http::p3::bindings::http::types::HostFields;
use wasmtime_wasi_http::{FieldMap, WasiHttpView};

/// Replaces the calls by which a handler learns something, each by itself with a witness.
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
    // Entries of directories are not written down: whoever reads any has an answer of its own each time.
    let mut files = linker.instance("wasi:filesystem/types@0.2.12")?;
    files.func_wrap_async("[method]descriptor.read-directory", |store, arguments| {
        Box::new(read_directory(store, arguments))
    })?;
    Ok(())
}

type Named = (Resource<Descriptor>, PathFlags, String);
type Opening = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);

async fn stat_at(
    accessor: &Accessor<State>,
    (descriptor, flags, path): Named,
) -> Result<(Result<DescriptorStat, ErrorCode>,)> {
    let witness = Witness::of(accessor, &descriptor, flags, &path);
    let files = accessor.with_getter::<WasiFilesystem>(<State as WasiFilesystemView>::filesystem);
    let found = <WasiFilesystem as HostDescriptorWithStore<State>>::stat_at(&files, descriptor, flags, path).await;
    witness.confirm(accessor, |path, seen| Some(Step::Look(path, seen)));
    told(found)
}

async fn open_at(
    accessor: &Accessor<State>,
    (descriptor, path_flags, path, open_flags, flags): Opening,
) -> Result<(Result<Resource<Descriptor>, ErrorCode>,)> {
    let witness = Witness::of(accessor, &descriptor, path_flags, &path);
    let files = accessor.with_getter::<WasiFilesystem>(<State as WasiFilesystemView>::filesystem);
    let opened = <WasiFilesystem as HostDescriptorWithStore<State>>::open_at(
        &files, descriptor, path_flags, path, open_flags, flags,
    );
    let opened = opened.await;
    let file = opened.as_ref().ok().and_then(|handle| file_of(accessor, handle));
    let is_plain = open_flags == OpenFlags::empty() && flags == DescriptorFlags::READ;
    witness.confirm(accessor, |path, seen| match (&opened, file) {
        (Ok(_), Some(file)) if is_plain && replay::identify(&*file) == seen => Some(Step::Open(path, seen)),
        (Err(_), _) if is_plain && seen.is_err() => Some(Step::Open(path, seen)),
        _ => None,
    });
    told(opened)
}

async fn stat(
    accessor: &Accessor<State>,
    (descriptor,): (Resource<Descriptor>,),
) -> Result<(Result<DescriptorStat, ErrorCode>,)> {
    let file = file_of(accessor, &descriptor);
    let files = accessor.with_getter::<WasiFilesystem>(<State as WasiFilesystemView>::filesystem);
    let found = <WasiFilesystem as HostDescriptorWithStore<State>>::stat(&files, descriptor).await;
    // Nothing to write down: when the file is opened again it is looked at. It must still be what was opened.
    let now = file.and_then(|file| replay::identify(&*file).ok());
    record(accessor, |recording| {
        if now.and_then(|now| recording.opened(now)).is_none() {
            recording.spoil();
        }
    });
    told(found)
}

fn fields_get(
    mut store: StoreContextMut<'_, State>,
    (fields, name): (Resource<FieldMap>, String),
) -> Result<(Vec<Vec<u8>>,)> {
    let values = HostFields::get(&mut store.data_mut().http(), fields, name.clone())?;
    let read =
        HeaderName::try_from(name).ok().zip(values.iter().map(|value| HeaderValue::from_bytes(value).ok()).collect());
    if let Some(recording) = &mut store.data_mut().recording {
        match read {
            Some((name, values)) => recording.push(Step::Field(name, values)),
            None => recording.spoil(),
        }
    }
    Ok((values,))
}

async fn read_directory(
    mut store: StoreContextMut<'_, State>,
    (descriptor,): (Resource<Descriptor>,),
) -> Result<(Result<Resource<p2::DirectoryEntryStream>, p2::ErrorCode>,)> {
    if let Some(recording) = &mut store.data_mut().recording {
        recording.spoil();
    }
    let mut files = store.data_mut().filesystem();
    match p2::HostDescriptor::read_directory(&mut files, descriptor).await {
        Ok(entries) => Ok((Ok(entries),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// A result in the form in which a handler is told it; what is no error of the call ends the handler.
fn told<T>(result: FilesystemResult<T>) -> Result<(Result<T, ErrorCode>,)> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

fn record(accessor: &Accessor<State>, write: impl FnOnce(&mut Recording)) {
    accessor.with(|mut access| {
        if let Some(recording) = &mut access.data_mut().recording {
            write(recording);
        }
    });
}

/// The open file that a handle stands for, if it is one and somebody is interested.
fn file_of(accessor: &Accessor<State>, handle: &Resource<Descriptor>) -> Option<Arc<File>> {
    accessor.with(|mut access| {
        let state = access.data_mut();
        state.recording.as_ref()?;
        match state.table.get(handle) {
            Ok(Descriptor::File(file)) => Some(Arc::clone(&file.file)),
            _ => None,
        }
    })
}

/// Somebody who looks at a path while the handler does.
enum Witness {
    /// Nothing is being recorded.
    Absent,
    /// The call is of a kind that is not repeated.
    Blind,
    Present {
        directory: Arc<File>,
        path: String,
        before: Look,
    },
}

impl Witness {
    fn of(accessor: &Accessor<State>, descriptor: &Resource<Descriptor>, flags: PathFlags, path: &str) -> Witness {
        let directory = accessor.with(|mut access| {
            let state = access.data_mut();
            state.recording.as_ref()?;
            match state.table.get(descriptor) {
                // Paths are written down for the directory that is served, and for no other.
                Ok(Descriptor::Dir(directory)) if state.is_root(&directory.dir) => Some(Ok(Arc::clone(&directory.dir))),
                _ => Some(Err(())),
            }
        });
        match directory {
            None => Witness::Absent,
            Some(Ok(directory)) if flags == PathFlags::SYMLINK_FOLLOW => {
                let before = replay::look(&directory, path);
                Witness::Present { directory, path: path.to_owned(), before }
            }
            Some(_) => Witness::Blind,
        }
    }

    /// Writes down what was seen, if it is what is still to be seen; `step` says how, or that it cannot be said.
    fn confirm(self, accessor: &Accessor<State>, step: impl FnOnce(String, Look) -> Option<Step>) {
        let step = match self {
            Witness::Absent => return,
            Witness::Blind => None,
            Witness::Present { directory, path, before } => {
                let is_still = replay::look(&directory, &path) == before;
                if is_still { step(path, before) } else { None }
            }
        };
        record(accessor, |recording| match step {
            Some(step) => recording.push(step),
            None => recording.spoil(),
        });
    }
}
