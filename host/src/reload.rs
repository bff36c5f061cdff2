//! What SIGHUP does: a list of steps, each of which reads again what was read at the start and puts it in the place of what is in
//! use. It refuses to know what the steps are; a step that fails leaves things as they are, and one line says why.

use crate::sd_notify::ServiceManager;
use glasshouse_http::Log;
use std::future::pending;
use std::sync::Arc;
use tokio::signal::unix::{self, SignalKind};
use tokio::task::spawn_blocking;

/// Reads something again; why that cannot be, in words for whoever runs the server.
type Step = Box<dyn FnMut() -> Result<(), String> + Send>;

/// The steps, in the order in which they were added.
pub struct Reload {
    log: Log,
    manager: Arc<ServiceManager>,
    hangups: Option<unix::Signal>,
    steps: Vec<Step>,
}

impl Reload {
    /// SIGHUP is caught from now on, so whoever sends one as soon as the server is announced ends nothing.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O driver.
    pub fn new(log: Log, manager: Arc<ServiceManager>) -> Reload {
        Reload { log, manager, hangups: unix::signal(SignalKind::hangup()).ok(), steps: Vec::new() }
    }

    pub fn add(&mut self, step: impl FnMut() -> Result<(), String> + Send + 'static) {
        self.steps.push(Box::new(step));
    }

    /// Takes the steps at each SIGHUP, for ever, on a thread that nobody waits for. Signals that come meanwhile are one.
    pub async fn run(mut self) {
        while let Some(hangups) = &mut self.hangups
            && hangups.recv().await.is_some()
        {
            self.manager.reloading();
            let mut steps = self.steps;
            let taken = spawn_blocking(move || {
                let faults: Vec<String> = steps.iter_mut().filter_map(|step| step().err()).collect();
                (steps, faults)
            });
            // A step that panics takes the others with it.
            let (steps, faults) =
                taken.await.unwrap_or_else(|_| (Vec::new(), vec!["nothing is read again".to_owned()]));
            self.steps = steps;
            faults.iter().for_each(|fault| self.log.error(fault));
            self.log.error(if faults.is_empty() { "reloaded" } else { "reloaded, but for that" });
            self.manager.ready();
        }
        pending().await
    }
}
