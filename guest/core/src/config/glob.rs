//! Patterns for paths.

use crate::config::invalid_value::InvalidValue;

/// A pattern for paths. Without `/` it matches names in any directory; with `/` it matches whole paths below the root.
/// `*` and `?` do not match `/`, but `**` does. `[a-z]` and `{a,b}` are as in a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// An empty pattern.
    pub fn parse(text: &str) -> Result<Glob, InvalidValue> {
        match text.trim_start_matches('/') {
            "" => Err(InvalidValue::new("an empty pattern matches nothing; '**' matches every path")),
            pattern if text.starts_with('/') || pattern.contains('/') => Ok(Glob(pattern.to_owned())),
            pattern => Ok(Glob(format!("**/{pattern}"))),
        }
    }

    /// Reads a pattern and checks its brackets and braces.
    ///
    /// # Errors
    /// An empty pattern, one with an unclosed bracket or brace, or one with too many nested braces.
    pub fn parse_strict(text: &str) -> Result<Glob, InvalidValue> {
        fast_glob::validate(text).map_err(|error| InvalidValue::new(format!("invalid pattern '{text}': {error}")))?;
        Glob::parse(text)
    }

    /// Whether it matches every path.
    pub fn is_for_all(&self) -> bool {
        matches!(self.0.as_str(), "**" | "**/**")
    }

    /// The patterns of the directories above the matches, the highest first. `None` if a brace contains a slash.
    pub fn parents(&self) -> Option<Vec<Glob>> {
        let (mut parents, mut depth, mut in_class, mut is_escaped) = (Vec::new(), 0_u32, false, false);
        for (index, byte) in self.0.bytes().enumerate() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b']' => in_class = false,
                _ if in_class => {}
                b'[' => in_class = true,
                b'{' => depth = depth.saturating_add(1),
                b'}' => depth = depth.saturating_sub(1),
                b'/' if depth > 0 => return None,
                b'/' => parents.extend(self.0.get(..index).map(|above| Glob(above.to_owned()))),
                _ => {}
            }
        }
        Some(parents)
    }

    /// Whether it matches a path relative to the root, without `/` at either end.
    pub fn matches(&self, path: &str) -> bool {
        fast_glob::glob_match(&self.0, path)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::glob::*;

    #[test]
    fn a_glob_matches_names_or_paths() {
        for (pattern, path, expected) in [
            ("*.css", "a.css", true),
            ("*.css", "x/y/a.css", true),
            ("*.css", "a.css.map", false),
            ("/*.css", "a.css", true),
            ("/*.css", "x/a.css", false),
            ("assets/**", "assets/x/y.js", true),
            ("assets/*", "assets/x/y.js", false),
            ("*.{js,mjs}", "a.mjs", true),
            ("**", "anything/at.all", true),
            ("a?b", "a/b", false),
        ] {
            assert_eq!(Glob::parse(pattern).map(|glob| glob.matches(path)), Ok(expected), "{pattern} {path}");
        }
        assert!(Glob::parse("").is_err() && Glob::parse("/").is_err());
    }
}
