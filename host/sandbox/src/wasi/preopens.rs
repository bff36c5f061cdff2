//! `get-directories` of both WASI versions: every instance gets the one preopen, or none.

use crate::override_import::override_import;
use crate::state::InstanceState;
use crate::wasi_version::WasiVersion;
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::Descriptor;

/// Replaces `get-directories`.
pub(crate) fn override_imports(linker: &mut Linker<InstanceState>) -> Result<()> {
    for version in [WasiVersion::P2, WasiVersion::P3] {
        override_import(linker, "wasi:filesystem/preopens", version, "get-directories", |preopens, name| {
            preopens.func_wrap(name, get_directories)
        })?;
    }
    Ok(())
}

type Directories = Vec<(Resource<Descriptor>, String)>;

fn get_directories(mut store: StoreContextMut<'_, InstanceState>, (): ()) -> Result<(Directories,)> {
    let state = store.data_mut();
    // The handle may be that of a descriptor that was dropped.
    state.opened.end_request();
    let Some(handle) = state.files.preopen.handle() else { return Ok((Vec::new(),)) };
    let root = state.table.push(Descriptor::Dir(handle.clone()))?;
    Ok((vec![(root, "/".to_owned())],))
}
