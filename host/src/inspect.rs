//! `glasshouse inspect`: tells what a component is and wants, to a person or to a program, without running or compiling any of it.
//! It refuses to judge; that is the sandbox's.

use crate::args::{Input, Inspect};
use crate::config::StartupError;
use crate::{component_file, stdout};
use glasshouse_sandbox::{ComponentKind, Import, ImportStatus, Inspection, P3};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write as _};
use std::sync::mpsc;
use std::time::Duration;
use std::{io, thread};

/// How long a file may be looked at. The built-in handler takes a fiftieth of a second; what takes this long was made to.
const PATIENCE: Duration = Duration::from_secs(30);
/// Columns that the functions of an interface are written in.
const COLUMNS: usize = 100;

/// A file, and what was found out about it.
struct Told {
    /// As it was typed.
    name: String,
    size: usize,
    /// SHA-256 of the bytes, in hexadecimal.
    hash: String,
    inspection: Inspection,
    /// Why it could not serve; nothing if it could.
    reasons: Vec<String>,
}

/// Inspects a file, and says whether it could serve.
///
/// # Errors
/// What cannot be read or written, or takes too long.
pub fn inspect(asked: &Inspect) -> Result<bool, StartupError> {
    let (name, bytes) = match &asked.file {
        None => ("built-in handler".to_owned(), Ok(P3.to_vec())),
        Some(Input::Stdin) => ("standard input".to_owned(), component_file::read_from(io::stdin().lock())),
        Some(Input::File(path)) => (path.to_string_lossy().into_owned(), component_file::read(path)),
    };
    let unable = |reason: &str| {
        StartupError::CannotServe(format!(
            "cannot inspect '{name}': {reason}; name a WebAssembly component, or leave it out"
        ))
    };
    let bytes = bytes.map_err(|reason| unable(&reason))?;
    let (size, hash) = (bytes.len(), hexadecimal(&Sha256::digest(&bytes)));
    let inspection = within_patience(bytes).ok_or_else(|| unable("it takes too long to be looked at"))?;
    let reasons = inspection.reasons().iter().map(ToString::to_string).collect();
    let told = Told { name, size, hash, inspection, reasons };
    let text = if asked.json { format!("{:#}\n", told.to_json()) } else { told.to_string() };
    stdout::print(text.as_bytes())?;
    Ok(told.reasons.is_empty())
}

/// Looks at bytes for so long and no longer. The thread that does it ends with the process.
fn within_patience(bytes: Vec<u8>) -> Option<Inspection> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(Inspection::new(&bytes)));
    receiver.recv_timeout(PATIENCE).ok()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Told {
    fn to_json(&self) -> Value {
        let (kind, versions) = match self.inspection.kind {
            ComponentKind::Handler { p2, p3 } => {
                let versions = [p2.then_some("0.2"), p3.then_some("0.3")];
                ("handler", versions.into_iter().flatten().collect::<Vec<_>>())
            }
            ComponentKind::Component => ("component", Vec::new()),
            ComponentKind::Unclear => ("unclear", Vec::new()),
            ComponentKind::Module => ("module", Vec::new()),
            ComponentKind::Other => ("other", Vec::new()),
        };
        let group = |group: Group| {
            let imports = self.inspection.imports.iter().filter(|import| Group::of(import) == group);
            imports.map(to_json).collect::<Vec<_>>()
        };
        json!({
            "name": self.name,
            "kind": kind,
            "http": versions,
            "size": self.size,
            "sha256": self.hash,
            "imports": {
                "granted": group(Group::Granted),
                "refused": group(Group::Refused),
                "unknown": group(Group::Unknown),
            },
            "exports": self.inspection.exports,
            "serves": self.reasons.is_empty(),
            "reasons": self.reasons,
        })
    }
}

fn to_json(import: &Import) -> Value {
    let mut value = json!({ "name": import.name, "functions": import.functions });
    if let ImportStatus::Refused(reason) = import.status {
        value["reason"] = reason.into();
    }
    value
}

/// The imports that are told together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Granted,
    Refused,
    Unknown,
}

impl Group {
    fn of(import: &Import) -> Group {
        match import.status {
            ImportStatus::Granted => Group::Granted,
            ImportStatus::Refused(_) => Group::Refused,
            ImportStatus::Unknown => Group::Unknown,
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told { name, size, hash, inspection, reasons } = self;
        writeln!(f, "{}", Plain(name))?;
        writeln!(f, "  kind    {}", inspection.kind)?;
        writeln!(f, "  size    {size} bytes")?;
        writeln!(f, "  sha256  {hash}")?;
        for (group, heading) in [
            (Group::Refused, "imports that are refused"),
            (Group::Unknown, "imports that are unknown"),
            (Group::Granted, "imports that are granted"),
        ] {
            let imports: Vec<_> = inspection.imports.iter().filter(|import| Group::of(import) == group).collect();
            if !imports.is_empty() {
                writeln!(f, "\n{heading}")?;
                imports.into_iter().try_for_each(|import| write_import(f, import))?;
            }
        }
        if !inspection.exports.is_empty() {
            writeln!(f, "\nexports")?;
            inspection.exports.iter().try_for_each(|name| writeln!(f, "  {}", Plain(name)))?;
        }
        match reasons.as_slice() {
            [] => writeln!(f, "\nIt can serve."),
            reasons => {
                writeln!(f, "\nIt cannot serve:")?;
                reasons.iter().try_for_each(|reason| writeln!(f, "  {}", Plain(reason)))
            }
        }
    }
}

/// An interface with its functions below it, as many to a line as fit.
fn write_import(f: &mut fmt::Formatter<'_>, import: &Import) -> fmt::Result {
    write!(f, "  {}", Plain(&import.name))?;
    let mut column = COLUMNS;
    for function in &import.functions {
        // What kind of function it is says nothing here that its name does not.
        let function = function.split_once(']').map_or(function.as_str(), |(_, name)| name);
        let width = function.chars().count() + 2;
        if column + width > COLUMNS {
            write!(f, "\n    ")?;
            column = 4;
        }
        write!(f, "  {}", Plain(function))?;
        column += width;
    }
    writeln!(f)
}

/// A text of somebody else, of which a terminal obeys nothing.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char.is_control() {
            true => write!(f, r"\x{:02x}", u32::from(char)),
            false => f.write_char(char),
        })
    }
}
