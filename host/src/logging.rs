//! Writes the log events of the program to standard error.
//!
//! Does not write events of libraries, because some of them quote data of clients.

use crate::args::Level;
use std::env;
use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, layer};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// The common prefix of the names of our crates.
const CRATES: &str = "glasshouse";
/// The target of `info` events that the default level shows, such as the end of a reload.
pub(crate) const NOTICE: &str = "glasshouse::notice";

/// Writes the events of this level and above from now on.
pub(crate) fn start(level: Level) {
    let notices = if level == Level::Error { Level::Error } else { Level::Debug };
    let targets = Targets::new().with_target(CRATES, tracing::Level::from(level));
    let targets = targets.with_target(NOTICE, tracing::Level::from(notices));
    let lines = layer().event_format(LineFormat { is_coloured: is_coloured() }).with_writer(io::stderr);
    // This fails only if it is called twice.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(lines.with_filter(targets)));
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> tracing::Level {
        match level {
            Level::Error => tracing::Level::ERROR,
            Level::Warn => tracing::Level::WARN,
            Level::Info => tracing::Level::INFO,
            Level::Debug => tracing::Level::DEBUG,
        }
    }
}

/// Whether to use colours on standard error: on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
pub(crate) fn is_coloured() -> bool {
    let variable = |name| env::var_os(name);
    has_colours(io::stderr().is_terminal(), variable("NO_COLOR").as_deref(), variable("TERM").as_deref())
}

fn has_colours(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    is_terminal && no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
}

/// The format `glasshouse: EVENT: DETAIL`. Lines that the default level hides have their level before the event.
struct LineFormat {
    is_coloured: bool,
}

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut text = EventText::default();
        event.record(&mut text);
        let (prefix, colour) = match *event.metadata().level() {
            tracing::Level::ERROR => ("", "31"),
            tracing::Level::WARN => ("", "33"),
            tracing::Level::INFO if event.metadata().target() == NOTICE => ("", "32"),
            tracing::Level::INFO => ("info: ", "32"),
            tracing::Level::DEBUG | tracing::Level::TRACE => ("debug: ", "34"),
        };
        match self.is_coloured {
            true => write!(writer, "\x1b[{colour}mglasshouse:\x1b[0m ")?,
            false => writer.write_str("glasshouse: ")?,
        }
        writeln!(writer, "{prefix}{}", EscapedEvent(&text.0))
    }
}

/// The message and the fields of an event.
#[derive(Default)]
struct EventText(String);

impl Visit for EventText {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

/// Escapes control characters, and characters that reorder or hide a part of a file name. Other characters stay
/// readable.
struct EscapedEvent<'a>(&'a str);

impl fmt::Display for EscapedEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            char if char.is_control() => write!(f, r"\x{:02x}", u32::from(char)),
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                write!(f, r"\u{{{:04x}}}", u32::from(char))
            }
            char => f.write_char(char),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::logging::*;

    #[test]
    fn an_event_is_one_line() {
        for (text, expected) in
            [("a\nb\x1b[0m", r"a\x0ab\x1b[0m"), ("'é\\'\u{9b}", r"'é\'\x9b"), ("\u{202e}a", r"\u{202e}a")]
        {
            assert_eq!(EscapedEvent(text).to_string(), expected);
        }
    }

    #[test]
    fn colours_need_a_terminal_and_no_objection() {
        let rows: &[(bool, Option<&str>, Option<&str>, bool)] = &[
            (true, None, Some("xterm"), true),
            (true, None, None, true),
            (true, Some(""), None, true),
            (true, Some("1"), None, false),
            (true, Some("0"), None, false),
            (true, None, Some("dumb"), false),
            (false, None, Some("xterm"), false),
        ];
        for (is_terminal, no_color, term, expected) in rows {
            let found = has_colours(*is_terminal, no_color.map(OsStr::new), term.map(OsStr::new));
            assert_eq!(found, *expected, "{is_terminal} {no_color:?} {term:?}");
        }
    }
}
