//! What handlers write to standard error: lines for the log, with a mark that says whose they are, and no more of them than
//! somebody can read. It refuses to know what they say.

use crate::sandbox::Complain;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// Bytes that all handlers together may write in a [`PERIOD`].
const MOST: usize = 64 << 10;
const PERIOD: Duration = Duration::from_secs(10);
/// The longest line in bytes; a longer one is broken.
const LINE: usize = 1 << 10;

/// Standard error of all instances of a handler.
#[derive(Clone)]
pub struct GuestStderr {
    complain: Complain,
    budget: Arc<Mutex<Budget>>,
}

struct Budget {
    since: Instant,
    written: usize,
    left_out: usize,
}

impl GuestStderr {
    pub fn new(complain: Complain) -> GuestStderr {
        let budget = Budget { since: Instant::now(), written: 0, left_out: 0 };
        GuestStderr { complain, budget: Arc::new(Mutex::new(budget)) }
    }

    fn say(&self, line: &[u8]) {
        let mut budget = lock(&self.budget);
        if budget.since.elapsed() >= PERIOD {
            if budget.left_out > 0 {
                (self.complain)(format_args!("handler: {} bytes were left out", budget.left_out));
            }
            *budget = Budget { since: Instant::now(), written: 0, left_out: 0 };
        }
        // A line break takes room as well.
        let bytes = line.len().saturating_add(1);
        if budget.written.saturating_add(bytes) > MOST {
            if budget.left_out == 0 {
                let seconds = PERIOD.as_secs();
                (self.complain)(format_args!(
                    "handler: it writes more than {MOST} bytes in {seconds} s; the rest is left out"
                ));
            }
            budget.left_out = budget.left_out.saturating_add(bytes);
            return;
        }
        budget.written = budget.written.saturating_add(bytes);
        drop(budget);
        (self.complain)(format_args!("handler: {}", String::from_utf8_lossy(line)));
    }
}

fn lock(budget: &Mutex<Budget>) -> MutexGuard<'_, Budget> {
    budget.lock().unwrap_or_else(PoisonError::into_inner)
}

impl IsTerminal for GuestStderr {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestStderr {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Stream { words: self.clone(), line: Vec::new() })
    }
}

/// One handle to standard error, and the line that has not ended yet.
struct Stream {
    words: GuestStderr,
    line: Vec<u8>,
}

impl Stream {
    fn end_line(&mut self) {
        self.words.say(&self.line);
        self.line.clear();
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        for byte in bytes {
            if *byte == b'\n' {
                self.end_line();
            } else {
                self.line.push(*byte);
                if self.line.len() == LINE {
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

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::stderr::*;
    use tokio::io::AsyncWriteExt as _;

    async fn said(texts: &[&[u8]]) -> Vec<String> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = Arc::clone(&heard);
        let words = GuestStderr::new(Arc::new(move |text| ear.lock().unwrap().push(text.to_string())));
        let mut stream = Box::into_pin(words.async_stream());
        for text in texts {
            stream.write_all(text).await.unwrap();
        }
        drop(stream);
        let heard = heard.lock().unwrap();
        heard.clone()
    }

    #[tokio::test]
    async fn lines_are_told_apart_and_marked() {
        assert_eq!(
            said(&[b"one\ntw", b"o\n\nthree"]).await,
            ["handler: one", "handler: two", "handler: ", "handler: three"]
        );
        let broken = said(&[&[b'x'; LINE + 1]]).await;
        assert_eq!(broken.iter().map(|line| line.len() - "handler: ".len()).collect::<Vec<_>>(), [LINE, 1]);
    }

    #[tokio::test]
    async fn a_flood_is_left_out() {
        let said = said(&[&[b'\n'; MOST * 3]]).await;
        assert_eq!(said.len(), MOST + 1);
        assert!(said.last().is_some_and(|line| line.ends_with("the rest is left out")));
    }
}
