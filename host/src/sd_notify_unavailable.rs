//! No service manager to notify: only Linux has one that listens.

use std::time::Duration;
use thiserror::Error;

/// The service manager cannot be notified. Never happens.
#[derive(Debug, Error)]
#[error("service manager: not available on this system")]
pub(crate) struct NotifyError;

/// No connection.
#[derive(Debug, Default)]
pub(crate) struct ServiceManager {}

impl ServiceManager {
    pub(crate) fn from_environment() -> Result<ServiceManager, NotifyError> {
        Ok(ServiceManager {})
    }

    pub(crate) fn watchdog_interval(&self) -> Option<Duration> {
        None
    }

    pub(crate) fn ready(&self) {}

    pub(crate) fn reloading(&self) {}

    pub(crate) fn stopping(&self) {}

    pub(crate) fn watchdog(&self) {}
}
