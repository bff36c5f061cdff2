//! `glasshouse inspect`: reports the kind, the imports and the exports of a component or a chain, as text or JSON. It
//! does not run or compile them. The sandbox decides whether they can serve.

use crate::args::{Input, Inspect};
use crate::chain::{Chain, HandlerSource};
use crate::component_file::ComponentFile;
use crate::error::StartupError;
use crate::sha256::sha256;
use crate::{component_file, stdout};
use glasshouse_pack::{SiteSize, site_description};
use glasshouse_sandbox::{ComponentKind, Import, ImportStatus, Inspection, P3, needs_directory};
use serde_json::{Value, json};
use std::fmt::{self, Write as _};
use std::sync::mpsc;
use std::time::Duration;
use std::{io, thread};

/// The maximum time of an inspection. The built-in handler takes 20 ms; only a hostile file takes this long.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The width of the lines with the functions of an interface.
const COLUMNS: usize = 100;

/// A component and the result of its inspection.
struct ComponentReport {
    /// The argument of the command.
    name: String,
    /// The components of a chain, the outermost first. Empty without middleware.
    chain: Vec<String>,
    size: usize,
    /// SHA-256 of the bytes, in hexadecimal.
    hash: String,
    needs_directory: bool,
    /// What `glasshouse pack` says about the folder inside.
    site: Option<Value>,
    inspection: Inspection,
    /// The reasons why it cannot serve; none if it can.
    reasons: Vec<String>,
}

/// Prints the report on a component, and returns whether it can serve.
///
/// # Errors
/// The file cannot be read, the report cannot be written, or the inspection takes too long.
pub(crate) fn inspect(arguments: &Inspect) -> Result<bool, StartupError> {
    let (name, bytes) = match &arguments.file {
        None => ("built-in handler".to_owned(), Ok(P3.to_vec())),
        Some(Input::Stdin) => ("standard input".to_owned(), component_file::read_from(io::stdin().lock())),
        Some(Input::File(path)) => (path.to_string_lossy().into_owned(), component_file::read(path)),
    };
    let unable = |reason: &str| {
        StartupError::CannotServe(format!(
            "cannot inspect '{name}': {reason}; name a WebAssembly component, or leave it out"
        ))
    };
    let bytes = bytes.map_err(|reason| unable(&reason.to_string()))?;
    let middleware = arguments.with.iter().map(|path| {
        ComponentFile::read(path).map_err(|reason| {
            let fix = "name a WebAssembly component with --with";
            StartupError::CannotServe(format!("cannot inspect '{}': {reason}; {fix}", path.display()))
        })
    });
    let middleware = middleware.collect::<Result<Vec<_>, _>>()?;
    let handler = arguments.file.as_ref().map(|_| name.clone());
    let report = within_timeout(move || report(handler, bytes, &middleware));
    let report = report.ok_or_else(|| unable("the inspection takes too long"))?;
    let report = report.map_err(StartupError::CannotServe)?;
    let text = if arguments.json { format!("{:#}\n", report.to_json()) } else { report.to_string() };
    stdout::print(text.as_bytes())?;
    Ok(report.reasons.is_empty())
}

/// Inspects a handler, or the composition of its middleware and it. Without a name it is the built-in one.
///
/// # Errors
/// The components cannot be composed.
fn report(name: Option<String>, bytes: Vec<u8>, middleware: &[ComponentFile]) -> Result<ComponentReport, String> {
    let mut shown = name.clone().unwrap_or_else(|| "built-in handler".to_owned());
    let (mut names, mut composed) = (Vec::new(), bytes);
    if !middleware.is_empty() {
        let handler = match name {
            None => HandlerSource::Embedded,
            Some(name) => HandlerSource::File(ComponentFile::new(name.into(), composed)),
        };
        let chain = Chain { handler: &handler, middleware };
        names = chain.names();
        composed = chain.compose().map_err(|error| format!("cannot compose: {error}"))?;
        shown = "chain".to_owned();
    }
    let (size, hash) = (composed.len(), sha256(&composed));
    let inspection = Inspection::new(&composed);
    let reasons = inspection.reasons().iter().map(ToString::to_string).collect();
    let needs_directory = needs_directory(&composed);
    let site = site_description(&composed).and_then(|text| serde_json::from_str(text).ok());
    Ok(ComponentReport { name: shown, chain: names, size, hash, needs_directory, site, inspection, reasons })
}

/// The result of an inspection; `None` after the timeout. The thread then runs until the process ends.
fn within_timeout<T: Send + 'static>(inspection: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(inspection()));
    receiver.recv_timeout(TIMEOUT).ok()
}

impl ComponentReport {
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
            "chain": self.chain,
            "kind": kind,
            "http": versions,
            "directory": self.needs_directory,
            "site": self.site,
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
    match import.status {
        ImportStatus::Refused(reason) => {
            json!({ "name": import.name, "functions": import.functions, "reason": reason })
        }
        ImportStatus::Granted | ImportStatus::Unknown => json!({ "name": import.name, "functions": import.functions }),
    }
}

/// The imports under one heading.
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

impl fmt::Display for ComponentReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ComponentReport { name, chain, size, hash, needs_directory, site, inspection, reasons } = self;
        writeln!(f, "{}", Escaped(name))?;
        writeln!(f, "  kind    {}", inspection.kind)?;
        writeln!(f, "  size    {size} bytes")?;
        writeln!(f, "  sha256  {hash}")?;
        if let ComponentKind::Handler { .. } = inspection.kind {
            writeln!(f, "  reads   {}", if *needs_directory { "a directory" } else { "no directory" })?;
        }
        if let Some(size) = site.as_ref().and_then(SiteSize::from_json) {
            writeln!(f, "  holds   {size}")?;
        }
        if !chain.is_empty() {
            writeln!(f, "\nchain, the outermost first")?;
            chain.iter().try_for_each(|name| writeln!(f, "  {}", Escaped(name)))?;
        }
        for (group, heading) in [
            (Group::Refused, "refused imports"),
            (Group::Unknown, "unknown imports"),
            (Group::Granted, "granted imports"),
        ] {
            let imports: Vec<_> = inspection.imports.iter().filter(|import| Group::of(import) == group).collect();
            if !imports.is_empty() {
                writeln!(f, "\n{heading}")?;
                imports.into_iter().try_for_each(|import| write_import(f, import))?;
            }
        }
        if !inspection.exports.is_empty() {
            writeln!(f, "\nexports")?;
            inspection.exports.iter().try_for_each(|name| writeln!(f, "  {}", Escaped(name)))?;
        }
        match reasons.as_slice() {
            [] => writeln!(f, "\nIt can serve."),
            reasons => {
                writeln!(f, "\nIt cannot serve:")?;
                reasons.iter().try_for_each(|reason| writeln!(f, "  {}", Escaped(reason)))
            }
        }
    }
}

/// An interface with its functions below it, in lines of limited width.
fn write_import(f: &mut fmt::Formatter<'_>, import: &Import) -> fmt::Result {
    write!(f, "  {}", Escaped(&import.name))?;
    let mut column = COLUMNS;
    for function in &import.functions {
        // Without the kind of the function, such as `[method]`.
        let function = function.split_once(']').map_or(function.as_str(), |(_, name)| name);
        let width = function.chars().count().saturating_add(2);
        if column.saturating_add(width) > COLUMNS {
            write!(f, "\n    ")?;
            column = 4;
        }
        write!(f, "  {}", Escaped(function))?;
        column = column.saturating_add(width);
    }
    writeln!(f)
}

/// A text from a component, without control characters, which a terminal would obey.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char.is_control() {
            true => write!(f, r"\x{:02x}", u32::from(char)),
            false => f.write_char(char),
        })
    }
}
