//! Runs child processes, which end when they are dropped, and commands that end without a signal.

use crate::support::client::TIMEOUT;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionbio};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
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

impl Done {
    /// Requires that the command failed with this code, and wrote these words to standard error alone.
    #[track_caller]
    pub fn fails(&self, code: i32, words: &str) {
        assert_eq!((self.status.code(), self.stdout.as_str()), (Some(code), ""), "{self:?}");
        assert!(self.stderr.contains(words), "no {words:?} in {}", self.stderr);
    }
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
pub struct ChildOutput {
    stdout: ChildStream,
    stderr: ChildStream,
}

impl ChildOutput {
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Whether both streams have ended.
    pub fn has_ended(&self) -> bool {
        self.stdout.has_ended && self.stderr.has_ended
    }

    fn read_available(&mut self) {
        self.stdout.read_available();
        self.stderr.read_available();
    }
}

/// One of the two output streams of a child.
struct ChildStream {
    pipe: File,
    bytes: Vec<u8>,
    has_ended: bool,
}

impl ChildStream {
    fn new(pipe: Option<impl Into<OwnedFd>>) -> ChildStream {
        let pipe = File::from(pipe.expect("the output is piped").into());
        ioctl_fionbio(&pipe, true).expect("a pipe can be nonblocking");
        ChildStream { pipe, bytes: Vec::new(), has_ended: false }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Reads what is in the pipe now.
    fn read_available(&mut self) {
        if !self.has_ended {
            let read = self.pipe.read_to_end(&mut self.bytes);
            self.has_ended = !read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        }
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
        let output = ChildOutput {
            stdout: ChildStream::new(child.stdout.take()),
            stderr: ChildStream::new(child.stderr.take()),
        };
        let shared = Arc::new((Mutex::new(output), Condvar::new()));
        read_to_end(&shared);
        ChildProcess { child, name: format!("{command:?}"), shared }
    }

    /// Everything that the child wrote before this call. A thread reads the pipes too, and may be late: a test that has
    /// seen a line or a response must also see what the child wrote before it.
    pub fn output(&self) -> MutexGuard<'_, ChildOutput> {
        let mut output = self.shared.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        output.read_available();
        output
    }

    /// Waits until `look` finds what it wants in what was written.
    #[track_caller]
    pub fn wait<T>(&self, timeout: Duration, what: &str, look: impl Fn(&ChildOutput) -> Option<T>) -> T {
        let deadline = Instant::now() + timeout;
        let mut output = self.output();
        loop {
            if let Some(found) = look(&output) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || output.has_ended() {
                drop(output);
                panic!("{} never wrote {what}", self.name);
            }
            output = match self.shared.1.wait_timeout(output, left) {
                Ok((output, _)) => output,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Waits for the end of the child, which closes its outputs.
    #[track_caller]
    pub fn end(mut self, timeout: Duration) -> Done {
        self.wait(timeout, "its last word", |output| output.has_ended().then_some(()));
        let status = self.child.wait().expect("a child can be waited for");
        let output = self.output();
        Done { status, stdout: output.stdout(), stderr: output.stderr() }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // A child that has ended already is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            let output = self.output();
            let (stdout, stderr) = (output.stdout(), output.stderr());
            eprintln!("--- {}\n--- stdout:\n{stdout}\n--- stderr:\n{stderr}\n---", self.name);
        }
    }
}

/// Reads what a child writes until it ends, so that the child never waits for a full pipe.
fn read_to_end(shared: &Arc<(Mutex<ChildOutput>, Condvar)>) {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let (output, changed) = &*shared;
        loop {
            let mut output = output.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            output.read_available();
            changed.notify_all();
            let open = [&output.stdout, &output.stderr].into_iter().filter(|stream| !stream.has_ended);
            let open = open.map(|stream| stream.pipe.try_clone().expect("a pipe can be duplicated"));
            let open: Vec<File> = open.collect();
            drop(output);
            if open.is_empty() {
                return;
            }
            let mut events: Vec<_> = open.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect();
            let polled = poll(&mut events, None);
            assert!(matches!(polled, Ok(_) | Err(Errno::INTR)), "cannot wait for a pipe: {polled:?}");
        }
    });
}
