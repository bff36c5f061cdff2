//! `glasshouse passwd`: sets the password of one user in a file and keeps all other lines.

#[cfg_attr(not(unix), path = "passwd/owner_unavailable.rs")]
mod owner;

use crate::args::Passwd;
use crate::bounded_file;
use crate::error::StartupError;
use glasshouse_http::auth::{BYTE_ORDER_MARK, Hash, MAX_PASSWORD, is_name, is_password};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead as _, ErrorKind, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

/// The maximum size of a file of users in bytes.
const MAX_SIZE: usize = 16 << 20;

/// Reads a password and writes its hash to the file.
///
/// # Errors
/// An invalid name or password, a file that cannot be read or written. The file is then unchanged.
pub(crate) fn set(arguments: &Passwd) -> Result<(), StartupError> {
    let Passwd { file, user } = arguments;
    if !is_name(user) {
        let rule = "give 1 to 255 bytes without ':' and invisible characters, without '#' at the start and without a \
                    space at either end";
        return Err(StartupError::Usage(format!("invalid user name '{}': {rule}", user.escape_debug())));
    }
    let cannot =
        |what: &str, reason: &str| StartupError::CannotServe(format!("cannot {what} '{}': {reason}", file.display()));
    // Check the file before the prompt.
    let old = match bounded_file::read(file, MAX_SIZE) {
        Err(reason) if reason == "no such file" => Vec::new(),
        old => old.map_err(|reason| cannot("read", &format!("{reason}; name a file of users")))?,
    };
    let above = directory_of(file);
    if !above.is_dir() {
        return Err(cannot(
            "write",
            &format!("no such directory '{}'; create it, or name another file", above.display()),
        ));
    }
    let password = read_password(user).map_err(|error| StartupError::CannotServe(error.to_string()))?;
    let hash = Hash::create(&password).map_err(|error| cannot("hash the password for", &error.to_string()))?;
    let text = with_user(&old, user, &hash);
    write(file, &text).map_err(|error| {
        StartupError::io(format!("cannot write '{}': {}", file.display(), bounded_file::reason(&error)), error)
    })?;
    // The password is set, even if nothing reads the message.
    let _ = writeln!(io::stdout(), "the password of '{user}' is set in '{}'", file.display());
    Ok(())
}

fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|directory| *directory != Path::new("")).unwrap_or(Path::new("."))
}

/// The reason why there is no password. The file is unchanged.
#[derive(Debug, thiserror::Error)]
enum PasswordError {
    #[error("cannot read the password: {0}")]
    Unreadable(#[from] io::Error),
    #[error("the two passwords differ; nothing is changed")]
    Different,
    #[error("the password is empty; nothing is changed")]
    Empty,
    #[error("invalid password: give at most {MAX_PASSWORD} bytes without control characters; nothing is changed")]
    Invalid,
}

/// Reads the password twice from a terminal, or once from the first line of standard input.
fn read_password(user: &str) -> Result<Vec<u8>, PasswordError> {
    let password = if io::stdin().is_terminal() {
        let password = rpassword::prompt_password(format!("New password for {user}: "))?;
        if rpassword::prompt_password("The same again: ")? != password {
            return Err(PasswordError::Different);
        }
        password.into_bytes()
    } else {
        let mut line = Vec::new();
        // One byte more than a valid password, and a line break of two bytes.
        let most = u64::try_from(MAX_PASSWORD).unwrap_or(u64::MAX).saturating_add(3);
        io::stdin().lock().take(most).read_until(b'\n', &mut line)?;
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        line.strip_suffix(b"\r").unwrap_or(line).to_owned()
    };
    if password.is_empty() {
        return Err(PasswordError::Empty);
    }
    if !is_password(&password) {
        return Err(PasswordError::Invalid);
    }
    Ok(password)
}

/// The lines of a file. The new line of the user replaces the first old one, or is the last line.
fn with_user(old: &[u8], user: &str, hash: &str) -> Vec<u8> {
    let line = format!("{user}:{hash}\n");
    let (mut text, mut is_set) = (Vec::with_capacity(old.len().saturating_add(line.len())), false);
    // Other programs would read a byte order mark as part of the first name.
    let old = old.strip_prefix(BYTE_ORDER_MARK).unwrap_or(old);
    for other in old.split_inclusive(|byte| *byte == b'\n') {
        let is_same = other.split(|byte| *byte == b':').next() == Some(user.as_bytes());
        match (is_same, is_set) {
            (false, _) => text.extend_from_slice(other),
            (true, false) => text.extend_from_slice(line.as_bytes()),
            (true, true) => {}
        }
        is_set |= is_same;
    }
    if !is_set {
        if text.last().is_some_and(|byte| *byte != b'\n') {
            text.push(b'\n');
        }
        text.extend_from_slice(line.as_bytes());
    }
    text
}

/// Replaces the file atomically. The new file has the owner and the mode of the old one, or the mode 600.
fn write(file: &Path, text: &[u8]) -> io::Result<()> {
    // A new file in place of a link would leave its target unchanged.
    let target = match fs::canonicalize(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => file.to_owned(),
        target => target?,
    };
    let directory = directory_of(&target);
    let mut name = target.file_name().unwrap_or(OsStr::new("users")).to_owned();
    name.push(".");
    let mut new = tempfile::Builder::new().prefix(&name).tempfile_in(directory)?;
    new.write_all(text)?;
    match fs::metadata(&target) {
        Ok(old) => owner::copy_owner_and_mode(&old, new.as_file())?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    new.as_file().sync_all()?;
    new.persist(target)?;
    Ok(())
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
            assert_eq!(String::from_utf8_lossy(&with_user(old.as_bytes(), "a", "NEW")), expected, "{old:?}");
        }
        assert_eq!(with_user(b"\xff:x\n", "a", "NEW"), b"\xff:x\na:NEW\n");
    }
}
