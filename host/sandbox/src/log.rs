//! Log events about the handler. Their target is `glasshouse::handler`.

use std::fmt;

/// Logs an error, in the form `event: detail`.
pub(crate) fn error(text: fmt::Arguments<'_>) {
    #[cfg(test)]
    captured::LINES.with_borrow_mut(|lines| lines.push(text.to_string()));
    tracing::error!(target: "glasshouse::handler", "{text}");
}

/// Events of the current thread, for tests.
#[cfg(test)]
pub(crate) mod captured {
    use std::cell::RefCell;

    thread_local! {
        pub(super) static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    /// Removes and returns the lines that this thread has logged.
    pub(crate) fn take() -> Vec<String> {
        LINES.take()
    }
}
