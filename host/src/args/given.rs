//! Who has a say in an option: the command line, a variable, the file. It refuses to know what the options mean.

use super::Cli;
use super::file::File;
use super::settings::{self, Source};
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, ArgMatches, CommandFactory as _};
use std::ffi::{OsStr, OsString};

/// The value of a variable of the environment.
pub type Variables<'a> = &'a dyn Fn(&OsStr) -> Option<OsString>;

/// Who may have a say in an option: the words, the variables and the file, in this order.
pub struct Given<'a> {
    pub typed: ArgMatches,
    pub file: File,
    pub variable: Variables<'a>,
}

impl Given<'_> {
    pub fn source(&self, arg: &Arg) -> Source {
        settings::source(arg, &self.typed, &self.file, self.variable)
    }

    /// The words with those of the file among them, so that one parser reads both. What the handler reads is not for it.
    pub fn words(&self, typed: &[OsString]) -> Vec<OsString> {
        let command = Cli::command();
        let is_ours = |arg: &&Arg| arg.get_env().is_some() && self.source(arg) == Source::File;
        let (mut flags, mut last) = (Vec::new(), Vec::new());
        for arg in settings::options(&command).filter(is_ours) {
            let name = settings::name(arg);
            match arg.is_positional() {
                true => last.extend(self.file.text(name).map(OsString::from)),
                false => flags.extend(self.file.words(name)),
            }
        }
        if !last.is_empty() && !typed.iter().any(|word| word == "--") {
            last.insert(0, "--".into());
        }
        let (program, typed) = typed.split_at(typed.len().min(1));
        program.iter().cloned().chain(flags).chain(typed.iter().cloned()).chain(last).collect()
    }

    /// Adds what clap cannot tell: that a second word is no command, and that a bad value was not typed.
    pub fn explain(&self, mut error: Error) -> Error {
        let mut cli = Cli::command();
        // An option that is not built yet has no text to compare with.
        cli.build();
        let told = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => text.clone(),
            _ => String::new(),
        };
        let (word, option) = (told(ContextKind::InvalidSubcommand), told(ContextKind::InvalidArg));
        if error.kind() == ErrorKind::ArgumentConflict && !word.is_empty() && cli.find_subcommand(&word).is_none() {
            let text = format!("unexpected argument '{word}'; a directory follows -d");
            return cli.error(ErrorKind::UnknownArgument, text);
        }
        let arg = cli.get_arguments().find(|arg| arg.to_string() == option);
        let place = arg.and_then(|arg| match self.source(arg) {
            Source::Variable => Some(format!("the variable {}", settings::variable(arg).display())),
            Source::File => self.file.place(settings::name(arg)),
            Source::Typed | Source::Default => None,
        });
        if let Some(place) = place {
            let tip = format!("the value is that of {place}");
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        }
        error
    }
}
