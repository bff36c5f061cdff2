//! The sources of an option: the command line, a variable, the file. All become arguments of one command line, so that
//! a value has one parser wherever it comes from.

use super::operands::Operands;
use super::variables::flag_near;
use super::{Cli, clap_options, effective, file};
use crate::args::effective::OptionSource;
use crate::args::file::ConfigFile;
use crate::os_bytes::os_str;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _, ValueHint};
use glasshouse_core::config::service_link::is_service_link;
use glasshouse_core::config::toml_document::switch;
use std::ffi::{OsStr, OsString};

/// Looks up a variable of the environment.
pub(crate) type Variables<'a> = &'a dyn Fn(&OsStr) -> Option<OsString>;

/// Options whose variable holds several values, with the separator. All other repeatable options are the handler's.
const SEPARATORS: &[(&str, u8)] = &[
    ("bind", b','),
    ("harden-also", b','),
    ("host", b','),
    ("mount", b'\n'),
    ("mount-env", b'\n'),
    ("trust", b','),
    ("with", b'\n'),
];

/// The sources of all options.
pub(crate) struct Sources<'a> {
    /// The matches of the command line alone.
    pub(crate) flags: ArgMatches,
    pub(crate) operands: Operands,
    pub(crate) file: ConfigFile,
    pub(crate) variable: Variables<'a>,
}

/// The definition without the variables: this module reads them, clap does not.
pub(crate) fn command() -> Command {
    Cli::command().mut_args(|arg| match arg.get_action().takes_values() {
        true => arg.env(None::<&'static str>).allow_negative_numbers(true),
        false => arg.env(None::<&'static str>),
    })
}

impl Sources<'_> {
    pub(crate) fn source(&self, arg: &Arg) -> OptionSource {
        if self.operands.has(clap_options::name(arg)) {
            return OptionSource::Flag;
        }
        let variable = |key: &OsStr| (self.variable)(key).filter(|value| !is_of_service(key, value));
        effective::source(arg, &self.flags, &self.file, variable)
    }

    /// Whether the option has another source than its default.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        clap_options::all(&Cli::command())
            .any(|arg| clap_options::name(arg) == name && self.source(arg) != OptionSource::Default)
    }

    /// The arguments of the process, after those of the variables, the file and the operands. Without the options of
    /// the handler, which clap does not parse.
    ///
    /// # Errors
    /// A variable with an invalid value.
    pub(crate) fn arguments(&self, arguments: &[OsString]) -> Result<Vec<OsString>, String> {
        let definition = Cli::command();
        let (program, arguments) = arguments.split_at(arguments.len().min(1));
        let mut all = program.to_vec();
        for arg in clap_options::all(&definition).filter(|arg| arg.get_env().is_some()) {
            match self.source(arg) {
                OptionSource::Variable => all.extend(self.of_variable(arg)?),
                OptionSource::File => all.extend(self.file.arguments(clap_options::name(arg))),
                OptionSource::Flag | OptionSource::Site | OptionSource::Default => {}
            }
        }
        all.extend(self.operands.flags());
        all.extend(arguments.iter().cloned());
        Ok(all)
    }

    /// The arguments that set an option to the value of its variable.
    fn of_variable(&self, arg: &Arg) -> Result<Vec<OsString>, String> {
        let (name, variable) = (clap_options::name(arg), clap_options::variable(arg));
        let Some(value) = (self.variable)(&variable) else { return Ok(Vec::new()) };
        let variable = variable.display();
        if arg.get_action().takes_values() && trimmed(&value).is_empty() {
            return Err(format!("{variable}: the value is empty; give one, or unset the variable"));
        }
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            let text =
                value.to_str().ok_or_else(|| format!("{variable}: the value is not UTF-8; write true or false"))?;
            let on = switch(text.trim())
                .ok_or_else(|| format!("{variable}: invalid switch '{}'; write true or false", text.trim()))?;
            return Ok(on.then(|| format!("--{name}").into()).into_iter().collect());
        }
        let is_path = arg.get_value_hint() == ValueHint::AnyPath;
        let separator = SEPARATORS.iter().find(|(known, _)| *known == name).map(|(_, separator)| *separator);
        let texts: Vec<OsString> = match separator {
            Some(separator) => {
                let parts = value.as_encoded_bytes().split(|byte| *byte == separator).map(os_str);
                let parts = parts.collect::<Option<Vec<_>>>();
                let parts =
                    parts.ok_or_else(|| format!("{variable}: the value is not Unicode; write it in Unicode"))?;
                parts.into_iter().map(trimmed).filter(|part| !part.is_empty()).collect()
            }
            None if is_path => vec![value],
            None => vec![trimmed(&value)],
        };
        Ok(texts.iter().map(|text| file::flag(name, text)).collect())
    }

    /// Adds facts that clap does not know: the source of an invalid value, the argument that is not UTF-8, and similar
    /// flags. `count` is the number of arguments of the process, which are the last of `arguments`.
    pub(crate) fn explain(&self, mut error: Error, arguments: &[OsString], count: usize) -> Error {
        if error.kind() == ErrorKind::InvalidUtf8 {
            return not_utf8(arguments, count).map_or(error, |text| Cli::command().error(ErrorKind::InvalidUtf8, text));
        }
        let mut cli = Cli::command();
        // Only a built option has the text of the error.
        cli.build();
        let option = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(text)) => text.clone(),
            _ => String::new(),
        };
        if error.kind() == ErrorKind::UnknownArgument && self.flags.subcommand().is_none() {
            let near = option.strip_prefix("--").and_then(|name| flag_near(&cli, name));
            let fix = near.map_or("--help lists the flags".to_owned(), |near| format!("did you mean '--{near}'?"));
            return cli.error(ErrorKind::UnknownArgument, format!("unexpected argument '{option}'; {fix}"));
        }
        let arg = cli.get_arguments().find(|arg| arg.to_string() == option);
        let location = arg.and_then(|arg| match self.source(arg) {
            OptionSource::Variable => Some(format!("the variable {}", clap_options::variable(arg).display())),
            OptionSource::File => self.file.location(clap_options::name(arg)),
            OptionSource::Flag | OptionSource::Site | OptionSource::Default => None,
        });
        if let Some(location) = location {
            let tip = format!("the value is from {location}");
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        }
        error
    }
}

fn is_of_service(key: &OsStr, value: &OsStr) -> bool {
    key.to_str().is_some_and(|key| is_service_link(key, &value.to_string_lossy()))
}

/// Without white space around it.
fn trimmed(text: &OsStr) -> OsString {
    os_str(text.as_encoded_bytes().trim_ascii()).unwrap_or(text).to_owned()
}

/// The error for the argument that must be UTF-8 and is not: clap refuses it even if all others are valid.
fn not_utf8(arguments: &[OsString], count: usize) -> Option<String> {
    let legible = |argument: &OsString| OsString::from(argument.to_string_lossy().into_owned());
    let is_refused = |at: &usize| {
        let all = arguments.iter().enumerate();
        let all = all.map(|(index, argument)| if index == *at { argument.clone() } else { legible(argument) });
        command().try_get_matches_from(all).is_err_and(|error| error.kind() == ErrorKind::InvalidUtf8)
    };
    let is_odd = |at: &usize| arguments.get(*at).is_some_and(|argument| argument.to_str().is_none());
    let at = (0..arguments.len()).filter(is_odd).find(is_refused)?;
    let argument = arguments.get(at)?.to_string_lossy();
    match at.checked_sub(arguments.len().checked_sub(count)?).filter(|number| *number > 0) {
        Some(number) => Some(format!("argument {number}, '{argument}', is not UTF-8; only a path can be other bytes")),
        None => {
            let flag = argument.split('=').next().unwrap_or_default();
            Some(format!(
                "the environment or the file sets {flag} to a value that is not UTF-8; only a path can be other bytes"
            ))
        }
    }
}
