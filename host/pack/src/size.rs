//! How much a packed folder has inside, for reports.

use serde_json::{Value, json};
use std::fmt;

/// What a packed folder has inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiteSize {
    /// The files of the folder.
    pub files: Amount,
    /// The encoded variants of these files that were added to them.
    pub variants: Amount,
}

/// A number of files, and the length of their contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// The number.
    pub count: u64,
    /// The length of all contents in bytes.
    pub bytes: u64,
}

impl Amount {
    pub(crate) fn add(&mut self, length: u32) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(length.into());
    }

    fn to_json(self) -> Value {
        json!({ "files": self.count, "bytes": self.bytes })
    }

    fn from_json(value: &Value) -> Option<Amount> {
        Some(Amount { count: value.get("files")?.as_u64()?, bytes: value.get("bytes")?.as_u64()? })
    }
}

impl SiteSize {
    /// The description in a component.
    pub(crate) fn to_json(self) -> Value {
        let mut description = self.files.to_json();
        if let Some(members) = description.as_object_mut() {
            members.insert("variants".to_owned(), self.variants.to_json());
            members.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
        }
        description
    }

    /// The size in the description of a component, which may have any text there.
    pub fn from_json(description: &Value) -> Option<SiteSize> {
        let variants = description.get("variants").and_then(Amount::from_json).unwrap_or_default();
        Some(SiteSize { files: Amount::from_json(description)?, variants })
    }
}

impl fmt::Display for SiteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SiteSize { files, variants } = self;
        write!(f, "{}, {}", Counted(files.count, "file"), Counted(files.bytes, "byte"))?;
        match variants.count {
            0 => Ok(()),
            count => write!(f, ", {}, {}", Counted(count, "variant"), Counted(variants.bytes, "byte")),
        }
    }
}

/// A number of things.
struct Counted(u64, &'static str);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counted(count, thing) = self;
        write!(f, "{count} {thing}{}", if *count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use crate::size::*;

    #[test]
    fn sizes_are_written_and_read() {
        let amount = |count, bytes| Amount { count, bytes };
        for (files, variants, text) in [
            (amount(0, 0), amount(0, 0), "0 files, 0 bytes"),
            (amount(1, 4), amount(0, 0), "1 file, 4 bytes"),
            (amount(2, 1), amount(1, 1), "2 files, 1 byte, 1 variant, 1 byte"),
            (amount(2, 900), amount(6, 300), "2 files, 900 bytes, 6 variants, 300 bytes"),
        ] {
            let size = SiteSize { files, variants };
            assert_eq!(size.to_string(), text);
            assert_eq!(SiteSize::from_json(&size.to_json()), Some(size));
        }
        assert_eq!(SiteSize::from_json(&json!({ "files": -1, "bytes": 2 })), None);
        assert_eq!(SiteSize::from_json(&json!([])), None);
    }
}
