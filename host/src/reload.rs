//! Runs the reload steps on SIGHUP. A step that fails leaves its state unchanged and is logged.

#[cfg_attr(not(unix), path = "reload/hangups_unavailable.rs")]
mod hangups;

use crate::logging::NOTICE;
use crate::sd_notify::ServiceManager;
use hangups::Hangups;
pub(crate) use hangups::ignore_hangups;
use std::fmt;
use std::future::pending;
use std::sync::Arc;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

/// Replaces a part of the running state. The error is a message for the operator.
type ReloadStep = Box<dyn FnMut() -> Result<(), String> + Send>;

/// The steps, in the order of their addition.
pub(crate) struct Reload {
    service_manager: Arc<ServiceManager>,
    hangups: Hangups,
    steps: Vec<ReloadStep>,
}

const PANICKED: &str = "reload failed: a step panicked; restart the server to reload";

/// The step that remains when one has panicked, because the panic loses all steps.
fn after_panic() -> Vec<ReloadStep> {
    vec![Box::new(|| Err(PANICKED.to_owned()))]
}

impl Reload {
    /// Catches SIGHUP from this call on, so that a signal right after the start does not end the process.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O driver.
    pub(crate) fn new(service_manager: Arc<ServiceManager>) -> Reload {
        Reload { service_manager, hangups: Hangups::catch(), steps: Vec::new() }
    }

    pub(crate) fn add<E: fmt::Display>(&mut self, mut step: impl FnMut() -> Result<(), E> + Send + 'static) {
        self.steps.push(Box::new(move || step().map_err(|error| error.to_string())));
    }

    /// Runs the steps after each SIGHUP, on a thread for blocking work. Signals during a reload count as one. This
    /// never returns.
    pub(crate) async fn run(mut self) {
        while self.hangups.next().await.is_some() {
            self.service_manager.reloading();
            let mut steps = self.steps;
            let reload = spawn_blocking(move || {
                let errors: Vec<String> = steps.iter_mut().filter_map(|step| step().err()).collect();
                (steps, errors)
            });
            let (steps, errors) = reload.await.unwrap_or_else(|_| (after_panic(), vec![PANICKED.to_owned()]));
            self.steps = steps;
            errors.iter().for_each(|text| error!("{text}"));
            if errors.is_empty() {
                info!(target: NOTICE, "reloaded");
            } else {
                warn!("reloaded with errors");
            }
            self.service_manager.ready();
        }
        pending().await
    }
}
