//! Options in TOML: keys with their lines, and the shapes of values. The host uses this for its own file too.

use crate::config::invalid_value::InvalidValue;
use crate::suggest;
use std::collections::BTreeMap;
use toml::{Spanned, Value};

/// A key at the top level of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct TomlKey {
    /// The name.
    pub name: String,
    /// The line number, from 1 on.
    pub line: usize,
    /// The value.
    pub value: Value,
}

/// Why a text is not valid TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TomlError {
    /// The line number, from 1 on.
    pub line: usize,
    /// The message of the parser, in one line.
    pub reason: String,
}

/// Reads the keys of a file, in the order of their lines.
///
/// # Errors
/// [`TomlError`] for invalid TOML.
pub fn read(text: &str) -> Result<Vec<TomlKey>, TomlError> {
    let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count().saturating_add(1);
    let table: BTreeMap<String, Spanned<Value>> = toml::from_str(text).map_err(|error| TomlError {
        line: error.span().map_or(1, |span| line(span.start)),
        reason: error.message().replace('\n', "; "),
    })?;
    let key = |(name, value): (String, Spanned<Value>)| {
        let line = line(value.span().start);
        TomlKey { name, line, value: value.into_inner() }
    };
    let mut keys: Vec<TomlKey> = table.into_iter().map(key).collect();
    keys.sort_by_key(|key| key.line);
    Ok(keys)
}

/// The question whether the most similar one of `names` was meant. `None` if none is similar.
pub fn did_you_mean(typed: &str, names: impl Iterator<Item = impl AsRef<str>>) -> Option<String> {
    let near = names.filter_map(|name| Some((suggest::distance(typed, name.as_ref())?, name)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| format!("did you mean '{}'?", name.as_ref()))
}

/// The shape of the value of an option in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueShape {
    /// `true` or `false`.
    Switch,
    /// One text or number.
    One {
        /// Whether a switch is valid too.
        or_switch: bool,
    },
    /// A list of texts or numbers. A single value is a list with one element.
    Several,
    /// The same, or a switch for all or none.
    SeveralOrSwitch,
}

impl ValueShape {
    /// The texts of a value, one for each use of the flag.
    ///
    /// # Errors
    /// A message about a value of another shape.
    pub fn read(self, value: &Value) -> Result<Vec<String>, InvalidValue> {
        let one = |message| {
            let word = word(value).ok_or_else(|| InvalidValue::new(message))?;
            Ok(vec![word])
        };
        match (self, value) {
            (
                ValueShape::Switch | ValueShape::One { or_switch: true } | ValueShape::SeveralOrSwitch,
                Value::Boolean(on),
            ) => Ok(vec![on.to_string()]),
            (ValueShape::Switch, _) => Err(InvalidValue::new("is a switch; write true or false")),
            (ValueShape::One { .. }, _) => one("takes one value; write a text or a number"),
            (ValueShape::Several | ValueShape::SeveralOrSwitch, Value::Array(values)) => {
                let words = values.iter().map(word).collect::<Option<_>>();
                words.ok_or_else(|| InvalidValue::new(SEVERAL))
            }
            (ValueShape::Several | ValueShape::SeveralOrSwitch, _) => one(SEVERAL),
        }
    }

    /// The value for the text of a variable, in which several values are lines.
    pub fn write_text(self, text: &str) -> Option<Value> {
        self.write(match self {
            ValueShape::Several | ValueShape::SeveralOrSwitch => text.lines().map(str::to_owned).collect(),
            ValueShape::Switch | ValueShape::One { .. } => vec![text.to_owned()],
        })
    }

    /// The value for texts. `None` if one value is required and there is none.
    pub fn write(self, mut texts: Vec<String>) -> Option<Value> {
        match self {
            ValueShape::Switch => Some(Value::Boolean(texts.pop().and_then(|text| switch(&text)) == Some(true))),
            ValueShape::One { or_switch } => texts.pop().map(|text| match text.as_str() {
                "true" | "false" if or_switch => Value::Boolean(text == "true"),
                _ => simplest(text),
            }),
            ValueShape::Several | ValueShape::SeveralOrSwitch => {
                if let (ValueShape::SeveralOrSwitch, [text]) = (self, texts.as_slice())
                    && !text.is_empty()
                    && let Some(on) = switch(text)
                {
                    return Some(Value::Boolean(on));
                }
                Some(Value::Array(texts.into_iter().map(simplest).collect()))
            }
        }
    }
}

/// The message about a value that is not a list.
const SEVERAL: &str = "takes several values; write a list of texts";

/// A text or a number as text.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A number if it is written like the text, otherwise the text.
fn simplest(text: String) -> Value {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Value::Integer(number),
        _ => Value::String(text),
    }
}

/// The meaning of a word for on or off, whatever its case. `None` for any other text.
pub fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "" | "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::toml_document::*;

    const ONE: ValueShape = ValueShape::One { or_switch: false };
    const OPTIONAL: ValueShape = ValueShape::One { or_switch: true };

    #[track_caller]
    fn value(text: &str) -> Value {
        match read(&format!("x = {text}")).map(|mut keys| keys.pop()) {
            Ok(Some(key)) => key.value,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn values_that_are_read_can_be_written() {
        let rows: &[(ValueShape, &str, &[&str])] = &[
            (ValueShape::Switch, "true", &["true"]),
            (ValueShape::Switch, "false", &["false"]),
            (ONE, "'64M'", &["64M"]),
            (ONE, "3", &["3"]),
            (ONE, "'03'", &["03"]),
            (ONE, "'true'", &["true"]),
            (ONE, "'a\"b'", &["a\"b"]),
            (OPTIONAL, "true", &["true"]),
            (OPTIONAL, "'x.html'", &["x.html"]),
            (ValueShape::Several, "[]", &[]),
            (ValueShape::Several, "['a', 60]", &["a", "60"]),
            (ValueShape::SeveralOrSwitch, "['tar', 'zip']", &["tar", "zip"]),
        ];
        for (shape, text, expected) in rows {
            let read = shape.read(&value(text)).unwrap_or_default();
            assert_eq!(&read, expected, "{text}");
            assert_eq!(shape.write(read), Some(value(text)), "{text}");
        }
        assert_eq!(ValueShape::Several.read(&value("'a'")), Ok(vec!["a".to_owned()]));
        assert_eq!(ValueShape::SeveralOrSwitch.read(&value("false")), Ok(vec!["false".to_owned()]));
        assert_eq!(ONE.write(Vec::new()), None);
    }

    #[test]
    fn other_shapes_are_refused() {
        let rows: &[(ValueShape, &[&str], &str)] = &[
            (ValueShape::Switch, &["'yes'", "1", "[true]"], "a switch"),
            (ONE, &["true", "1.5", "['a']", "{ a = 1 }", "2020-01-01"], "one value"),
            (OPTIONAL, &["['a']"], "one value"),
            (ValueShape::Several, &["true", "[true]", "[['a']]", "{ a = 1 }"], "several values"),
            (ValueShape::SeveralOrSwitch, &["[true]", "1.5"], "several values"),
        ];
        for (shape, texts, expected) in rows {
            for text in *texts {
                assert!(
                    shape.read(&value(text)).is_err_and(|reason| reason.to_string().contains(expected)),
                    "{shape:?} {text}"
                );
            }
        }
    }

    #[test]
    fn keys_come_in_the_order_of_their_lines() {
        let keys = read("\u{feff}# a\nb = 1\r\n\na = [\n1,\n]\n[c]\nd = 1\n").unwrap_or_default();
        let lines: Vec<_> = keys.iter().map(|key| (key.name.as_str(), key.line)).collect();
        assert_eq!(lines, [("b", 2), ("a", 4), ("c", 7)]);
    }

    #[test]
    fn an_error_has_a_line() {
        for (text, line, reason) in [
            ("a = 1\na = 2", 2, "duplicate key"),
            ("\n\nspa = ", 3, ""),
            ("a = 1\nb", 2, ""),
            ("[a]\n[a]\n", 2, "duplicate key"),
        ] {
            let error = read(text);
            let error = error.map_err(|error| (error.line, error.reason.contains(reason), error.reason.contains('\n')));
            assert_eq!(error, Err((line, true, false)), "{text}");
        }
        assert_eq!(
            did_you_mean("clean-url", ["compress", "clean-urls"].iter()).as_deref(),
            Some("did you mean 'clean-urls'?")
        );
        assert_eq!(did_you_mean("zzzzzzz", ["compress", "clean-urls"].iter()), None);
    }
}
