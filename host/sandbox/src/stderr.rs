//! Standard error of handlers: each line becomes a log line with a prefix, up to a limit.

use crate::log;
use glasshouse_protocol::LIVE_FORBIDDEN;
use glasshouse_quota::sync::lock;
use std::collections::HashSet;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// Bytes that all instances together may write in each [`PERIOD`].
const MAX_BYTES: usize = 64 << 10;
const PERIOD: Duration = Duration::from_secs(10);
/// Messages that are logged once.
const MAX_ONCE: usize = 256;
/// Bytes of a line. A longer line is split.
const MAX_LINE: usize = 1 << 10;

/// Standard error of all instances of a handler.
#[derive(Clone)]
pub(crate) struct GuestStderr(Arc<Mutex<StderrBudget>>);

struct StderrBudget {
    started: Instant,
    written: usize,
    omitted: usize,
    /// Messages that every request for a page would repeat. At most [`MAX_ONCE`], because a handler may write any text.
    logged_once: HashSet<Vec<u8>>,
}

impl GuestStderr {
    pub(crate) fn new() -> GuestStderr {
        GuestStderr(Arc::new(Mutex::new(StderrBudget::new())))
    }

    fn log_line(&self, line: &[u8]) {
        let mut budget = lock(&self.0);
        if line.windows(LIVE_FORBIDDEN.len()).any(|words| words == LIVE_FORBIDDEN.as_bytes()) {
            let is_full = budget.logged_once.len() >= MAX_ONCE;
            if is_full || !budget.logged_once.insert(line.to_vec()) {
                return;
            }
        }
        if budget.started.elapsed() >= PERIOD {
            if budget.omitted > 0 {
                log::error(format_args!("handler: {} bytes were omitted", budget.omitted));
            }
            let logged_once = mem::take(&mut budget.logged_once);
            *budget = StderrBudget { logged_once, ..StderrBudget::new() };
        }
        // The line break counts as well.
        let bytes = line.len().saturating_add(1);
        if budget.written.saturating_add(bytes) > MAX_BYTES {
            if budget.omitted == 0 {
                let seconds = PERIOD.as_secs();
                log::error(format_args!(
                    "handler: it writes more than {MAX_BYTES} bytes in {seconds} s; the rest is omitted"
                ));
            }
            budget.omitted = budget.omitted.saturating_add(bytes);
            return;
        }
        budget.written = budget.written.saturating_add(bytes);
        drop(budget);
        log::error(format_args!("handler: {}", String::from_utf8_lossy(line)));
    }
}

impl StderrBudget {
    fn new() -> StderrBudget {
        StderrBudget { started: Instant::now(), written: 0, omitted: 0, logged_once: HashSet::new() }
    }
}

impl IsTerminal for GuestStderr {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestStderr {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(StderrStream { stderr: self.clone(), line: Vec::new() })
    }
}

/// One handle to standard error, with its unfinished line.
struct StderrStream {
    stderr: GuestStderr,
    line: Vec<u8>,
}

impl StderrStream {
    fn end_line(&mut self) {
        self.stderr.log_line(&self.line);
        self.line.clear();
    }
}

impl AsyncWrite for StderrStream {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        for byte in bytes {
            if *byte == b'\n' {
                self.end_line();
            } else {
                self.line.push(*byte);
                if self.line.len() == MAX_LINE {
                    self.end_line();
                }
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for StderrStream {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::log::captured;
    use crate::stderr::*;
    use tokio::io::AsyncWriteExt as _;

    async fn logged(texts: &[&[u8]]) -> Vec<String> {
        let mut stream = Box::into_pin(GuestStderr::new().async_stream());
        for text in texts {
            stream.write_all(text).await.unwrap();
        }
        drop(stream);
        captured::take()
    }

    #[tokio::test]
    async fn each_line_has_a_prefix() {
        assert_eq!(
            logged(&[b"one\ntw", b"o\n\nthree"]).await,
            ["handler: one", "handler: two", "handler: ", "handler: three"]
        );
        let split = logged(&[&[b'x'; MAX_LINE + 1]]).await;
        assert_eq!(split.iter().map(|line| line.len() - "handler: ".len()).collect::<Vec<_>>(), [MAX_LINE, 1]);
    }

    #[tokio::test]
    async fn a_flood_is_omitted() {
        let lines = logged(&[&[b'\n'; MAX_BYTES * 3]]).await;
        assert_eq!(lines.len(), MAX_BYTES + 1);
        assert!(lines.last().is_some_and(|line| line.ends_with("the rest is omitted")));
    }
}
