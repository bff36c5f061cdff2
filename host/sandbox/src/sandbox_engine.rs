//! The engine that all sandboxes of a process share.

#[cfg(target_os = "linux")]
use crate::code_region::CodeRegion;
use crate::sandbox_error::SandboxError;
use crate::usage::TICK;
use std::sync::{Arc, Once, OnceLock};
use std::thread;
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

/// Compiles and runs the handlers of a process.
#[derive(Clone)]
pub struct SandboxEngine {
    engine: Engine,
    #[cfg(target_os = "linux")]
    region: Option<Arc<CodeRegion>>,
    epoch_thread: Arc<Once>,
    /// The built-in handler, whose machine code all sandboxes share.
    built_in: Arc<OnceLock<Component>>,
}

impl SandboxEngine {
    /// An engine.
    ///
    /// # Errors
    /// wasmtime does not support this machine.
    pub fn new() -> Result<SandboxEngine, SandboxError> {
        SandboxEngine::with_config(&glasshouse_engine::config())
    }

    /// An engine that also runs the machine code in a region.
    ///
    /// # Errors
    /// wasmtime does not support this machine.
    #[cfg(target_os = "linux")]
    pub fn with_code_region(region: Arc<CodeRegion>) -> Result<SandboxEngine, SandboxError> {
        let mut config = glasshouse_engine::config();
        config.with_custom_code_memory(Some(Arc::<CodeRegion>::clone(&region)));
        Ok(SandboxEngine { region: Some(region), ..SandboxEngine::with_config(&config)? })
    }

    fn with_config(config: &Config) -> Result<SandboxEngine, SandboxError> {
        Ok(SandboxEngine {
            engine: Engine::new(config).map_err(SandboxError::wasmtime)?,
            #[cfg(target_os = "linux")]
            region: None,
            epoch_thread: Arc::new(Once::new()),
            built_in: Arc::default(),
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn region(&self) -> Option<&CodeRegion> {
        self.region.as_deref()
    }

    /// The built-in handler, which `load` loads the first time.
    pub(crate) fn built_in<E>(&self, load: impl FnOnce() -> Result<Component, E>) -> Result<Component, E> {
        match self.built_in.get() {
            Some(component) => Ok(component.clone()),
            None => load().map(|component| self.built_in.get_or_init(|| component).clone()),
        }
    }

    /// Starts the thread that interrupts running code at every tick, as long as the engine is used. Call it when the
    /// process has given up its rights: earlier threads keep them.
    pub(crate) fn start_epoch_thread(&self) {
        self.epoch_thread.call_once(|| {
            let engine = self.engine.weak();
            thread::spawn(move || {
                while let Some(engine) = engine.upgrade() {
                    engine.increment_epoch();
                    drop(engine);
                    thread::sleep(TICK);
                }
            });
        });
    }
}
