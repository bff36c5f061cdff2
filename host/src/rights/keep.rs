//! Finds what the process keeps, and drops all other rights.

use super::Needs;
use crate::config::{OpenLog, Roots};
use crate::harden::{self, ExtraCall, Hardening, KeptRights};
use crate::tls::{TlsFiles, TlsIdentity};
use glasshouse_sandbox::ReadScope;
use std::ffi::OsStr;
use std::os::fd::AsFd;
use tracing::warn;

/// Drops the rights that nothing needs, and returns what the system supports.
pub(super) fn drop_others(needs: &Needs<'_>) -> Hardening {
    if let Err(error) = harden::forbid_dumps() {
        warn!("cannot disable core files: {error}; a crash may write keys to the disk");
    }
    if needs.serves_socket_directory() {
        warn!(
            "socket in a served directory: the process keeps the right to remove files there; give the socket a \
             separate directory"
        );
    }
    needs.apply()
}

impl Needs<'_> {
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
