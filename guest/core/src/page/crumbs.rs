//! Breadcrumbs: the directories on the path of a page.

use crate::http::target::{Name, Target};
use crate::visible::visible;
use std::borrow::Cow;

/// A directory on the path from the root to a page, or the page itself.
#[derive(Debug)]
pub struct Crumb<'a> {
    /// The name as it is shown. Empty for the root.
    pub name: Cow<'a, str>,
    /// The character after the name.
    pub slash: &'static str,
    /// `None` for the page itself, and for directories above the tree that are not served.
    pub link: Option<String>,
    /// Whether it is the root.
    pub is_top: bool,
    /// Whether it is the page itself.
    pub is_here: bool,
}

/// The breadcrumbs from the root down. `above` has, for each served directory above the tree, the number of names of
/// the prefix that lead to it. The links are relative, as those of entries (PY-38), so they work at any mount.
pub fn crumbs<'a>(target: &'a Target, above: &[usize]) -> Vec<Crumb<'a>> {
    let (prefix, names) = (target.prefix(), target.names());
    let (tree, all) = (prefix.len(), prefix.len().saturating_add(names.len()));
    // The names of the prefix are above the tree. Only the host knows which of them are served.
    let is_served = |level: usize| level >= tree || above.contains(&level);
    // Relative links do not work in a path that is not canonical. Only a file is served at such a path.
    let has_links = target.is_directory() || target.is_canonical();
    let crumb = |level: usize, name| {
        let up = all.saturating_sub(level);
        let link = (up > 0 && has_links && is_served(level)).then(|| up_by(up, target));
        let slash = if up == 0 && !target.is_directory() { "" } else { "/" };
        Crumb { name, slash, link, is_top: level == 0, is_here: up == 0 }
    };
    let names = prefix.iter().chain(names).map(|name: &Name| visible(name.as_str()));
    [Cow::Borrowed("")].into_iter().chain(names).enumerate().map(|(level, name)| crumb(level, name)).collect()
}

/// A reference to the directory that has the last `levels` names of the path below it.
fn up_by(levels: usize, target: &Target) -> String {
    match levels {
        // The directory of a file.
        1 if !target.is_directory() => "./".to_owned(),
        _ if target.is_directory() => "../".repeat(levels),
        _ => "../".repeat(levels.saturating_sub(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, prefix: &str, above: &[usize], expected: &[(&str, Option<&str>)]) {
        let target = Target::parse(path).expect("a target");
        let target = target.below(&Target::parse(prefix).expect("a prefix")).expect("it is below");
        let crumbs: Vec<_> = crumbs(&target, above)
            .into_iter()
            .map(|crumb| (format!("{}{}", crumb.name, crumb.slash), crumb.link))
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|(name, link)| ((*name).to_owned(), link.map(str::to_owned))).collect();
        assert_eq!(crumbs, expected, "{path}");
    }

    #[test]
    fn links_lead_up() {
        check("/", "/", &[], &[("/", None)]);
        check("/a/b/", "/", &[], &[("/", Some("../../")), ("a/", Some("../")), ("b/", None)]);
        check("/a.md", "/", &[], &[("/", Some("./")), ("a.md", None)]);
        check("/a/b.md", "/", &[], &[("/", Some("../")), ("a/", Some("./")), ("b.md", None)]);
        check("/a//b.md", "/", &[], &[("/", None), ("a/", None), ("b.md", None)]);
    }

    #[test]
    fn only_served_directories_have_links() {
        check("/p/q/b.md", "/p/q", &[], &[("/", None), ("p/", None), ("q/", Some("./")), ("b.md", None)]);
        check("/p/q/", "/p/q", &[0], &[("/", Some("../../")), ("p/", None), ("q/", None)]);
    }
}
