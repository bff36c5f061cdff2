//! Patterns for paths (globs).

/// Which paths a rule is about. A pattern without `/` is about names in any directory, one with `/` about whole paths
/// below the root. `*` and `?` stop at `/`, `**` does not; `[a-z]` and `{a,b}` are as in a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// # Errors
    /// An empty pattern.
    pub fn parse(text: &str) -> Result<Glob, String> {
        match text.trim_start_matches('/') {
            "" => Err("an empty pattern matches nothing; '**' matches every path".to_owned()),
            pattern if text.starts_with('/') || pattern.contains('/') => Ok(Glob(pattern.to_owned())),
            pattern => Ok(Glob(format!("**/{pattern}"))),
        }
    }

    /// Whether it is about every path.
    pub fn is_for_all(&self) -> bool {
        matches!(self.0.as_str(), "**" | "**/**")
    }

    /// The same, of a text that is a pattern and cannot be mistaken for one.
    ///
    /// # Errors
    /// Also a pattern that is not closed, or nested too deep.
    pub fn parse_strict(text: &str) -> Result<Glob, String> {
        fast_glob::validate(text).map_err(|error| format!("'{text}' is no pattern: {error}"))?;
        Glob::parse(text)
    }

    /// The patterns of the directories above what this one matches, the highest first; `None` where braces make that unclear.
    pub fn parents(&self) -> Option<Vec<Glob>> {
        let (mut parents, mut depth, mut in_class, mut is_escaped) = (Vec::new(), 0_u32, false, false);
        for (index, byte) in self.0.bytes().enumerate() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b']' => in_class = false,
                _ if in_class => {}
                b'[' => in_class = true,
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                b'/' if depth > 0 => return None,
                b'/' => parents.extend(self.0.get(..index).map(|above| Glob(above.to_owned()))),
                _ => {}
            }
        }
        Some(parents)
    }

    /// Whether a path relative to the root, without `/` at its ends, is one of those.
    pub fn matches(&self, path: &str) -> bool {
        fast_glob::glob_match(&self.0, path)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::glob::*;

    #[test]
    fn a_glob_is_about_names_or_paths() {
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
