//! Opens the log file by its path, on a system without lookups in open directories. Never in a served directory.

use super::logfile_error::{LogFileError, ReopenError, unusable};
use super::roots::{Roots, real};
use super::{Rights, ServedTree};
use crate::error::StartupError;
use glasshouse_http::LogFile;
use glasshouse_quota::sync::lock;
use glasshouse_sandbox::ServedPath;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The open log file.
#[derive(Debug)]
pub(crate) struct OpenLog {
    /// The value of `--log-file`.
    path: PathBuf,
    trees: Vec<ServedPath>,
    served: Mutex<Roots>,
    /// The destination of the entries.
    pub(crate) output: Arc<LogFile>,
}

impl OpenLog {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// The file cannot be opened, or is in a served directory.
    pub(crate) fn open(
        path: &Path,
        trees: &[ServedTree],
        _components: &[&Path],
        _rights: Rights,
    ) -> Result<OpenLog, StartupError> {
        let roots = Roots::of(trees);
        let file = append(path, &roots).map_err(|error| unusable(path, error))?;
        Ok(OpenLog {
            path: path.to_owned(),
            trees: trees.iter().filter_map(|served| served.tree.clone()).collect(),
            served: Mutex::new(roots),
            output: Arc::new(LogFile::new(path.display().to_string(), file)),
        })
    }

    /// The file can always be opened again.
    pub(crate) fn warning(&self) -> Option<String> {
        None
    }

    /// Opens the file of this path again for all further entries.
    ///
    /// # Errors
    /// The file cannot be opened. Entries still go to the previous file.
    pub(crate) fn reopen(&self) -> Result<(), ReopenError> {
        let mut roots = lock(&self.served);
        self.trees.iter().for_each(|tree| roots.add(tree));
        let file = append(&self.path, &roots).map_err(|source| ReopenError { path: self.path.clone(), source })?;
        self.output.replace(file);
        Ok(())
    }

    /// Whether the file would be served if the tree was opened again now.
    pub(crate) fn is_in(&self, tree: &ServedPath) -> bool {
        let mut roots = Roots::default();
        roots.add(tree);
        roots.has(&self.path)
    }
}

/// Checks that the log file can be opened, without creating it.
///
/// # Errors
/// As for [`OpenLog::open`].
pub(crate) fn probe(path: &Path, trees: &[ServedTree]) -> Result<(), StartupError> {
    let probe = || {
        if Roots::of(trees).has(path) {
            return Err(LogFileError::InServedTree);
        }
        match fs::metadata(path) {
            Ok(_) => Ok(File::options().append(true).open(path).map(drop)?),
            Err(_) => real(path).map(drop).ok_or(LogFileError::Io(io::ErrorKind::NotFound.into())),
        }
    };
    probe().map_err(|error| unusable(path, error))
}

/// Opens the file for appending, or creates it. Checked before it is created, and again when it is open.
fn append(path: &Path, roots: &Roots) -> Result<File, LogFileError> {
    if fs::metadata(path).is_ok_and(|found| found.is_dir()) {
        return Err(LogFileError::Io(io::ErrorKind::IsADirectory.into()));
    }
    if roots.has(path) {
        return Err(LogFileError::InServedTree);
    }
    let file = File::options().append(true).create(true).open(path)?;
    if roots.has(path) { Err(LogFileError::InServedTree) } else { Ok(file) }
}
