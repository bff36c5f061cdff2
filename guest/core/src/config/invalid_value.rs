//! The error for an option value without a meaning.

use std::fmt;

/// Why the value of an option is invalid: the value, the reason and the fix, without the name of the option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidValue(String);

impl InvalidValue {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> InvalidValue {
        InvalidValue(message.into())
    }
}

impl From<InvalidValue> for String {
    fn from(InvalidValue(message): InvalidValue) -> String {
        message
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidValue {}
