//! The form that an option has in a file of settings. The forms themselves are those of the file of a site. It refuses to know what the
//! text means.

use crate::args::effective;
use clap::{Arg, ArgAction};
use glasshouse_core::config::options;
pub use glasshouse_core::config::toml_document::ValueShape;

/// How an option is written in TOML: what the handler reads is written as in the file of a site.
pub fn of(arg: &Arg) -> ValueShape {
    if let Some(form) = options::shape(effective::name(arg)) {
        return form;
    }
    match arg.get_action() {
        ArgAction::SetTrue | ArgAction::SetFalse => ValueShape::Switch,
        ArgAction::Append => ValueShape::Several,
        _ => ValueShape::One { or_switch: false },
    }
}

#[cfg(test)]
mod tests {
    use crate::args::definition;
    use crate::args::toml_shape::*;

    /// What is typed once for each value is a list in a file, and what takes no value is a switch there.
    #[test]
    fn flags_and_files_have_the_same_forms() {
        let command = definition();
        for arg in effective::options(&command) {
            let expected = match (arg.get_action(), of(arg)) {
                (ArgAction::SetTrue, form) => form == ValueShape::Switch,
                (ArgAction::Append, form) => matches!(form, ValueShape::Several | ValueShape::SeveralOrSwitch),
                (_, form) => matches!(form, ValueShape::One { .. } | ValueShape::SeveralOrSwitch),
            };
            assert!(expected, "{}", effective::name(arg));
        }
    }
}
