//! Who has a say in an option: the command line, a variable, the file. All of them become words of one command line, so a value has one
//! parser wherever it stands.

use super::operands::Operands;
use super::value::switch;
use super::variables::flag_near;
use super::{Cli, file};
use crate::args::effective;
use crate::args::effective::OptionSource;
use crate::args::file::ConfigFile;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _, ValueHint};
use glasshouse_core::config::service_link::is_service_link;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// The value of a variable of the environment.
pub type Variables<'a> = &'a dyn Fn(&OsStr) -> Option<OsString>;

/// Options whose variable holds several values, with what separates them. Everything else that can be repeated is the handler's.
const SEPARATORS: &[(&str, u8)] =
    &[("bind", b','), ("harden-also", b','), ("host", b','), ("mount", b'\n'), ("trust", b',')];

/// Who may have a say in an option: the words, the variables and the file, in this order.
pub struct Sources<'a> {
    pub typed: ArgMatches,
    pub operands: Operands,
    pub file: ConfigFile,
    pub variable: Variables<'a>,
}

/// The definition without the variables, which are read here, and not by the library.
pub fn command() -> Command {
    Cli::command().mut_args(|arg| match arg.get_action().takes_values() {
        true => arg.env(None::<&'static str>).allow_negative_numbers(true),
        false => arg.env(None::<&'static str>),
    })
}

impl Sources<'_> {
    pub fn source(&self, arg: &Arg) -> OptionSource {
        if self.operands.has(effective::name(arg)) {
            return OptionSource::Typed;
        }
        let variable = |key: &OsStr| (self.variable)(key).filter(|value| !is_of_service(key, value));
        effective::source(arg, &self.typed, &self.file, variable)
    }

    /// Whether anybody has named a value of the option.
    pub fn is_given(&self, name: &str) -> bool {
        effective::options(&Cli::command())
            .any(|arg| effective::name(arg) == name && self.source(arg) != OptionSource::Default)
    }

    /// The words with those of the variables, the file and the operands before them. What the handler reads is not for the parser of the
    /// command line.
    ///
    /// # Errors
    /// A variable that means nothing, in words for the person who set it.
    pub fn words(&self, typed: &[OsString]) -> Result<Vec<OsString>, String> {
        let definition = Cli::command();
        let (program, typed) = typed.split_at(typed.len().min(1));
        let mut words = program.to_vec();
        for arg in effective::options(&definition).filter(|arg| arg.get_env().is_some()) {
            match self.source(arg) {
                OptionSource::Variable => words.extend(self.of_variable(arg)?),
                OptionSource::File => words.extend(self.file.words(effective::name(arg))),
                OptionSource::Typed | OptionSource::Site | OptionSource::Default => {}
            }
        }
        words.extend(self.operands.flags());
        words.extend(typed.iter().cloned());
        Ok(words)
    }

    /// A variable, as it would be typed.
    fn of_variable(&self, arg: &Arg) -> Result<Vec<OsString>, String> {
        let (name, variable) = (effective::name(arg), effective::variable(arg));
        let Some(value) = (self.variable)(&variable) else { return Ok(Vec::new()) };
        let variable = variable.display();
        if arg.get_action().takes_values() && trimmed(&value).is_empty() {
            return Err(format!("{variable}: the value is empty; give one, or unset the variable"));
        }
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            let text = value.to_str().ok_or_else(|| format!("{variable}: the value is not UTF-8"))?;
            let on = switch(text.trim()).map_err(|reason| format!("{variable}: {reason}"))?;
            return Ok(on.then(|| format!("--{name}").into()).into_iter().collect());
        }
        let is_path = arg.get_value_hint() == ValueHint::AnyPath;
        let separator = SEPARATORS.iter().find(|(known, _)| *known == name).map(|(_, separator)| *separator);
        let texts: Vec<OsString> = match separator {
            Some(separator) => {
                let parts = value.as_bytes().split(|byte| *byte == separator);
                parts.map(|part| trimmed(OsStr::from_bytes(part))).filter(|part| !part.is_empty()).collect()
            }
            None if is_path => vec![value],
            None => vec![trimmed(&value)],
        };
        Ok(texts.iter().map(|text| file::flag(name, text)).collect())
    }

    /// Adds what clap cannot tell: where a bad value is from if nobody typed it, and which word is not UTF-8.
    pub fn explain(&self, mut error: Error, words: &[OsString], typed: usize) -> Error {
        if error.kind() == ErrorKind::InvalidUtf8 {
            return not_utf8(words, typed).map_or(error, |text| Cli::command().error(ErrorKind::InvalidUtf8, text));
        }
        let mut cli = Cli::command();
        // An option that is not built yet has no text to compare with.
        cli.build();
        let option = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(text)) => text.clone(),
            _ => String::new(),
        };
        if error.kind() == ErrorKind::UnknownArgument && self.typed.subcommand().is_none() {
            let near = option.strip_prefix("--").and_then(|name| flag_near(&cli, name));
            let way_out =
                near.map_or("--help lists what there is".to_owned(), |near| format!("did you mean '--{near}'?"));
            return cli.error(ErrorKind::UnknownArgument, format!("unexpected argument '{option}'; {way_out}"));
        }
        let arg = cli.get_arguments().find(|arg| arg.to_string() == option);
        let place = arg.and_then(|arg| match self.source(arg) {
            OptionSource::Variable => Some(format!("the variable {}", effective::variable(arg).display())),
            OptionSource::File => self.file.place(effective::name(arg)),
            OptionSource::Typed | OptionSource::Site | OptionSource::Default => None,
        });
        if let Some(place) = place {
            let tip = format!("the value is that of {place}");
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
    OsString::from_vec(text.as_bytes().trim_ascii().to_vec())
}

/// Which word has to be UTF-8 and is not: one that is refused although all others are made so.
fn not_utf8(words: &[OsString], typed: usize) -> Option<String> {
    let legible = |word: &OsString| OsString::from(word.to_string_lossy().into_owned());
    let is_wrong = |at: &usize| {
        let others = words.iter().enumerate();
        let words = others.map(|(number, word)| if number == *at { word.clone() } else { legible(word) });
        command().try_get_matches_from(words).is_err_and(|error| error.kind() == ErrorKind::InvalidUtf8)
    };
    let at = (0..words.len()).filter(|at| words.get(*at).is_some_and(|word| word.to_str().is_none())).find(is_wrong)?;
    let word = words.get(at)?.to_string_lossy();
    match at.checked_sub(words.len().checked_sub(typed)?).filter(|number| *number > 0) {
        Some(number) => Some(format!("argument {number}, '{word}', is not UTF-8, and only a path may be so")),
        None => {
            let flag = word.split('=').next().unwrap_or_default();
            Some(format!(
                "the value that the environment or the file gives for {flag} is not UTF-8, and only a path may be so"
            ))
        }
    }
}
