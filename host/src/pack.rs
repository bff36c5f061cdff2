//! `glasshouse pack`: writes the handler with a folder inside as one component.

use crate::access::check_writable;
use crate::args::{HandlerOption, Output, Pack};
use crate::bounded_file;
use crate::config::located;
use crate::error::StartupError;
use crate::logging::NOTICE;
use crate::oci::Artifact;
use crate::output_file;
use crate::source_date::source_date;
use glasshouse_core::Config;
use glasshouse_core::config::options;
use glasshouse_core::http::date::HttpTime;
use glasshouse_pack::{Encode, EncodedSite, Folder, PackError, PackedLayout, Progress, Times, max_image};
use glasshouse_sandbox::{P2, P3};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::path::{Path, is_separator};
use std::{env, fs};
use tracing::{info, warn};

/// Bytes of a write.
const BUFFER: usize = 256 << 10;

/// Packs a folder.
///
/// # Errors
/// An invalid option, a folder that cannot be packed, or an output that cannot be written. A regular output file is
/// then unchanged.
pub(crate) fn pack(arguments: &Pack) -> Result<(), StartupError> {
    let passed = arguments.handler_options(env::vars_os())?;
    let variables = variables(&passed)?;
    let source_date = source_date()?;
    let unable = |error: &PackError| {
        StartupError::CannotServe(format!("cannot pack '{}': {}", arguments.folder.display(), described(error)))
    };
    let encode = if arguments.precompress { Encode::Compressible } else { Encode::No };
    let handler = if arguments.p2 { &P2 } else { &P3 };
    let max = max_image(handler).map_err(|error| unable(&error))?;
    let reading = Reading { variables: &variables, times: times(source_date), encode, max };
    let folder = open(arguments)?;
    if let Output::File(path) = &arguments.output {
        check_place(path)?;
    }
    let site = reading.read(folder).map_err(|error| unable(&error))?;
    let layout = site.layout(handler).map_err(|error| unable(&error))?;
    report(&site);
    let component = PackedComponent { site: &site, layout: &layout, oci: arguments.oci, created: source_date };
    let written = match &arguments.output {
        Output::Stdout => component.write(&mut io::stdout().lock()),
        Output::File(path) => output_file::replace(path, |file| component.write(file)),
    };
    match (written, &arguments.output) {
        (Ok(()), _) => {
            info!(target: NOTICE, "packed: {}", site.size());
            Ok(())
        }
        // As for the other subcommands, a reader that leaves early is not an error.
        (Err(PackError::Write(error)), Output::Stdout) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        (Err(PackError::Write(error)), Output::Stdout) => {
            let message = format!("cannot write to standard output: {}; redirect it elsewhere", reason(&error));
            Err(StartupError::io(message, error))
        }
        (Err(PackError::Write(error)), Output::File(path)) => Err(unwritable(path, &place_reason(&error))),
        (Err(error), _) => Err(unable(&error)),
    }
}

/// Logs where the component differs from the folder.
fn report(site: &EncodedSite) {
    site.left_out().iter().for_each(|left_out| warn!("not packed: {left_out}"));
    site.copies().iter().for_each(|copy| warn!("packed: {copy}"));
    site.missing_pages().iter().for_each(|missing| warn!("{missing}"));
}

/// Checks that the output has a directory to be written to, before a large folder is read in vain.
fn check_place(output: &Path) -> Result<(), StartupError> {
    match fs::metadata(output) {
        Ok(found) if found.is_dir() => return Err(unwritable(output, "a directory")),
        // A pipe or a device is written directly.
        Ok(found) if !found.is_file() => return Ok(()),
        Ok(_) | Err(_) => {}
    }
    let is_directory = output.as_os_str().as_encoded_bytes().last().is_some_and(|last| is_separator(char::from(*last)));
    let above = if is_directory { Some(output) } else { output.parent() };
    let directory = above.filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let found = fs::metadata(directory).map_err(|error| unwritable(output, &place_reason(&error)))?;
    if !found.is_dir() {
        return Err(unwritable(output, "not a directory"));
    }
    match check_writable(directory) {
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            Err(unwritable(output, &reason(&error)))
        }
        // What else may be wrong shows when it is written.
        _ => Ok(()),
    }
}

fn unwritable(output: &Path, reason: &str) -> StartupError {
    StartupError::CannotServe(format!("cannot write '{}': {reason}; name another file with -o", output.display()))
}

/// As [`reason`], for a file that need not exist.
fn place_reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such directory".to_owned(),
        _ => reason(error),
    }
}

/// The text of an error, with the reason of the kernel.
fn described(error: &PackError) -> String {
    match error {
        PackError::Read { path, source } => {
            format!("cannot read '{path}': {}; make it readable or remove it", reason(source))
        }
        PackError::Temporary(source) => {
            format!("cannot write a temporary file: {}; set TMPDIR to a directory with space", reason(source))
        }
        PackError::Write(source) => reason(source),
        PackError::Changed { .. }
        | PackError::SiteFile(_)
        | PackError::TooLarge { .. }
        | PackError::Handler(_)
        | PackError::OutputOnly => error.to_string(),
    }
}

/// Describes an error of the kernel in lower case and without its number.
fn reason(error: &io::Error) -> String {
    let text = match error.kind() {
        ErrorKind::CrossesDevices => "a link that leads out of its directory".to_owned(),
        _ => bounded_file::reason(error),
    };
    let text = text.split_once(" (os error").map_or(text.as_str(), |(text, _)| text);
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}

fn open(arguments: &Pack) -> Result<Folder, StartupError> {
    let path = &arguments.folder;
    let folder = Folder::open(path).map_err(|error| {
        let reason = match error.kind() {
            ErrorKind::InvalidInput => "the name is not UTF-8".to_owned(),
            ErrorKind::NotADirectory if path.exists() => "not a directory or a regular file".to_owned(),
            _ => reason(&error),
        };
        let fix = "name a directory or a file that you may read";
        StartupError::io(format!("cannot pack '{}': {reason}; {fix}", path.display()), error)
    })?;
    Ok(match &arguments.output {
        Output::File(path) => folder.without(path),
        Output::Stdout => folder,
    })
}

/// The variables of the options, all valid.
fn variables(passed: &[HandlerOption]) -> Result<Vec<(String, String)>, StartupError> {
    let pair = |option: &HandlerOption| (options::variable(option.name), option.text.clone());
    let variables: Vec<_> = passed.iter().map(pair).collect();
    let config = Config::from_pairs(variables.iter().cloned()).map_err(|error| located(error, passed))?;
    match passed.iter().find(|option| option.name == "live") {
        Some(HandlerOption { location, .. }) if config.live => {
            Err(StartupError::Usage(format!("{location}: a packed site has no folder to watch; leave this option out")))
        }
        _ => Ok(variables),
    }
}

/// The times of the files, or the one that a build sets for all.
fn times(source_date: Option<u64>) -> Times {
    let time = source_date.and_then(|seconds| HttpTime::new(i64::try_from(seconds).ok()?, 0));
    time.map_or(Times::OfFiles, Times::All)
}

/// How a folder is read.
struct Reading<'a> {
    variables: &'a [(String, String)],
    times: Times,
    encode: Encode,
    /// Bytes of the longest site image.
    max: u64,
}

impl Reading<'_> {
    /// Reads the folder, with a progress bar on a terminal.
    fn read(&self, folder: Folder) -> Result<EncodedSite, PackError> {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        if io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        // The template is valid, so there is no other style.
        if let Ok(style) = ProgressStyle::with_template("{bytes} of {total_bytes} {wide_bar} {eta}") {
            bar.set_style(style);
        }
        let Reading { variables, times, encode, max } = *self;
        let site = EncodedSite::read(folder, variables, times, encode, max, &|progress| match progress {
            Progress::Total(bytes) => bar.set_length(bytes),
            Progress::Read(bytes) => bar.inc(bytes),
        });
        bar.finish_and_clear();
        site
    }
}

/// A packed component that is written.
struct PackedComponent<'a> {
    site: &'a EncodedSite,
    layout: &'a PackedLayout,
    /// Whether the output is an OCI archive.
    oci: bool,
    created: Option<u64>,
}

impl PackedComponent<'_> {
    fn write(&self, to: &mut impl Write) -> Result<(), PackError> {
        let mut to = BufWriter::with_capacity(BUFFER, to);
        if self.oci {
            let mut component = Vec::new();
            self.site.write(self.layout, &mut component)?;
            let (version, created) = (env!("CARGO_PKG_VERSION"), self.created.unwrap_or(0));
            let artifact = Artifact { component: &component, title: "site packed by glasshouse", version, created };
            artifact.write(&mut to)?;
        } else {
            self.site.write(self.layout, &mut to)?;
        }
        Ok(to.flush()?)
    }
}
