//! The WASI versions that this host implements.

use semver::Version;

/// A set of compatible WASI versions. By semantic versioning, versions that begin with `0.` are compatible if their
/// second numbers are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WasiVersion {
    /// 0.2.x
    P2,
    /// 0.3.x
    P3,
}

impl WasiVersion {
    /// The set of a version. `None` for other versions, and for pre-releases, which are compatible with nothing.
    pub(crate) fn of(version: &Version) -> Option<WasiVersion> {
        match (version.major, version.minor) {
            (0, 2) if version.pre.is_empty() => Some(WasiVersion::P2),
            (0, 3) if version.pre.is_empty() => Some(WasiVersion::P3),
            _ => None,
        }
    }

    /// The version of `wasi:http` for which a name is the handler interface.
    pub(crate) fn of_handler(name: &str) -> Option<WasiVersion> {
        let (interface, version) = name.split_once('@')?;
        let version = WasiVersion::of(&Version::parse(version).ok()?)?;
        let expected = match version {
            WasiVersion::P2 => "wasi:http/incoming-handler",
            WasiVersion::P3 => "wasi:http/handler",
        };
        (interface == expected).then_some(version)
    }

    /// The version that wasmtime-wasi and wasmtime-wasi-http define. An upgrade of wasmtime may change it;
    /// [`crate::override_import`] then fails.
    pub(crate) fn linked(self) -> &'static str {
        match self {
            WasiVersion::P2 => "0.2.12",
            WasiVersion::P3 => "0.3.0",
        }
    }
}
