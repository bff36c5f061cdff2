//! The configured header fields of a path.

use crate::config::Config;
use crate::http::field::{self, CACHE_CONTROL, Field};

/// Cache-Control for a path: the last rule that matches it (RFC 9111 5.2).
fn cache(path: &str, config: &Config) -> Option<Field> {
    let rule = config.cache.iter().rev().find(|(glob, _)| glob.matches(path));
    rule.map(|(_, cache)| (CACHE_CONTROL.to_owned(), cache.to_string()))
}

/// The fields of `header` and `cache` for a path. A `cache` rule replaces a Cache-Control that `header` sets.
pub(crate) fn general_fields(path: &str, config: &Config) -> Vec<Field> {
    let rule = cache(path, config);
    let is_replaced = |name: &str| rule.is_some() && name.eq_ignore_ascii_case(CACHE_CONTROL);
    let general = config.headers.iter().filter(|(name, _)| !is_replaced(name)).cloned().collect::<Vec<_>>();
    rule.into_iter().chain(general).collect()
}

/// The fields of `header-for` for the file at a path.
pub(crate) fn exact_fields(path: &str, config: &Config) -> Vec<Field> {
    let exact = config.headers_for.iter().filter(|(glob, _)| glob.matches(path));
    exact.map(|(_, field)| field.clone()).collect()
}

/// All configured fields for the file at a path. Those of `header-for` come first, and its Cache-Control replaces every
/// other one.
pub(crate) fn file_fields(path: &str, config: &Config) -> Vec<Field> {
    let exact = exact_fields(path, config);
    let is_replaced = |name: &str| field::has(&exact, CACHE_CONTROL) && name.eq_ignore_ascii_case(CACHE_CONTROL);
    let general = general_fields(path, config).into_iter();
    let general = general.filter(|(name, _)| !is_replaced(name)).collect::<Vec<_>>();
    exact.into_iter().chain(general).collect()
}
