//! The sandbox as clients meet it: for each thread a slot with its instances, which can be replaced between two requests. It
//! refuses to know connections, which stay what they are when that happens.

use glasshouse_front::{Answer, Unanswered};
use glasshouse_sandbox::{Instances, Sandbox, Tally, WasiBody};
use http::Response;
use http::request::Parts;
use std::mem;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The slot of a thread. Nobody else asks for it but who replaces what is in it, so its lock is there for the taking.
#[derive(Clone)]
pub struct Handler {
    slot: Arc<Mutex<Arc<Instances>>>,
    /// What has befallen all that were ever in it.
    tally: Arc<Tally>,
}

impl Handler {
    /// A slot for each thread.
    pub fn for_threads(sandbox: &Arc<Sandbox>, threads: NonZeroUsize) -> Vec<Handler> {
        let slot = |_| {
            let tally = Arc::default();
            let instances = Instances::new(Arc::clone(sandbox), Arc::clone(&tally));
            Handler { slot: Arc::new(Mutex::new(instances)), tally }
        };
        (0..threads.get()).map(slot).collect()
    }

    /// Lets another sandbox answer from the next request on. What was asked before is answered by those who were asked.
    pub fn replace(&self, sandbox: &Arc<Sandbox>) {
        let next = Instances::new(Arc::clone(sandbox), Arc::clone(&self.tally));
        let before = mem::replace(&mut *self.lock(), next);
        // Warm instances take a while to go, for which nobody waits.
        drop(before);
    }

    /// The counts of this slot, whoever is in it.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    fn instances(&self) -> Arc<Instances> {
        Arc::clone(&self.lock())
    }

    /// A panic while it was locked has left one or the other there.
    fn lock(&self) -> MutexGuard<'_, Arc<Instances>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer for Handler {
    type Body = WasiBody;

    fn answer_again(&self, request: &Parts) -> Option<Response<WasiBody>> {
        self.instances().answer_again(request)
    }

    async fn answer(&self, request: Parts) -> Result<Response<WasiBody>, Unanswered> {
        self.instances().answer(request).await.map_err(|error| match error.ceiling() {
            Some(ceiling) => Unanswered::TooMuch(ceiling.to_string()),
            None => Unanswered::Failed(error.to_string()),
        })
    }
}
