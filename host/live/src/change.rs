//! A change in a tree, as the script of a page reads it.

use serde_json::json;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChangeKind {
    /// A style sheet, which a page can replace without a reload.
    Css,
    /// Anything else.
    Page,
}

/// A change at a URL path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    kind: ChangeKind,
    /// Not percent-encoded. With a slash at its end it stands for a directory and everything below it.
    path: String,
}

impl Change {
    /// The change of a file.
    pub(crate) fn of_file(path: String) -> Change {
        let is_css = path.get(path.len().saturating_sub(4)..).is_some_and(|end| end.eq_ignore_ascii_case(".css"));
        Change { kind: if is_css { ChangeKind::Css } else { ChangeKind::Page }, path }
    }

    /// The change of a directory and everything below it.
    pub(crate) fn of_directory(mut path: String) -> Change {
        if !path.ends_with('/') {
            path.push('/');
        }
        Change { kind: ChangeKind::Page, path }
    }
}

/// A message of an event stream (HTML 9.2.5) with changes. JSON has no line break.
pub(crate) fn message<'a>(id: &str, changes: impl IntoIterator<Item = &'a Change>) -> String {
    let kind = |kind| match kind {
        ChangeKind::Css => "css",
        ChangeKind::Page => "page",
    };
    let changes = changes.into_iter().map(|change| json!({ "kind": kind(change.kind), "path": change.path }));
    format!("id: {id}\ndata: {}\n\n", serde_json::Value::Array(changes.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_of_json() {
        let changes = [Change::of_file("/a \"b\"\n.CSS".to_owned()), Change::of_directory("/é".to_owned())];
        let expected = "id: 1.2\ndata: [{\"kind\":\"css\",\"path\":\"/a \\\"b\\\"\\n.CSS\"},{\"kind\":\"page\",\"path\":\"/é/\"}]\n\n";
        assert_eq!(message("1.2", &changes), expected);
    }
}
