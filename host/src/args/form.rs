//! The form that an option has in a file of settings. The forms themselves are those of the file of a site. It refuses to know what the
//! text means.

use super::settings;
use clap::{Arg, ArgAction};
pub use glasshouse_core::document::Form;
use glasshouse_core::options;

/// How an option is written in TOML: what the handler reads is written as in the file of a site.
pub fn of(arg: &Arg) -> Form {
    if let Some(form) = options::form(settings::name(arg)) {
        return form;
    }
    match arg.get_action() {
        ArgAction::SetTrue | ArgAction::SetFalse => Form::Switch,
        ArgAction::Append => Form::Several,
        _ => Form::One { or_switch: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::definition;

    /// What is typed once for each value is a list in a file, and what takes no value is a switch there.
    #[test]
    fn flags_and_files_have_the_same_forms() {
        let command = definition();
        for arg in settings::options(&command) {
            let expected = match (arg.get_action(), of(arg)) {
                (ArgAction::SetTrue, form) => form == Form::Switch,
                (ArgAction::Append, form) => matches!(form, Form::Several | Form::SeveralOrSwitch),
                (_, form) => matches!(form, Form::One { .. } | Form::SeveralOrSwitch),
            };
            assert!(expected, "{}", settings::name(arg));
        }
    }
}
