//! Decides which rights the process keeps, and drops the others.

use crate::config::{OpenLog, Rights, Roots, ServerConfig};
use crate::error::StartupError;
use crate::harden::{self, ExtraCall, Hardening, KeptRights};
use crate::listen::SocketFile;
use crate::tls::{TlsFiles, TlsIdentity};
use glasshouse_sandbox::{ReadScope, Sandbox};
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::sync::Arc;
use tracing::{info, warn};

/// What the process still needs after the start.
pub(crate) struct Needs<'a> {
    pub(crate) config: &'a ServerConfig,
    pub(crate) identity: Option<&'a TlsIdentity>,
    pub(crate) sandboxes: &'a [Arc<Sandbox>],
    pub(crate) socket_files: &'a [SocketFile],
    pub(crate) log_file: Option<&'a OpenLog>,
    /// Whether a reload may load new components.
    pub(crate) loads_components: bool,
}

impl Needs<'_> {
    /// Drops all other rights, unless `--no-harden` is set. Call it before the process starts a thread.
    ///
    /// # Errors
    /// `--require-harden` is set, and the system does not support all restrictions.
    pub(crate) fn drop_other_rights(&self) -> Result<(), StartupError> {
        if self.config.rights == Rights::AreKept {
            return Ok(());
        }
        if let Err(error) = harden::forbid_dumps() {
            warn!("cannot disable core files: {error}; a crash may write keys to the disk");
        }
        if self.serves_socket_directory() {
            warn!(
                "socket in a served directory: the process keeps the right to remove files there; give the socket a \
                 separate directory"
            );
        }
        let state = self.apply();
        require_complete(self.config.rights, &state)?;
        info!("rights of the process: {state}");
        if !state.is_complete() {
            warn!("incomplete hardening: this system does not support all restrictions: {state}");
        }
        Ok(())
    }

    fn apply(&self) -> Hardening {
        let certificates = self.identity.and_then(TlsIdentity::files).into_iter().flat_map(TlsFiles::paths);
        let passwords = self.config.users.iter().map(|users| users.file());
        let renewed = harden::directories(certificates.chain(passwords));
        let renewed = renewed.iter().map(AsFd::as_fd);
        let also = self.config.harden_also.iter().map(|(_, directory)| directory.as_fd());
        let trees = self.sandboxes.iter().filter_map(|sandbox| sandbox.read_scope());
        let log = self.log_file.and_then(OpenLog::directory);
        harden::apply(&KeptRights {
            readable: trees.chain(renewed.chain(also).map(ReadScope::Directory)).collect(),
            sockets: self.socket_files.iter().map(|file| file.directory.as_fd()).collect(),
            log: log.as_ref().map(AsFd::as_fd),
            extra: self.extra_calls(),
        })
    }

    fn extra_calls(&self) -> Vec<ExtraCall> {
        let memory = self.loads_components.then_some(ExtraCall::CreateMemoryFile);
        memory.into_iter().chain(self.config.live.then_some(ExtraCall::WatchFiles)).collect()
    }

    fn serves_socket_directory(&self) -> bool {
        let roots = Roots::of(&self.config.trees);
        self.socket_files.iter().any(|file| roots.has_in(&file.directory, OsStr::new("")))
    }
}

/// Checks the state against `--require-harden`.
///
/// # Errors
/// `--require-harden` is set and a restriction is missing.
pub(crate) fn require_complete(rights: Rights, state: &Hardening) -> Result<(), StartupError> {
    if rights == Rights::MustBeGivenUp && !state.is_complete() {
        return Err(StartupError::CannotServe(format!(
            "--require-harden: this system does not support all restrictions: {state}; leave it out"
        )));
    }
    Ok(())
}

/// Warnings about keys and passwords that clients can read.
pub(crate) fn exposed_secrets(config: &ServerConfig, identity: Option<&TlsIdentity>) -> Vec<String> {
    let roots = Roots::of(&config.trees);
    let secrets = identity.and_then(TlsIdentity::files).into_iter().flat_map(TlsFiles::secrets);
    let exposed = secrets.filter(|(_, file)| roots.has(file));
    let warnings = exposed.map(|(item, file)| {
        format!("exposed {item}: clients can read '{}'; move it out of the served directories", file.display())
    });
    warnings.collect()
}
