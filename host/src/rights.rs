//! Decides which rights the process keeps, and drops the others.

#[cfg_attr(not(target_os = "linux"), path = "rights/keep_unavailable.rs")]
mod keep;

use crate::config::{OpenLog, Rights, Roots, ServerConfig};
use crate::error::StartupError;
use crate::harden::Hardening;
use crate::listen::SocketFile;
use crate::tls::{TlsFiles, TlsIdentity};
use glasshouse_sandbox::Sandbox;
use std::sync::Arc;
use tracing::{info, warn};

/// What the process still needs after the start.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "the process keeps all rights"))]
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
        let state = keep::drop_others(self);
        require_complete(self.config.rights, &state)?;
        info!("rights of the process: {state}");
        if !state.is_complete() {
            warn!("incomplete hardening: {state}");
        }
        Ok(())
    }
}

/// Checks the state against `--require-harden`.
///
/// # Errors
/// `--require-harden` is set and a restriction is missing.
pub(crate) fn require_complete(rights: Rights, state: &Hardening) -> Result<(), StartupError> {
    if rights == Rights::MustBeGivenUp && !state.is_complete() {
        return Err(StartupError::CannotServe(format!(
            "--require-harden: incomplete hardening: {state}; leave it out"
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
