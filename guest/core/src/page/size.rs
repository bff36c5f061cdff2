//! Sizes in bytes, written for people.

use askama::filters::HtmlSafe;
use askama::{FastWritable, Values};
use std::fmt;

/// A number of bytes, written with two or three digits and a binary unit (IEC 80000-13). It is rounded down, so that a
/// size is never shown as more than it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl Size {
    /// The exact number.
    pub fn exact(self) -> Exact {
        Exact(self.0)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1 << 10 {
            return write!(f, "{} B", self.0);
        }
        let mut tenths = u128::from(self.0).saturating_mul(10) / 1024;
        let mut units = UNITS.into_iter();
        let mut unit = units.next().unwrap_or_default();
        while tenths >= 10_240 {
            tenths /= 1024;
            unit = units.next().unwrap_or_default();
        }
        match tenths {
            ..100 => write!(f, "{}.{} {unit}", tenths / 10, tenths % 10),
            _ => write!(f, "{} {unit}", tenths / 10),
        }
    }
}

/// An exact number of bytes: `1,234,567 bytes`.
#[derive(Clone, Copy, Debug)]
pub struct Exact(u64);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = [10_u64.pow(18), 10_u64.pow(15), 10_u64.pow(12), 10_u64.pow(9), 1_000_000, 1_000, 1];
        let mut is_begun = false;
        for unit in groups {
            let group = self.0.checked_div(unit).unwrap_or_default() % 1_000;
            match (is_begun, group) {
                (true, _) => write!(f, ",{group:03}")?,
                (false, 0) if unit > 1 => continue,
                (false, _) => write!(f, "{group}")?,
            }
            is_begun = true;
        }
        f.write_str(if self.0 == 1 { " byte" } else { " bytes" })
    }
}

/// Types whose text needs no escaping.
macro_rules! plain {
    ($($kind:ty),+) => {
        $(
            impl HtmlSafe for $kind {}

            impl FastWritable for $kind {
                fn write_into(&self, to: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
                    Ok(write!(to, "{self}")?)
                }
            }
        )+
    };
}

plain!(Size, Exact);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short_and_exact() {
        for (bytes, short, exact) in [
            (0, "0 B", "0 bytes"),
            (1, "1 B", "1 byte"),
            (1_023, "1023 B", "1,023 bytes"),
            (1_024, "1.0 KiB", "1,024 bytes"),
            (10_239, "9.9 KiB", "10,239 bytes"),
            (10_240, "10 KiB", "10,240 bytes"),
            (1_048_575, "1023 KiB", "1,048,575 bytes"),
            (1_048_576, "1.0 MiB", "1,048,576 bytes"),
            (3 << 30, "3.0 GiB", "3,221,225,472 bytes"),
            (1_000_000_000_000_000_000, "888 PiB", "1,000,000,000,000,000,000 bytes"),
            (u64::MAX, "15 EiB", "18,446,744,073,709,551,615 bytes"),
        ] {
            assert_eq!((Size(bytes).to_string().as_str(), Size(bytes).exact().to_string().as_str()), (short, exact));
        }
    }
}
