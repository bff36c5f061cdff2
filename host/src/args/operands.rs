//! The words that stand by themselves: a number is the port, anything else is the path to serve. Whether that path exists is not
//! known here, so what else may have been meant by it is kept for the error.

use super::file::{flag, nearest};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use std::ffi::{OsStr, OsString};
use std::fmt;

/// The port and the path, each at most once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Operands {
    port: Option<String>,
    path: Option<OsString>,
    pub meant: Option<Meant>,
}

/// What a word may have been meant as, if no file has its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meant {
    /// The value of the flag before it, which takes one behind `=` only.
    Value {
        flag: String,
        text: String,
    },
    /// An address, with or without a port.
    Address {
        port: Option<String>,
        host: String,
    },
    /// A subcommand, which has to be the first word.
    Command(String),
    Flag(String),
}

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Meant::Value { flag, text } => write!(f, "if it is the value of {flag}, write {flag}={text}"),
            Meant::Address { port: Some(port), host } if host.is_empty() => write!(f, "for the port write {port}"),
            Meant::Address { port: Some(port), host } => write!(f, "for an address write {port} -b {host}"),
            Meant::Address { port: None, host } => write!(f, "for an address write -b {host}"),
            Meant::Command(name) => {
                write!(f, "did you mean the command '{name}'? It has to be the first word: glasshouse {name}")
            }
            Meant::Flag(name) => write!(f, "did you mean '--{name}'?"),
        }
    }
}

impl Operands {
    /// Sorts the words that stand by themselves in `typed`, which was made of `words`.
    ///
    /// # Errors
    /// A number that is no port, and a second port or path, in words for the person who typed them.
    pub fn read(command: &Command, typed: &ArgMatches, words: &[OsString]) -> Result<Operands, String> {
        let mut operands = Operands::default();
        let is_typed = |id| typed.value_source(id) == Some(ValueSource::CommandLine);
        for word in typed.get_many::<OsString>("words").into_iter().flatten() {
            let shown = word.display();
            if word.is_empty() {
                return Err("an empty word is neither a port nor a path; leave it out".to_owned());
            } else if let Some(number) = number(word) {
                if let Some(first) = &operands.port {
                    return Err(format!(
                        "two ports, '{first}' and '{number}'; write ./{number} for a path of that name"
                    ));
                }
                if is_typed("port") {
                    return Err(format!("two ports, '{number}' and that of --port; leave one out"));
                }
                if super::value::port(number).is_err() {
                    return Err(format!(
                        "invalid port '{number}': give a number from 0 to 65535, where 0 takes any free port; write ./{number} \
                         for a path of that name"
                    ));
                }
                operands.port = Some(number.to_owned());
            } else {
                let is_second = operands.path.is_some() || is_typed("directory");
                if let Some(name) = word.to_str().filter(|name| is_second && command.find_subcommand(name).is_some()) {
                    return Err(format!("the command '{name}' has to be the first word: glasshouse {name}"));
                }
                let meant = otherwise(command, word, words);
                // The first word may be the one that was meant otherwise: a command with a letter too many.
                let way_out = match operands.meant.as_ref().or(meant.as_ref()) {
                    Some(meant) => meant.to_string(),
                    None => format!("leave one out, or serve it with --mount /PATH={shown}"),
                };
                if let Some(first) = &operands.path {
                    let first = first.display();
                    return Err(format!("two paths to serve, '{first}' and '{shown}'; {way_out}"));
                }
                if is_typed("directory") {
                    return Err(format!("two paths to serve, '{shown}' and that of --directory; {way_out}"));
                }
                operands.meant = meant;
                operands.path = Some(word.clone());
            }
        }
        Ok(operands)
    }

    /// Whether the option of this name was given in this way.
    pub fn has(&self, option: &str) -> bool {
        match option {
            "port" => self.port.is_some(),
            "directory" => self.path.is_some(),
            _ => false,
        }
    }

    /// The same as flags.
    pub fn flags(&self) -> Vec<OsString> {
        let port = self.port.as_ref().map(|port| flag("port", port.as_ref()));
        port.into_iter().chain(self.path.as_ref().map(|path| flag("directory", path))).collect()
    }
}

/// A word that is a number, with or without a sign: nobody calls a directory `+80` or `-1` by that name alone.
fn number(word: &OsStr) -> Option<&str> {
    let text = word.to_str()?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// What else a path may have been meant as.
fn otherwise(command: &Command, word: &OsStr, words: &[OsString]) -> Option<Meant> {
    let text = word.to_str()?;
    if let Some(before) = words.windows(2).find_map(|pair| match pair {
        [flag, value] if value == word => optional(command, flag.to_str()?),
        _ => None,
    }) {
        return Some(Meant::Value { flag: before, text: text.to_owned() });
    }
    if let Some(address) = address(text) {
        return Some(address);
    }
    let commands = command.get_subcommands().map(|command| command.get_name().to_owned()).chain(["help".to_owned()]);
    let flags = command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned));
    nearest(text, commands)
        .map(Meant::Command)
        .or_else(|| nearest(text, flags.chain(["version".to_owned()])).map(Meant::Flag))
}

/// The long form of a flag whose value is optional, and stands behind `=`.
fn optional(command: &Command, flag: &str) -> Option<String> {
    let is_it = |long: &str, short: Option<char>| match (flag.strip_prefix("--"), flag.strip_prefix('-')) {
        (Some(name), _) => name == long,
        (None, Some(letters)) => !letters.is_empty() && letters.chars().all(|letter| Some(letter) == short),
        (None, None) => false,
    };
    let mut flags = command.get_arguments().filter(|arg| arg.is_require_equals_set());
    let arg = flags.find(|arg| arg.get_long().is_some_and(|long| is_it(long, arg.get_short())))?;
    arg.get_long().map(|long| format!("--{long}"))
}

/// `HOST:PORT`, `:PORT` or a URL.
fn address(text: &str) -> Option<Meant> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let rest = rest.map_or(text, |rest| rest.trim_end_matches('/'));
    if let Ok(ip) = rest.parse::<std::net::IpAddr>() {
        return Some(Meant::Address { port: None, host: ip.to_string() });
    }
    let (host, port) = rest.rsplit_once(':')?;
    let is_host = !host.contains(['/', ':']) || host.starts_with('[');
    (is_host && super::value::port(port).is_ok())
        .then(|| Meant::Address { port: Some(port.to_owned()), host: host.to_owned() })
}
