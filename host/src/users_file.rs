//! The htpasswd file of `--auth`, which can be read again while the server runs.

use crate::bounded_file;
use glasshouse_http::auth::{Users, UsersError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsersFileError {
    #[error("--auth: cannot use '{0}': no such file; `glasshouse passwd '{0}' USER` sets a password", .path.display())]
    Missing { path: PathBuf },
    #[error("--auth: cannot read '{path}': {reason}; name a file of users that you may read", path = .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("--auth: cannot use '{0}': {source}; `glasshouse passwd '{0}' USER` sets a password", .path.display())]
    Invalid { path: PathBuf, source: UsersError },
}

/// A file of users and the users that were read from it.
#[derive(Debug)]
pub(crate) struct UsersFile {
    path: PathBuf,
    users: Arc<Users>,
}

impl UsersFile {
    /// Reads a file of users.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is invalid.
    pub(crate) fn read(path: &Path) -> Result<UsersFile, UsersFileError> {
        let invalid = |source| UsersFileError::Invalid { path: path.to_owned(), source };
        let users = Arc::new(Users::parse(&read(path)?).map_err(invalid)?);
        Ok(UsersFile { path: path.to_owned(), users })
    }

    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "the process keeps all rights"))]
    pub(crate) fn file(&self) -> &Path {
        &self.path
    }

    pub(crate) fn users(&self) -> Arc<Users> {
        Arc::clone(&self.users)
    }

    /// Reads the file again.
    ///
    /// # Errors
    /// See [`UsersFile::read`]. The users then stay the same.
    pub(crate) fn reload(&self) -> Result<(), UsersFileError> {
        let invalid = |source| UsersFileError::Invalid { path: self.path.clone(), source };
        self.users.replace(&read(&self.path)?).map_err(invalid)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, UsersFileError> {
    bounded_file::read(path, Users::MAX_FILE).map_err(|reason| match reason.as_str() {
        "no such file" => UsersFileError::Missing { path: path.to_owned() },
        _ => UsersFileError::Unreadable { path: path.to_owned(), reason },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The hash of `secret`.
    const BCRYPT: &str = "$2y$05$cQPrrh7/biwcLoo7bBta7.crtZIlTFXktbM8Pty1sDsnM0sfCbVr6";

    #[test]
    fn a_file_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        fs::write(&path, format!("a:{BCRYPT}")).unwrap();
        let file = UsersFile::read(&path).unwrap();
        assert!(file.reload().is_ok());
        fs::write(&path, "b:hunter2").unwrap();
        assert!(matches!(file.reload(), Err(UsersFileError::Invalid { source: UsersError::Parse(_), .. })));
        fs::remove_file(&path).unwrap();
        let error = file.reload().unwrap_err().to_string();
        assert!(error.contains("no such file") && error.contains("glasshouse passwd"), "{error}");
        assert!(matches!(UsersFile::read(directory.path()), Err(UsersFileError::Unreadable { .. })));
    }
}
