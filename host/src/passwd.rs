//! `glasshouse passwd`: sets the password of one user in a file, and leaves all its other lines as they are. It refuses to know
//! who reads the file.

use crate::args::Passwd;
use crate::config::StartupError;
use glasshouse_http::auth::{Hash, MARK, PASSWORD, is_name, is_password};
use glasshouse_http::bounded_file;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::{self, BufRead as _, ErrorKind, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;

/// The longest file of users in bytes.
const LONGEST: usize = 16 << 20;

/// Asks for a password and writes its hash down.
///
/// # Errors
/// A name or a password that cannot be one, a file that cannot be read or written; the file is then as it was.
pub fn set(words: &Passwd) -> Result<(), StartupError> {
    let Passwd { file, user } = words;
    if !is_name(user) {
        let rule = "is no name for a user: 1 to 255 bytes without ':' and invisible characters, no '#' in front, no space at \
                    an end";
        return Err(StartupError::Usage(format!("'{}' {rule}", user.escape_debug())));
    }
    let cannot =
        |what: &str, reason: &str| StartupError::CannotServe(format!("cannot {what} '{}': {reason}", file.display()));
    // Before anybody is asked for anything.
    let old = match bounded_file::read(file, LONGEST) {
        Err(reason) if reason == "no such file" => Vec::new(),
        old => old.map_err(|reason| cannot("read", &format!("{reason}; name a file of users")))?,
    };
    let above = directory_of(file);
    if !above.is_dir() {
        return Err(cannot(
            "write",
            &format!("no such directory '{}'; make it, or name another file", above.display()),
        ));
    }
    let password = ask(user).map_err(StartupError::CannotServe)?;
    let hash = Hash::make(&password).map_err(|error| cannot("make a hash for", &error))?;
    let text = replaced(&old, user, &hash);
    write(file, &text).map_err(|error| cannot("write", &bounded_file::reason(&error)))?;
    // Nobody to read this is no failure.
    let _ = writeln!(io::stdout(), "the password of '{user}' is set in '{}'", file.display());
    Ok(())
}

fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|directory| *directory != Path::new("")).unwrap_or(Path::new("."))
}

/// A password: twice from the terminal, or a line from whatever else standard input is.
fn ask(user: &str) -> Result<Vec<u8>, String> {
    let unread = |error: io::Error| format!("cannot read the password: {error}");
    let password = if io::stdin().is_terminal() {
        let password = rpassword::prompt_password(format!("New password for {user}: ")).map_err(unread)?;
        if rpassword::prompt_password("The same again: ").map_err(unread)? != password {
            return Err("the two passwords differ; nothing is changed".into());
        }
        password.into_bytes()
    } else {
        let mut line = Vec::new();
        // Room for a password that is too long, and for its end.
        let most = u64::try_from(PASSWORD).unwrap_or(u64::MAX).saturating_add(3);
        io::stdin().lock().take(most).read_until(b'\n', &mut line).map_err(unread)?;
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        line.strip_suffix(b"\r").unwrap_or(line).to_owned()
    };
    if password.is_empty() {
        return Err("the password is empty; nothing is changed".into());
    }
    if !is_password(&password) {
        return Err(format!("a password has {PASSWORD} bytes at most and no control characters; nothing is changed"));
    }
    Ok(password)
}

/// The lines of a file with that of the user in the place of the first that he had, or at the end.
fn replaced(old: &[u8], user: &str, hash: &str) -> Vec<u8> {
    let line = format!("{user}:{hash}\n");
    let (mut text, mut is_set) = (Vec::with_capacity(old.len() + line.len()), false);
    // Before the first name it would be a part of it to whoever else reads the file.
    let old = old.strip_prefix(MARK).unwrap_or(old);
    for other in old.split_inclusive(|byte| *byte == b'\n') {
        let is_his = other.split(|byte| *byte == b':').next() == Some(user.as_bytes());
        match (is_his, is_set) {
            (false, _) => text.extend_from_slice(other),
            (true, false) => text.extend_from_slice(line.as_bytes()),
            (true, true) => {}
        }
        is_set |= is_his;
    }
    if !is_set {
        if text.last().is_some_and(|byte| *byte != b'\n') {
            text.push(b'\n');
        }
        text.extend_from_slice(line.as_bytes());
    }
    text
}

/// Writes a file beside the old one and puts it in its place, so that nobody ever reads half of it. It keeps owner and mode, or is
/// for its owner alone.
fn write(file: &Path, text: &[u8]) -> io::Result<()> {
    // Links are followed, as a new file in the place of a link would part it from what it points to.
    let place = match fs::canonicalize(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => file.to_owned(),
        place => place?,
    };
    let directory = directory_of(&place);
    let mut name = place.file_name().unwrap_or(OsStr::new("users")).to_owned();
    name.push(".");
    let mut new = tempfile::Builder::new().prefix(&name).tempfile_in(directory)?;
    new.write_all(text)?;
    match fs::metadata(&place) {
        Ok(old) => keep(&old, new.as_file())?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    new.as_file().sync_all()?;
    new.persist(place)?;
    Ok(())
}

fn keep(old: &Metadata, new: &fs::File) -> io::Result<()> {
    let made = new.metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        fchown(new, Some(old.uid()), Some(old.gid()))?;
    }
    new.set_permissions(old.permissions())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_replaced_and_the_others_stay() {
        let rows = [
            ("", "a:NEW\n"),
            ("b:x\n", "b:x\na:NEW\n"),
            ("b:x", "b:x\na:NEW\n"),
            ("# note\n\na:x\nb:y\n", "# note\n\na:NEW\nb:y\n"),
            ("a:x\nb:y\r\na:z\n", "a:NEW\nb:y\r\n"),
            ("a:x", "a:NEW\n"),
            ("aa:x\nba:y\n", "aa:x\nba:y\na:NEW\n"),
            ("a\n", "a\na:NEW\n"),
            ("\u{feff}a:x\r\nb:y\r\n", "a:NEW\nb:y\r\n"),
        ];
        for (old, expected) in rows {
            assert_eq!(String::from_utf8_lossy(&replaced(old.as_bytes(), "a", "NEW")), expected, "{old:?}");
        }
        assert_eq!(replaced(b"\xff:x\n", "a", "NEW"), b"\xff:x\na:NEW\n");
    }
}
