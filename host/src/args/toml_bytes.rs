//! TOML values of paths that are not UTF-8, which no TOML string can hold: `{ percent-encoded = "site%FF" }`.

use crate::os_bytes::os_str;
use glasshouse_core::config::toml_document::ValueShape;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use toml::{Table, Value};

const KEY: &str = "percent-encoded";

/// The texts of a value: one for each time that the flag would be repeated.
///
/// # Errors
/// The value has another shape.
pub(crate) fn read(shape: ValueShape, value: &Value) -> Result<Vec<OsString>, ShapeError> {
    match value {
        Value::Table(table) if shape != ValueShape::Switch && table.contains_key(KEY) => Ok(vec![decoded(table)?]),
        Value::Array(values) if shape == ValueShape::Several && values.iter().any(Value::is_table) => {
            let texts = values.iter().map(|value| read(shape, value)).collect::<Result<Vec<_>, _>>()?;
            Ok(texts.into_iter().flatten().collect())
        }
        _ => {
            let texts = shape.read(value).map_err(|reason| ShapeError(reason.to_string()))?;
            Ok(texts.into_iter().map(OsString::from).collect())
        }
    }
}

/// A value has another shape than its option.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ShapeError(String);

/// The value of these texts; `None` for a single value without a text.
pub(crate) fn write(shape: ValueShape, texts: Vec<OsString>) -> Option<Value> {
    let strings = texts.iter().map(|text| text.to_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    match (strings, shape) {
        (Some(strings), _) => shape.write(strings),
        (None, ValueShape::Several) => Some(Value::Array(texts.iter().map(|text| one(text)).collect())),
        (None, _) => texts.last().map(|text| one(text)),
    }
}

fn one(text: &OsStr) -> Value {
    match text.to_str() {
        Some(text) => Value::String(text.to_owned()),
        None => Value::Table(Table::from_iter([(KEY.to_owned(), Value::String(encoded(text)))])),
    }
}

fn encoded(text: &OsStr) -> String {
    let mut encoded = String::new();
    for byte in text.as_encoded_bytes() {
        match byte {
            b'!'..=b'~' if *byte != b'%' => encoded.push(char::from(*byte)),
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

fn decoded(table: &Table) -> Result<OsString, ShapeError> {
    let error = || ShapeError(format!("invalid {KEY}; write a text with %XX for other bytes"));
    let (1, Some(Value::String(text))) = (table.len(), table.get(KEY)) else { return Err(error()) };
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        bytes.push(digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or_else(error)?);
        bytes.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
    }
    let not_unicode = || ShapeError(format!("invalid {KEY}; on this system a path is Unicode"));
    os_str(&bytes).map(OsStr::to_owned).ok_or_else(not_unicode)
}

#[cfg(test)]
mod tests {
    use crate::args::toml_bytes::*;
    use std::os::unix::ffi::OsStringExt as _;

    #[test]
    fn any_bytes_are_written_and_read() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        let (all, plain) = (OsString::from_vec(all), OsString::from("plain"));
        for (shape, texts) in [
            (ValueShape::One { or_switch: false }, vec![all.clone()]),
            (ValueShape::Several, vec![plain.clone(), all.clone(), all]),
            (ValueShape::Several, vec![plain]),
        ] {
            let value = write(shape, texts.clone()).unwrap();
            let line = format!("x = {value}");
            assert_eq!(line.lines().count(), 1, "{line}");
            let value = line.parse::<Table>().unwrap().remove("x").unwrap();
            assert_eq!(read(shape, &value), Ok(texts));
        }
    }

    #[test]
    fn invalid_values_are_refused() {
        for text in ["'%'", "'%F'", "'%+1'", "'%é'", "1", "'a', x = 1"] {
            let value = format!("x = {{ percent-encoded = {text} }}").parse::<Table>().unwrap().remove("x").unwrap();
            assert!(read(ValueShape::Several, &value).is_err_and(|error| error.to_string().contains("%XX")), "{text}");
            assert!(read(ValueShape::Switch, &value).is_err(), "{text}");
        }
    }
}
