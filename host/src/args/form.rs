//! The three forms that an option has in a file of settings, and how its text is read into them and out of them. It refuses to
//! know what the text means.

use clap::{Arg, ArgAction};
use toml::Value;

/// How an option is written in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `true` or `false`.
    Switch,
    /// One text or number, or a switch where some text means on or off.
    One { or_switch: bool },
    /// A list of texts or numbers, or a switch where no text means on; one alone is a list of one.
    Several { or_switch: bool },
}

impl Form {
    pub fn of(arg: &Arg) -> Form {
        match arg.get_action() {
            ArgAction::SetTrue | ArgAction::SetFalse => Form::Switch,
            // What has no variable here is the handler's, which reads such words itself.
            ArgAction::Append => Form::Several {
                or_switch: arg.get_env().is_none() && arg.get_num_args().is_some_and(|words| words.min_values() == 0),
            },
            _ => Form::One { or_switch: arg.get_env().is_none() },
        }
    }

    /// The texts that a value stands for, one for each time that the option would be typed.
    ///
    /// # Errors
    /// A value of another form, in words for the person who wrote it.
    pub fn read(self, value: &Value) -> Result<Vec<String>, &'static str> {
        match (self, value) {
            (Form::Switch, Value::Boolean(on)) => Ok(vec![on.to_string()]),
            (Form::Switch, _) => Err("is a switch; write true or false"),
            (Form::One { or_switch: true } | Form::Several { or_switch: true }, Value::Boolean(on)) => {
                Ok(vec![on.to_string()])
            }
            (Form::One { .. }, _) => {
                word(value).map(|word| vec![word]).ok_or("takes one value; write a text or a number")
            }
            (Form::Several { .. }, Value::Array(values)) => {
                values.iter().map(word).collect::<Option<_>>().ok_or("takes several values; write a list of texts")
            }
            (Form::Several { .. }, _) => {
                word(value).map(|word| vec![word]).ok_or("takes several values; write a list of texts")
            }
        }
    }

    /// The value that the text of a variable is written as: several are lines of it.
    pub fn write_text(self, text: &str) -> Option<Value> {
        self.write(match self {
            Form::Several { .. } => text.lines().map(str::to_owned).collect(),
            Form::Switch | Form::One { .. } => vec![text.to_owned()],
        })
    }

    /// The value that texts are written as; `None` for one value where there is none.
    pub fn write(self, mut texts: Vec<String>) -> Option<Value> {
        match self {
            Form::Switch => Some(Value::Boolean(texts.pop().is_some_and(|text| is_on(&text)))),
            Form::One { or_switch } => texts.pop().map(|text| match text.as_str() {
                "true" | "false" if or_switch => Value::Boolean(text == "true"),
                _ => simplest(text),
            }),
            Form::Several { or_switch } => Some(match texts.as_slice() {
                [text] if or_switch && (is_on(text) || is_off(text)) => Value::Boolean(is_on(text)),
                _ => Value::Array(texts.into_iter().map(simplest).collect()),
            }),
        }
    }
}

/// A word, as it would be typed.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A number where it says the same as the text.
fn simplest(text: String) -> Value {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Value::Integer(number),
        _ => Value::String(text),
    }
}

/// The words for a switch that is on, of which the handler takes any.
fn is_on(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

/// Those for a switch that is off.
fn is_off(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Form = Form::One { or_switch: false };
    const OPTIONAL: Form = Form::One { or_switch: true };
    const SEVERAL: Form = Form::Several { or_switch: false };
    const PATTERNS: Form = Form::Several { or_switch: true };

    fn value(text: &str) -> Value {
        format!("x = {text}").parse::<toml::Table>().unwrap().remove("x").unwrap()
    }

    #[test]
    fn what_is_read_can_be_written() {
        let rows: &[(Form, &str, &[&str])] = &[
            (Form::Switch, "true", &["true"]),
            (Form::Switch, "false", &["false"]),
            (ONE, "'64M'", &["64M"]),
            (ONE, "3", &["3"]),
            (ONE, "'03'", &["03"]),
            (ONE, "'true'", &["true"]),
            (ONE, "'a\"b'", &["a\"b"]),
            (OPTIONAL, "true", &["true"]),
            (OPTIONAL, "'x.html'", &["x.html"]),
            (SEVERAL, "[]", &[]),
            (SEVERAL, "['a', 60]", &["a", "60"]),
            (SEVERAL, "['true']", &["true"]),
            (PATTERNS, "['.git/**', '.env']", &[".git/**", ".env"]),
            (PATTERNS, "true", &["true"]),
            (PATTERNS, "false", &["false"]),
        ];
        for (form, text, expected) in rows {
            let read = form.read(&value(text)).unwrap();
            assert_eq!(&read, expected, "{text}");
            assert_eq!(form.write(read), Some(value(text)), "{text}");
        }
        assert_eq!(SEVERAL.read(&value("'a'")), Ok(vec!["a".to_owned()]));
        assert_eq!(ONE.write(Vec::new()), None);
    }

    #[test]
    fn other_forms_are_refused() {
        let rows: &[(Form, &[&str], &str)] = &[
            (Form::Switch, &["'yes'", "1", "[true]"], "a switch"),
            (ONE, &["true", "1.5", "['a']", "{ a = 1 }", "2020-01-01"], "one value"),
            (OPTIONAL, &["['a']"], "one value"),
            (SEVERAL, &["true", "[true]", "[['a']]", "{ a = 1 }"], "several values"),
        ];
        for (form, texts, expected) in rows {
            for text in *texts {
                assert!(form.read(&value(text)).is_err_and(|reason| reason.contains(expected)), "{form:?} {text}");
            }
        }
    }
}
