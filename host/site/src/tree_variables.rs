//! The variables that the handler of a tree needs in addition to its options: its place among the other trees.

use glasshouse_core::config::options;
use glasshouse_core::http::target::Target;
use glasshouse_protocol::{ABOVE_ENV, MOUNTS_ENV};

/// Adds the variables of the tree at `at` to those of its component. `None` is the root. `trees` has the paths of all
/// trees, and `root_options` the variables of the one at the root. The option `prefix` applies to the tree at the root.
pub fn tree_variables(
    component: &[(String, String)],
    at: Option<&Target>,
    trees: &[Option<&Target>],
    root_options: &[(String, String)],
) -> Vec<(String, String)> {
    let prefix = options::variable("prefix");
    let given = component.iter().filter(|(key, _)| at.is_none() || *key != prefix).cloned();
    let path = at.map(Target::path);
    let mounts = mounts_within(at, trees);
    let above = at.map(|at| depths_above(at, trees, root_options));
    let own = [(prefix.as_str(), path.as_deref()), (ABOVE_ENV, above.as_deref()), (MOUNTS_ENV, mounts.as_deref())];
    let own = own.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
    given.chain(own).collect()
}

/// The URL paths of other trees within this one, separated by spaces.
fn mounts_within(at: Option<&Target>, trees: &[Option<&Target>]) -> Option<String> {
    let others = trees.iter().filter_map(|other| *other);
    let others = others.filter(|other| at.is_none_or(|at| *other != at && other.is_within(at)));
    let mounts: Vec<String> = others.map(Target::location).collect();
    (!mounts.is_empty()).then(|| mounts.join(" "))
}

/// The number of path segments of each tree above `at`, separated by commas.
fn depths_above(at: &Target, trees: &[Option<&Target>], root_options: &[(String, String)]) -> String {
    let prefix = options::variable("prefix");
    let root = root_options.iter().find(|(key, _)| *key == prefix);
    let root = root.and_then(|(_, path)| options::prefix(path).ok().flatten());
    let depths = trees.iter().filter_map(|other| match other.or(root.as_ref()) {
        None => Some(0),
        Some(other) => (other != at && at.is_within(other)).then(|| other.names().len()),
    });
    depths.map(|depth| depth.to_string()).collect::<Vec<_>>().join(",")
}
