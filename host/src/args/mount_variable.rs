//! The value of `--mount-env`: `/PATH:NAME=VALUE`. Does not look whether a component is mounted at the path.

use super::mount::url_path;
use glasshouse_core::config::options;
use glasshouse_core::http::target::Target;
use glasshouse_protocol::{ABOVE_ENV, BODY_ENV, FILE_ENV, MADE_MAX_ENV, MOUNTS_ENV};
use std::ffi::OsString;

/// A variable for the component that is mounted at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MountVariable {
    pub(crate) at: Target,
    pub(crate) name: String,
    pub(crate) value: String,
}

impl MountVariable {
    /// Reads `/PATH:NAME=VALUE`. The name ends at the first `=`, and begins after the last `:` before it.
    ///
    /// # Errors
    /// A part is missing or invalid, or the host sets the variable itself.
    pub(crate) fn parse(text: OsString) -> Result<MountVariable, String> {
        let text = text.into_string().map_err(|_| "it is not UTF-8; write it in UTF-8")?;
        let parts = text.split_once('=').and_then(|(left, value)| Some((left.rsplit_once(':')?, value)));
        let Some(((path, name), value)) = parts.filter(|((_, name), _)| !name.is_empty()) else {
            return Err("write it as /PATH:NAME=VALUE".to_owned());
        };
        let at = url_path(path)?.ok_or("no component can be mounted at '/'; set an option of the handler instead")?;
        let prefix = options::variable("prefix");
        if [ABOVE_ENV, BODY_ENV, FILE_ENV, MADE_MAX_ENV, MOUNTS_ENV, &prefix].contains(&name) {
            return Err(format!("the host sets {name}; leave it out"));
        }
        if name.contains('\0') || value.contains('\0') {
            return Err("a variable contains no NUL byte; remove it".to_owned());
        }
        Ok(MountVariable { at, name: name.to_owned(), value: value.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_a_name_and_a_value_are_separated() {
        for (text, expected) in [
            ("/api:KEY=a", ("api", "KEY", "a")),
            ("/a:b/c:KEY=x=y:z", ("a:b/c", "KEY", "x=y:z")),
            ("//api/:KEY=", ("api", "KEY", "")),
        ] {
            let read = MountVariable::parse(text.into());
            let read = read.map(|variable| (variable.at.path(), variable.name, variable.value));
            assert_eq!(read, Ok((expected.0.into(), expected.1.into(), expected.2.into())), "{text}");
        }
    }

    #[test]
    fn invalid_variables_are_refused_with_the_fix() {
        for (text, reason) in [
            ("", "write it as /PATH:NAME=VALUE"),
            ("/api", "write it as /PATH:NAME=VALUE"),
            ("/api=a:b", "write it as /PATH:NAME=VALUE"),
            ("/api:=a", "write it as /PATH:NAME=VALUE"),
            ("api:KEY=a", "invalid URL path 'api'; begin it with '/'"),
            ("/:KEY=a", "no component can be mounted at '/'; set an option of the handler instead"),
            ("/api:GLASSHOUSE_PREFIX=a", "the host sets GLASSHOUSE_PREFIX; leave it out"),
            ("/api:GLASSHOUSE_BODY=direct", "the host sets GLASSHOUSE_BODY; leave it out"),
        ] {
            assert_eq!(MountVariable::parse(text.into()), Err(reason.to_owned()), "{text}");
        }
    }
}
