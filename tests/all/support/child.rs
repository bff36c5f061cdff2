//! Runs child processes, which end when they are dropped, and commands that end without a signal.

use crate::support::client::TIMEOUT;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// A command that ended.
#[derive(Debug)]
pub struct Done {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end, which must come in time.
#[track_caller]
pub fn run(command: Command) -> Done {
    run_within(TIMEOUT, command)
}

/// The same, with another idea of what in time is.
#[track_caller]
pub fn run_within(timeout: Duration, command: Command) -> Done {
    ChildProcess::spawn(command).end(timeout)
}

/// What a child has written.
#[derive(Default)]
pub struct ChildOutput {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// How many of the two have ended.
    pub ended: u8,
}

impl ChildOutput {
    pub fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// A child that does not outlive this value.
pub struct ChildProcess {
    pub child: Child,
    pub name: String,
    shared: Arc<(Mutex<ChildOutput>, Condvar)>,
}

impl ChildProcess {
    #[track_caller]
    pub fn spawn(mut command: Command) -> ChildProcess {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let shared = Arc::default();
        listen(&shared, child.stdout.take(), |wire| &mut wire.stdout);
        listen(&shared, child.stderr.take(), |wire| &mut wire.stderr);
        ChildProcess { child, name: format!("{command:?}"), shared }
    }

    pub fn wire(&self) -> MutexGuard<'_, ChildOutput> {
        self.shared.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until `look` finds what it wants in what was written.
    #[track_caller]
    pub fn wait<T>(&self, timeout: Duration, what: &str, look: impl Fn(&ChildOutput) -> Option<T>) -> T {
        let deadline = Instant::now() + timeout;
        let mut wire = self.wire();
        loop {
            if let Some(found) = look(&wire) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || wire.ended == 2 {
                drop(wire);
                panic!("{} never wrote {what}", self.name);
            }
            wire = match self.shared.1.wait_timeout(wire, left) {
                Ok((wire, _)) => wire,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Waits for the end of the child, which closes its outputs.
    #[track_caller]
    pub fn end(mut self, timeout: Duration) -> Done {
        self.wait(timeout, "its last word", |wire| (wire.ended == 2).then_some(()));
        let status = self.child.wait().expect("a child can be waited for");
        let wire = self.wire();
        Done { status, stdout: ChildOutput::text(&wire.stdout), stderr: ChildOutput::text(&wire.stderr) }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // A child that has ended already is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            let wire = self.wire();
            let (stdout, stderr) = (ChildOutput::text(&wire.stdout), ChildOutput::text(&wire.stderr));
            eprintln!("--- {}\n--- stdout:\n{stdout}\n--- stderr:\n{stderr}\n---", self.name);
        }
    }
}

/// Copies what a child writes, until it ends.
fn listen(
    shared: &Arc<(Mutex<ChildOutput>, Condvar)>,
    from: Option<impl Read + Send + 'static>,
    to: fn(&mut ChildOutput) -> &mut Vec<u8>,
) {
    let mut from = from.expect("the output is piped");
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let mut block = [0; 4096];
        loop {
            let read = from.read(&mut block).unwrap_or(0);
            let mut wire = shared.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            to(&mut wire).extend_from_slice(&block[..read]);
            wire.ended += u8::from(read == 0);
            shared.1.notify_all();
            if read == 0 {
                return;
            }
        }
    });
}
