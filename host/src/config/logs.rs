//! What the server tells of itself on this machine: the file of the log is opened here, and the admin address is known. It refuses
//! to know what is told.

use super::{Fault, Served};
use crate::args;
use crate::listen::{listen_alone, resolve};
use glasshouse_front::{Form, LogFile, Sink, Trust, file};
use rustix::fs::{Access, access};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, path};

/// Where requests are logged and figures told.
#[derive(Debug)]
pub struct Logs {
    pub form: Form,
    file: Option<PathBuf>,
    admin: Option<SocketAddr>,
    /// Proxies that are believed.
    pub trust: Trust,
    /// Whether they begin with a header of the PROXY protocol.
    pub proxy_protocol: bool,
}

/// A log that is open.
pub struct Opened {
    pub sink: Sink,
    /// The file, where the process is to keep the right to open it anew.
    pub kept: Option<Arc<LogFile>>,
}

impl Logs {
    /// # Errors
    /// An admin address that is none, and a file that clients could read.
    pub fn new(args: &args::Logs, quiet: bool, trees: &[Served]) -> Result<Logs, Fault> {
        let form = if quiet { Form::Off } else { args.log.into() };
        let admin = args.admin.as_deref().map(admin).transpose()?;
        let is_in = |file: &Path, tree: &Path| is_beneath(above(file), tree) || is_beneath(file, tree);
        let is_served = |file: &&Path| trees.iter().any(|served| is_in(file, &served.tree.path()));
        if let Some(file) = args.log_file.as_deref().filter(is_served) {
            return Err(Fault::CannotServe(format!(
                "cannot log to '{}': it is among what is served, where everybody could read it; name a file elsewhere",
                file.display()
            )));
        }
        let trust = Trust::new(args.trust.iter().copied());
        Ok(Logs { form, file: args.log_file.clone(), admin, trust, proxy_protocol: args.proxy_protocol })
    }

    /// Opens the file, if there is one. A process that serves what lies beneath the directory of its log gives up the right to
    /// make files there: it would be one to write what it serves. Then the log stays with the file that it has.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(&self, trees: &[Served]) -> Result<Opened, Fault> {
        let Some(path) = &self.file else { return Ok(Opened { sink: Sink::Stderr, kept: None }) };
        let file = LogFile::open(path).map(Arc::new).map_err(|error| unable(path, &error))?;
        let holds_served = trees.iter().any(|served| is_beneath(&served.tree.path(), above(path)));
        let kept = (!holds_served).then(|| Arc::clone(&file));
        Ok(Opened { sink: Sink::File(file), kept })
    }

    /// Whether the file can be opened, without making it.
    ///
    /// # Errors
    /// As [`Logs::open`].
    pub fn probe(&self, trees: &[Served]) -> Result<(), Fault> {
        match &self.file {
            Some(path) if fs::symlink_metadata(path).is_err() => {
                access(above(path), Access::WRITE_OK | Access::EXEC_OK).map_err(|errno| unable(path, &errno.into()))
            }
            _ => self.open(trees).map(drop),
        }
    }

    /// Listens on the admin address, if there is one.
    ///
    /// # Errors
    /// It is taken, or none of this machine's.
    pub fn listen(&self) -> Result<Option<TcpListener>, Fault> {
        self.admin.map(listen_alone).transpose()
    }
}

fn admin(text: &str) -> Result<SocketAddr, Fault> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() => {
            resolve(host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host), port)
        }
        _ => Err(Fault::Usage(format!("--admin: '{text}' is no address; give one such as 127.0.0.1:9000, or a port"))),
    }
}

fn unable(path: &Path, error: &io::Error) -> Fault {
    let reason = match error.kind() {
        ErrorKind::NotFound => "no such directory".to_owned(),
        _ => file::reason(error),
    };
    Fault::CannotServe(format!("cannot log to '{}': {reason}; name another file with --log-file", path.display()))
}

fn above(file: &Path) -> &Path {
    file.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether a path leads to the directory or beneath it, links followed.
fn is_beneath(path: &Path, directory: &Path) -> bool {
    let real =
        |path: &Path| fs::canonicalize(path).or_else(|_| path::absolute(path)).unwrap_or_else(|_| path.to_owned());
    real(path).starts_with(real(directory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_sandbox::Tree;

    #[test]
    fn an_admin_address_is_told_from_nonsense() {
        for (text, expected) in [
            ("9000", "127.0.0.1:9000"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]:2", "[::1]:2"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("localhost:3", "127.0.0.1:3"),
        ] {
            assert_eq!(admin(text), Ok(expected.parse().unwrap()), "{text}");
        }
        for text in ["", ":1", "localhost", "127.0.0.1", "127.0.0.1:x", "65536", "a:65536"] {
            assert!(matches!(admin(text), Err(Fault::Usage(_))), "{text}");
        }
    }

    #[test]
    fn a_log_is_neither_served_nor_a_way_to_write_what_is() {
        let place = tempfile::tempdir().unwrap();
        let (site, inside, logs) =
            (place.path().join("site"), place.path().join("site/logs"), place.path().join("logs"));
        fs::create_dir_all(&inside).unwrap();
        fs::create_dir(&logs).unwrap();
        let trees = [Served { at: None, tree: Tree::Directory(site.clone()) }];
        let open = |file: PathBuf| {
            let words = crate::args::tests::serve(&["--log-file", file.to_str().unwrap()]);
            Logs::new(&words.logs, false, &trees).unwrap().open(&trees).unwrap().kept
        };
        assert!(open(logs.join("a")).is_some());
        assert!(open(place.path().join("a")).is_none());
        let served = [Served { at: None, tree: Tree::File { directory: logs.clone(), name: "a".into() } }];
        let file = |name: &str| {
            let words = crate::args::tests::serve(&["--log-file", logs.join(name).to_str().unwrap()]);
            Logs::new(&words.logs, false, &served).map(|logs| logs.open(&served).unwrap().kept.is_some())
        };
        assert!(file("a").is_err(), "one file that is served by itself");
        assert_eq!(file("b"), Ok(false));
        for file in [site.join("a"), inside.join("a"), site.join("../site/a")] {
            let words = crate::args::tests::serve(&["--log-file", file.to_str().unwrap()]);
            let refused = Logs::new(&words.logs, false, &trees);
            assert!(matches!(&refused, Err(Fault::CannotServe(text)) if text.contains("everybody")), "{refused:?}");
        }
    }
}
