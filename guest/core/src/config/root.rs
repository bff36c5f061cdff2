//! The directory that the handler serves: a preopen of the host, or a directory below one.

use crate::http::target::Target;

/// The place of the served directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedRoot {
    /// The index of a preopen.
    pub preopen: usize,
    /// The path below the preopen. Empty for the preopen itself.
    pub path: String,
}

/// Selects the directory to serve among the preopens of a host, which are given by their paths. Returns `None` if there
/// are none.
///
/// Without a root, this is the preopen `/`, or else the first. With a root, it is below the preopen that contains the
/// path of the root. If several contain it, the longest path wins. If none does, the root is below the preopen that the
/// handler serves without one.
pub fn served_root(preopens: &[&str], root: Option<&Target>) -> Option<ServedRoot> {
    if preopens.is_empty() {
        return None;
    }
    let names: Vec<&str> = root.into_iter().flat_map(Target::names).map(|name| name.as_str()).collect();
    let contains = |path: &str| {
        let above: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
        names.strip_prefix(above.as_slice()).map(<[&str]>::len)
    };
    let served = preopens.iter().position(|path| *path == "/").unwrap_or(0);
    let below = preopens.iter().enumerate().filter_map(|(index, path)| Some((contains(path)?, index)));
    let (left, preopen) = below.filter(|_| root.is_some()).min().unwrap_or((names.len(), served));
    let path = names.get(names.len().saturating_sub(left)..).unwrap_or_default().join("/");
    Some(ServedRoot { preopen, path })
}

#[cfg(test)]
mod tests {
    use crate::config::options;
    use crate::config::root::*;

    #[track_caller]
    fn check(preopens: &[&str], root: &str, expected: Option<(usize, &str)>) {
        let root = options::prefix(root).expect("a valid path");
        let found = served_root(preopens, root.as_ref());
        assert_eq!(found.as_ref().map(|found| (found.preopen, found.path.as_str())), expected, "{preopens:?} {root:?}");
    }

    #[test]
    fn without_a_root_a_preopen_is_served() {
        check(&[], "", None);
        check(&["/", "/a"], "", Some((0, "")));
        check(&["/a", "/"], "/", Some((1, "")));
        check(&["/a", "/b"], "", Some((0, "")));
        check(&["."], "", Some((0, "")));
    }

    #[test]
    fn a_root_is_below_the_preopen_that_contains_it() {
        check(&[], "/srv", None);
        check(&["/"], "/srv", Some((0, "srv")));
        check(&["."], "srv/a b/", Some((0, "srv/a b")));
        check(&["/", "/srv"], "/srv", Some((1, "")));
        check(&["/", "/srv", "/srv/www"], "/srv/www/site", Some((2, "site")));
        check(&["/", "/srv/www"], "/srv/www2", Some((0, "srv/www2")));
        check(&["/a", "/b"], "/b/c", Some((1, "c")));
        check(&["/a", "/b"], "/srv", Some((0, "srv")));
    }
}
