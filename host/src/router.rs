//! The sandboxes as clients meet them: for each thread a slot for each tree, whose instances can be replaced between two requests,
//! and which tree a request is for. It refuses to know connections, which stay what they are when that happens.

use crate::config::Config;
use glasshouse_core::http::target::Target;
use glasshouse_http::{Client, Handler, HandlerError};
use glasshouse_quota::Scheduler;
use glasshouse_sandbox::{InstanceMetrics, InstancePool, LimitExceeded, ResponseBody, Sandbox};
use http::Response;
use http::request::Parts;
use http::uri::PathAndQuery;
use std::cell::LazyCell;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who answers on a thread.
#[derive(Clone)]
pub struct Router(Arc<Thread>);

struct Thread {
    scheduler: Arc<Scheduler>,
    /// What has befallen all that were ever in its slots.
    tally: Arc<InstanceMetrics>,
    /// In the order in which they are asked.
    slots: Vec<Slot>,
}

/// The slot of a tree. Nobody else asks for it but who replaces what is in it, so its lock is there for the taking.
struct Slot {
    /// Where the tree is, unless at the root.
    at: Option<Target>,
    instances: Mutex<Arc<InstancePool>>,
}

impl Router {
    /// Slots for each thread: one for each tree of the configuration, with the sandbox at its place in `sandboxes`.
    pub fn for_threads(config: &Config, sandboxes: &[Arc<Sandbox>]) -> Vec<Router> {
        let thread = |_| {
            let (scheduler, tally) = (Arc::default(), Arc::default());
            let slots = config.trees.iter().zip(sandboxes).map(|(served, sandbox)| Slot {
                at: served.at.clone(),
                instances: Mutex::new(InstancePool::new(
                    Arc::clone(sandbox),
                    Arc::clone(&scheduler),
                    Arc::clone(&tally),
                )),
            });
            let slots = slots.collect();
            Router(Arc::new(Thread { scheduler, tally, slots }))
        };
        (0..config.threads.get()).map(thread).collect()
    }

    /// Lets other sandboxes answer from the next request on, in the same order. What was asked before is answered by those who
    /// were asked.
    pub fn replace(&self, sandboxes: &[Arc<Sandbox>]) {
        for (slot, sandbox) in self.0.slots.iter().zip(sandboxes) {
            let next = InstancePool::new(Arc::clone(sandbox), Arc::clone(&self.0.scheduler), Arc::clone(&self.0.tally));
            let before = mem::replace(&mut *slot.lock(), next);
            // Warm instances take a while to go, for which nobody waits.
            drop(before);
        }
    }

    /// Whose turn it is on this thread.
    pub fn scheduler(&self) -> &Arc<Scheduler> {
        &self.0.scheduler
    }

    /// The counts of this thread, whoever is in its slots.
    pub fn tally(&self) -> &Arc<InstanceMetrics> {
        &self.0.tally
    }

    /// The instances that can read the tree that a request is for; `None` where no tree is. The path is read as the handler reads
    /// it, who would know no path but those of its own tree.
    fn instances(&self, request: &Parts) -> Option<Arc<InstancePool>> {
        let target = request.uri.path_and_query().map(PathAndQuery::as_str).unwrap_or_default();
        let target = LazyCell::new(|| Target::parse(target));
        let is_within = |at: &Target| target.as_ref().is_ok_and(|target| target.is_within(at));
        let slot = self.0.slots.iter().find(|slot| slot.at.as_ref().is_none_or(is_within))?;
        Some(Arc::clone(&slot.lock()))
    }
}

impl Slot {
    /// A panic while it was locked has left one or the other there.
    fn lock(&self) -> MutexGuard<'_, Arc<InstancePool>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for Router {
    type Body = ResponseBody;

    fn cached(&self, request: &Parts, client: &Client) -> Option<Response<ResponseBody>> {
        self.instances(request)?.cached(request, client)
    }

    async fn answer(&self, request: Parts, client: &Client) -> Result<Response<ResponseBody>, HandlerError> {
        let instances = self.instances(&request).ok_or(HandlerError::NotFound)?;
        instances.answer(request, client).await.map_err(|error| match error.limit() {
            Some(limit @ (LimitExceeded::Instances | LimitExceeded::Total | LimitExceeded::Files)) => {
                HandlerError::Busy(limit.to_string())
            }
            Some(limit) => HandlerError::LimitExceeded(limit.to_string()),
            None => HandlerError::Failed(error.to_string()),
        })
    }

    fn bound(body: &mut ResponseBody, room: usize) -> bool {
        body.bound(room)
    }
}
