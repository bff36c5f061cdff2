//! What the program says of itself, on standard error: what goes wrong always, and as much more as was asked for. It refuses to pass on
//! what the libraries beneath say: some of it quotes what clients send.

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

/// What the names of our crates begin with.
const OURS: &str = "glasshouse";

/// Says from now on what is of this level or above it.
pub fn start(level: Level) {
    let ours = Targets::new().with_target(OURS, tracing::Level::from(level));
    let lines = layer().event_format(Lines { is_coloured: is_coloured() }).with_writer(io::stderr);
    // Nobody else has begun to listen: this is called once.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(lines.with_filter(ours)));
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> tracing::Level {
        match level {
            Level::Error => tracing::Level::ERROR,
            Level::Info => tracing::Level::INFO,
            Level::Debug => tracing::Level::DEBUG,
        }
    }
}

/// Whether standard error shows colours, and nobody has forbidden them (<https://no-color.org>).
pub fn is_coloured() -> bool {
    let variable = |name| env::var_os(name);
    has_colours(io::stderr().is_terminal(), variable("NO_COLOR").as_deref(), variable("TERM").as_deref())
}

fn has_colours(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    is_terminal && no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
}

/// `glasshouse: TEXT`, and what is nothing wrong with its level before the text.
struct Lines {
    is_coloured: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut text = Text::default();
        event.record(&mut text);
        let (prefix, colour) = match *event.metadata().level() {
            tracing::Level::ERROR | tracing::Level::WARN => ("", "31"),
            tracing::Level::INFO => ("info: ", "32"),
            tracing::Level::DEBUG | tracing::Level::TRACE => ("debug: ", "34"),
        };
        match self.is_coloured {
            true => write!(writer, "\x1b[{colour}mglasshouse:\x1b[0m ")?,
            false => writer.write_str("glasshouse: ")?,
        }
        writeln!(writer, "{prefix}{}", Legible(&text.0))
    }
}

/// The text of an event.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

/// Names of files stay legible, so only what a terminal would obey is escaped, and what turns or hides a part of a name.
struct Legible<'a>(&'a str);

impl fmt::Display for Legible<'_> {
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
    fn what_is_said_is_one_line() {
        for (text, expected) in
            [("a\nb\x1b[0m", r"a\x0ab\x1b[0m"), ("'é\\'\u{9b}", r"'é\'\x9b"), ("\u{202e}a", r"\u{202e}a")]
        {
            assert_eq!(Legible(text).to_string(), expected);
        }
    }

    #[test]
    fn colours_are_for_terminals_and_for_those_who_want_them() {
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
