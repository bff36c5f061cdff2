//! Rules for dotfiles: which files and directories with a name that begins with a dot are served and listed (PY-28).

use crate::config::glob::Glob;
use crate::config::invalid_value::InvalidValue;
use crate::config::toml_document::switch;
use crate::http::target::{Name, is_dotfile};

/// The dotfiles that are served and listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Dotfiles {
    /// None.
    #[default]
    Hidden,
    /// All.
    Shown,
    /// Those that a pattern matches.
    Matching(Vec<DotfileRule>),
}

/// What clients can see at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// The file or directory, and what is in it except further dotfiles.
    Shown,
    /// A directory that is above something that a pattern matches. A file is hidden.
    Parent,
    /// Nothing.
    Hidden,
}

impl Visibility {
    /// Whether the file or directory is served and listed.
    pub fn shows(self, is_directory: bool) -> bool {
        match self {
            Visibility::Shown => true,
            Visibility::Parent => is_directory,
            Visibility::Hidden => false,
        }
    }
}

/// A pattern for dotfiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DotfileRule {
    glob: Glob,
    /// The patterns of the directories above.
    parents: Vec<Glob>,
}

impl DotfileRule {
    fn parse(text: &str) -> Result<DotfileRule, InvalidValue> {
        let pattern = text.trim_end_matches('/');
        let can_match = pattern.split('/').any(|part| part.starts_with(['.', '*', '?', '[', '{', '\\']));
        if !can_match {
            return Err(InvalidValue::new(format!(
                "'{text}' is neither 'true' nor 'false' nor a pattern for names that begin with a dot, such as \
                 '.git/**'"
            )));
        }
        if pattern.starts_with('!') {
            return Err(InvalidValue::new(format!("'{text}' begins with '!'; write a pattern for what to show")));
        }
        let glob = Glob::parse_strict(pattern)?;
        let unclear = || InvalidValue::new(format!("'{text}' has a '/' within braces; write several patterns"));
        let parents = glob.parents().ok_or_else(unclear)?;
        Ok(DotfileRule { glob, parents })
    }

    /// Whether the directory at `path` with this name is above something that the pattern matches. A dotfile above it
    /// must be written with its dot: `*/x` does not make every hidden directory visible.
    fn leads_through(&self, path: &str, name: &str) -> bool {
        let is_named = |parent: &Glob| !is_dotfile(name) || !parent.matches(&without_dot(path, name));
        self.parents.iter().any(|parent| parent.matches(path) && is_named(parent))
    }
}

/// The path with a character that no pattern names in place of the dot.
fn without_dot(path: &str, name: &str) -> String {
    let above = path.strip_suffix(name).unwrap_or_default();
    format!("{above}\x7f{}", name.get(1..).unwrap_or_default())
}

impl Dotfiles {
    /// Reads `true`, `false`, or one pattern on each line.
    ///
    /// # Errors
    /// A message about a line that is none of these.
    pub fn parse(text: &str) -> Result<Dotfiles, InvalidValue> {
        let mut rules = Vec::new();
        let mut is_shown = false;
        for line in text.lines().map(str::trim) {
            match switch(line) {
                Some(on) => is_shown |= on,
                None => rules.push(DotfileRule::parse(line)?),
            }
        }
        Ok(match (is_shown, rules.is_empty()) {
            (true, _) => Dotfiles::Shown,
            (false, true) => Dotfiles::Hidden,
            (false, false) => Dotfiles::Matching(rules),
        })
    }

    /// The visibility of a path relative to the root.
    pub fn visibility(&self, path: &str) -> Visibility {
        let mut visibility = Visibility::Shown;
        let mut end = 0_usize;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            end = end.saturating_add(name.len());
            visibility = self.below(visibility, path.get(..end).unwrap_or(path), name);
            end = end.saturating_add(1);
        }
        visibility
    }

    /// The visibility of a directory and its entries.
    pub fn within<'a>(&'a self, directory: &'a str) -> DirVisibility<'a> {
        DirVisibility { dotfiles: self, path: directory, visibility: self.visibility(directory) }
    }

    /// The visibility of `path`, whose last name is `name`, below a directory with the visibility `above`.
    fn below(&self, above: Visibility, path: &str, name: &str) -> Visibility {
        match (self, above) {
            (_, Visibility::Hidden) => Visibility::Hidden,
            (_, Visibility::Shown) if !is_dotfile(name) => Visibility::Shown,
            (Dotfiles::Shown, _) => Visibility::Shown,
            (Dotfiles::Hidden, _) => Visibility::Hidden,
            (Dotfiles::Matching(rules), _) => {
                if rules.iter().any(|rule| rule.glob.matches(path)) {
                    Visibility::Shown
                } else if rules.iter().any(|rule| rule.leads_through(path, name)) {
                    Visibility::Parent
                } else {
                    Visibility::Hidden
                }
            }
        }
    }
}

/// The visibility of a directory and its entries.
#[derive(Clone, Copy, Debug)]
pub struct DirVisibility<'a> {
    dotfiles: &'a Dotfiles,
    /// The path of the directory, relative to the root.
    pub path: &'a str,
    /// The visibility of the directory itself.
    pub visibility: Visibility,
}

impl DirVisibility<'_> {
    /// The visibility of an entry.
    pub fn of(&self, name: &Name) -> Visibility {
        let name = name.as_str();
        match (self.visibility, self.path) {
            // The usual case needs no allocation.
            (Visibility::Shown, _) if !is_dotfile(name) => Visibility::Shown,
            (above, "") => self.dotfiles.below(above, name, name),
            (above, directory) => self.dotfiles.below(above, &format!("{directory}/{name}"), name),
        }
    }

    /// Whether the kind of an entry makes no difference: [`Visibility::Parent`] does not occur.
    pub fn ignores_kinds(&self) -> bool {
        !matches!(self.dotfiles, Dotfiles::Matching(_))
    }
}

#[cfg(test)]
mod tests {
    use crate::tree::dotfiles::*;
    use Visibility::{Hidden, Parent, Shown};

    #[track_caller]
    fn check(text: &str, rows: &[(&str, Visibility)]) {
        let dotfiles = Dotfiles::parse(text).unwrap_or_else(|error| panic!("{error}"));
        for (path, expected) in rows {
            assert_eq!(dotfiles.visibility(path), *expected, "{path} by {text}");
            let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
            let Some(name) = Name::new(name) else { continue };
            assert_eq!(dotfiles.within(directory).of(&name), *expected, "{name:?} in {directory} by {text}");
        }
    }

    #[test]
    fn all_or_none() {
        for text in ["", "0", "false", "No", "off", "\n"] {
            check(text, &[("a", Shown), (".a", Hidden), ("a/.b/c", Hidden), (".well-known/x", Shown), ("", Shown)]);
        }
        for text in ["1", "true", "yes", "on", "true\n.git/**", ".git/**\ntrue", "**"] {
            check(text, &[("a", Shown), (".a", Shown), ("a/.b/c", Shown), (".well-known/.x", Shown), ("", Shown)]);
        }
    }

    #[test]
    fn a_directory_and_all_that_is_below() {
        for text in [".git/**", "/.git/**", "false\n.git/**"] {
            let rows = [
                (".git/config", Shown),
                (".git/objects/ab/cd", Shown),
                (".git/hooks/.hidden", Shown),
                (".gitignore", Hidden),
                (".github/x", Hidden),
                ("sub/.git", Hidden),
                ("sub/.git/config", Hidden),
                (".env", Hidden),
                ("a/b", Shown),
            ];
            check(text, &rows);
            assert!(Dotfiles::parse(text).is_ok_and(|dotfiles| dotfiles.visibility(".git").shows(true)), "{text}");
        }
        check(
            "**/.git/**",
            &[("sub/.git/config", Shown), (".git/a/.b", Shown), (".github", Hidden), ("sub/.env", Hidden)],
        );
        assert!(Dotfiles::parse("**/.git/**").is_ok_and(|dotfiles| dotfiles.visibility("sub/.git").shows(true)));
    }

    #[test]
    fn a_name_in_any_directory() {
        for text in ["**/.zarray", ".zarray"] {
            let rows = [
                (".zarray", Shown),
                ("a/b/.zarray", Shown),
                (".zgroup", Hidden),
                (".cache/.zarray", Hidden),
                (".cache", Hidden),
                ("a/.zarrays", Hidden),
            ];
            check(text, &rows);
        }
        check("{.zarray,.zgroup}", &[("a/.zarray", Shown), ("a/.zgroup", Shown), ("a/.zattrs", Hidden)]);
        check(".z*\n.env", &[("a/.zattrs", Shown), (".env", Shown), (".envrc", Hidden)]);
    }

    #[test]
    fn a_named_directory_shows_its_entries() {
        for text in [".git", ".git/"] {
            check(text, &[(".git", Shown), ("a/.git/config", Shown), (".git/.x", Hidden), (".git/a/.x/b", Hidden)]);
        }
    }

    #[test]
    fn of_a_parent_nothing_else_is_shown() {
        let rows = [
            (".ssh", Parent),
            (".ssh/known_hosts", Shown),
            (".ssh/id_ed25519", Hidden),
            (".ssh/.x", Hidden),
            ("a/.ssh", Hidden),
        ];
        check(".ssh/known_hosts", &rows);
        let rows = [(".a", Parent), (".a/b", Parent), (".a/b/c", Parent), (".a/b/x", Shown), (".a/.b", Hidden)];
        check(".a/**/x", &rows);
        check(".a/.b/x\n[.]d/x", &[(".a", Parent), (".a/.b", Parent), (".a/.b/x", Shown), (".d", Parent)]);
    }

    #[test]
    fn a_wildcard_leads_through_no_dotfile() {
        for text in ["**/x.txt", "*/x.txt", "?git/x.txt", "[!a]git/x.txt"] {
            check(text, &[(".git", Hidden), (".git/x.txt", Hidden), ("a/.b/x.txt", Hidden)]);
        }
        check(".*/x.txt", &[(".git", Parent), (".git/x.txt", Shown), (".git/y.txt", Hidden)]);
        check("**/*.json", &[("a/.eslintrc.json", Shown), (".vscode/settings.json", Hidden)]);
    }

    #[test]
    fn nonsense_is_named() {
        for (text, expected) in [
            ("perhaps", "'perhaps' is neither 'true' nor 'false' nor a pattern for names that begin with a dot"),
            ("a/b", "'a/b' is neither 'true' nor"),
            ("{.a/b,.c}/d", "'{.a/b,.c}/d' has a '/' within braces"),
            (".git/{a", "invalid pattern '.git/{a': unclosed brace"),
            (".[a", "invalid pattern '.[a': unclosed character class"),
            ("!.git", "'!.git' "),
            ("!*", "'!*' "),
            ("/", "'/' is neither"),
        ] {
            let error = Dotfiles::parse(text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
