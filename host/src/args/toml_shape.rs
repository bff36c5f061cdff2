//! The shape of the value of an option in TOML.

use super::clap_options;
use clap::{Arg, ArgAction};
use glasshouse_core::config::options;
pub(crate) use glasshouse_core::config::toml_document::ValueShape;

/// The shape of an option. An option of the handler has the same shape as in `glasshouse.toml`.
pub(crate) fn of(arg: &Arg) -> ValueShape {
    if let Some(shape) = options::shape(clap_options::name(arg)) {
        return shape;
    }
    match arg.get_action() {
        ArgAction::SetTrue | ArgAction::SetFalse => ValueShape::Switch,
        ArgAction::Append => ValueShape::Several,
        _ => ValueShape::One { or_switch: false },
    }
}

#[cfg(test)]
mod tests {
    use crate::args::toml_shape::*;
    use crate::args::{clap_options, definition};

    /// A repeatable flag is a list in a file, and a flag without a value is a switch.
    #[test]
    fn flags_and_files_have_the_same_shapes() {
        let command = definition();
        for arg in clap_options::all(&command) {
            let expected = match (arg.get_action(), of(arg)) {
                (ArgAction::SetTrue, shape) => shape == ValueShape::Switch,
                (ArgAction::Append, shape) => matches!(shape, ValueShape::Several | ValueShape::SeveralOrSwitch),
                (_, shape) => matches!(shape, ValueShape::One { .. } | ValueShape::SeveralOrSwitch),
            };
            assert!(expected, "{}", clap_options::name(arg));
        }
    }
}
