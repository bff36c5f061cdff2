//! The operands of the command line: a number is the port, anything else is the path to serve. Does not look whether
//! the path exists; the error for a missing path gets a hint from here.

use super::file::{flag, nearest};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use std::ffi::{OsStr, OsString};
use std::fmt;

/// The port and the path, each at most once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Operands {
    port: Option<String>,
    path: Option<OsString>,
    pub(crate) hint: Option<OperandHint>,
}

/// The probable intention behind an operand that is not an existing path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OperandHint {
    /// The value of the flag before it, which needs a `=`.
    Value {
        flag: String,
        text: String,
    },
    /// An address, with or without a port.
    Address {
        port: Option<String>,
        host: String,
    },
    /// A subcommand, which must be the first argument.
    Command(String),
    Flag(String),
}

impl fmt::Display for OperandHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OperandHint::Value { flag, text } => write!(f, "if it is the value of {flag}, write {flag}={text}"),
            OperandHint::Address { port: Some(port), host } if host.is_empty() => {
                write!(f, "for the port write {port}")
            }
            OperandHint::Address { port: Some(port), host } => write!(f, "for an address write {port} -b {host}"),
            OperandHint::Address { port: None, host } => write!(f, "for an address write -b {host}"),
            OperandHint::Command(name) => {
                write!(f, "did you mean the command '{name}'? It must be the first argument: glasshouse {name}")
            }
            OperandHint::Flag(name) => write!(f, "did you mean '--{name}'?"),
        }
    }
}

impl Operands {
    /// Reads the operands in `flags`, which are the matches of `arguments`.
    ///
    /// # Errors
    /// An invalid port, a second port, a second path.
    pub(crate) fn read(command: &Command, flags: &ArgMatches, arguments: &[OsString]) -> Result<Operands, String> {
        let mut operands = Operands::default();
        let has_flag = |id| flags.value_source(id) == Some(ValueSource::CommandLine);
        for operand in flags.get_many::<OsString>("operands").into_iter().flatten() {
            let shown = operand.display();
            if operand.is_empty() {
                return Err("an empty argument is neither a port nor a path; leave it out".to_owned());
            } else if let Some(number) = number(operand) {
                if let Some(first) = &operands.port {
                    return Err(format!(
                        "two ports, '{first}' and '{number}'; write ./{number} for a path of that name"
                    ));
                }
                if has_flag("port") {
                    return Err(format!("two ports, '{number}' and the one of --port; leave one out"));
                }
                if super::value::port(number).is_err() {
                    return Err(format!(
                        "invalid port '{number}': give a number from 0 to 65535, where 0 selects any free port; write \
                         ./{number} for a path of that name"
                    ));
                }
                operands.port = Some(number.to_owned());
            } else {
                let is_second = operands.path.is_some() || has_flag("directory");
                if let Some(name) = operand.to_str().filter(|name| is_second && command.find_subcommand(name).is_some())
                {
                    return Err(format!("the command '{name}' must be the first argument: glasshouse {name}"));
                }
                let hint = hint(command, operand, arguments);
                // The first operand may be the wrong one: a misspelled command.
                let fix = match operands.hint.as_ref().or(hint.as_ref()) {
                    Some(hint) => hint.to_string(),
                    None => format!("leave one out, or serve it with --mount /PATH={shown}"),
                };
                if let Some(first) = &operands.path {
                    let first = first.display();
                    return Err(format!("two paths to serve, '{first}' and '{shown}'; {fix}"));
                }
                if has_flag("directory") {
                    return Err(format!("two paths to serve, '{shown}' and the one of --directory; {fix}"));
                }
                operands.hint = hint;
                operands.path = Some(operand.clone());
            }
        }
        Ok(operands)
    }

    /// Whether an operand sets the option of this name.
    pub(crate) fn has(&self, option: &str) -> bool {
        match option {
            "port" => self.port.is_some(),
            "directory" => self.path.is_some(),
            _ => false,
        }
    }

    /// The flags that mean the same.
    pub(crate) fn flags(&self) -> Vec<OsString> {
        let port = self.port.as_ref().map(|port| flag("port", port.as_ref()));
        port.into_iter().chain(self.path.as_ref().map(|path| flag("directory", path))).collect()
    }
}

/// A number, with or without a sign: `+80` and `-1` are wrong ports rather than directories.
fn number(operand: &OsStr) -> Option<&str> {
    let text = operand.to_str()?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

fn hint(command: &Command, operand: &OsStr, arguments: &[OsString]) -> Option<OperandHint> {
    let text = operand.to_str()?;
    if let Some(flag) = arguments.windows(2).find_map(|pair| match pair {
        [flag, value] if value == operand => flag_with_optional_value(command, flag.to_str()?),
        _ => None,
    }) {
        return Some(OperandHint::Value { flag, text: text.to_owned() });
    }
    if let Some(address) = address(text) {
        return Some(address);
    }
    let commands = command.get_subcommands().map(|command| command.get_name().to_owned()).chain(["help".to_owned()]);
    let flags = command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned));
    nearest(text, commands)
        .map(OperandHint::Command)
        .or_else(|| nearest(text, flags.chain(["version".to_owned()])).map(OperandHint::Flag))
}

/// The long form of a flag whose value is optional and needs a `=`.
fn flag_with_optional_value(command: &Command, flag: &str) -> Option<String> {
    let is_same = |long: &str, short: Option<char>| match (flag.strip_prefix("--"), flag.strip_prefix('-')) {
        (Some(name), _) => name == long,
        (None, Some(letters)) => !letters.is_empty() && letters.chars().all(|letter| Some(letter) == short),
        (None, None) => false,
    };
    let mut flags = command.get_arguments().filter(|arg| arg.is_require_equals_set());
    let arg = flags.find(|arg| arg.get_long().is_some_and(|long| is_same(long, arg.get_short())))?;
    arg.get_long().map(|long| format!("--{long}"))
}

/// `HOST:PORT`, `:PORT` or a URL.
fn address(text: &str) -> Option<OperandHint> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let rest = rest.map_or(text, |rest| rest.trim_end_matches('/'));
    if let Ok(ip) = rest.parse::<std::net::IpAddr>() {
        return Some(OperandHint::Address { port: None, host: ip.to_string() });
    }
    let (host, port) = rest.rsplit_once(':')?;
    let is_host = !host.contains(['/', ':']) || host.starts_with('[');
    (is_host && super::value::port(port).is_ok())
        .then(|| OperandHint::Address { port: Some(port.to_owned()), host: host.to_owned() })
}
