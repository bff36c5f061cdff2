//! `glasshouse pack`: writes the handler with a folder inside as one component.

use crate::args::{HandlerOption, Output, Pack};
use crate::bounded_file;
use crate::config::located;
use crate::error::StartupError;
use crate::logging::NOTICE;
use glasshouse_core::Config;
use glasshouse_core::config::options;
use glasshouse_core::http::date::HttpTime;
use glasshouse_pack::{Encode, Folder, PackError, PackedLayout, Progress, Site, Times};
use glasshouse_sandbox::{P2, P3};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::env;
use std::fs::{self, Permissions};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tracing::{info, warn};

/// Bytes of a write.
const BUFFER: usize = 256 << 10;

/// Packs a folder.
///
/// # Errors
/// An invalid option, a folder that cannot be packed, or an output that cannot be written. A regular output file is then
/// unchanged.
pub(crate) fn pack(arguments: &Pack) -> Result<(), StartupError> {
    let passed = arguments.handler_options(env::vars_os())?;
    let variables = variables(&passed)?;
    let folder = arguments.folder.display();
    let unable = |error: &PackError| StartupError::CannotServe(format!("cannot pack '{folder}': {error}"));
    let opened = Folder::open(&arguments.folder).map_err(|error| {
        let reason = bounded_file::reason(&error);
        StartupError::io(format!("cannot pack '{folder}': {reason}; name a directory or a file that you may read"), error)
    })?;
    let opened = match &arguments.output {
        Output::File(path) => opened.without(path),
        Output::Stdout => opened,
    };
    let encode = if arguments.precompress { Encode::Compressible } else { Encode::No };
    let site = read(opened, &variables, times()?, encode).map_err(|error| unable(&error))?;
    let layout = site.layout(if arguments.p2 { P2 } else { P3 }).map_err(|error| unable(&error))?;
    for left_out in site.left_out() {
        warn!("not packed: {left_out}");
    }
    match &arguments.output {
        Output::Stdout => write(&site, &layout, &mut io::stdout().lock()).map_err(|error| unable(&error))?,
        Output::File(path) => write_file(&site, &layout, path).map_err(|error| match error {
            PackError::Write(error) => {
                let reason = bounded_file::reason(&error);
                let message = format!("cannot write '{}': {reason}; name another file with -o", path.display());
                StartupError::io(message, error)
            }
            error => unable(&error),
        })?,
    }
    info!(target: NOTICE, "packed: {} files, {} bytes", site.files(), site.length());
    Ok(())
}

/// The variables of the options, all valid.
fn variables(passed: &[HandlerOption]) -> Result<Vec<(String, String)>, StartupError> {
    let pair = |option: &HandlerOption| (options::variable(option.name), option.text.clone());
    let variables: Vec<_> = passed.iter().map(pair).collect();
    Config::from_pairs(variables.iter().cloned()).map_err(|error| located(error, passed))?;
    Ok(variables)
}

/// The times of the files, or the one that a build sets for all (<https://reproducible-builds.org/specs/source-date-epoch>).
fn times() -> Result<Times, StartupError> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let Some(value) = env::var_os(NAME).filter(|value| !value.is_empty()) else { return Ok(Times::OfFiles) };
    let seconds = value.to_str().and_then(|text| text.parse().ok());
    seconds.and_then(|seconds| HttpTime::new(seconds, 0)).map(Times::All).ok_or_else(|| {
        let text = value.to_string_lossy();
        StartupError::Usage(format!("{NAME}: invalid time '{text}'; give the seconds since 1970, or unset it"))
    })
}

/// Reads the folder, with a progress bar on a terminal.
fn read(folder: Folder, variables: &[(String, String)], times: Times, encode: Encode) -> Result<Site, PackError> {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
    if io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    // The template is valid, so there is no other style.
    if let Ok(style) = ProgressStyle::with_template("{bytes} of {total_bytes} {wide_bar} {eta}") {
        bar.set_style(style);
    }
    let site = Site::read(folder, variables, times, encode, &|progress| match progress {
        Progress::Total(bytes) => bar.set_length(bytes),
        Progress::Read(bytes) => bar.inc(bytes),
    });
    bar.finish_and_clear();
    site
}

/// Writes a new file and then replaces the named one, so that an error leaves no part of a component. A pipe or a device
/// is written directly.
fn write_file(site: &Site, layout: &PackedLayout, path: &Path) -> Result<(), PackError> {
    let is_special = fs::metadata(path).is_ok_and(|found| !found.is_file());
    if is_special {
        return write(site, layout, &mut bounded_file::create(path)?);
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The process has a mask, which removes rights that the user does not give to others.
    let permissions = Permissions::from_mode(0o666);
    let file = tempfile::Builder::new().prefix(".glasshouse-").permissions(permissions).tempfile_in(directory);
    let mut file = file.map_err(unnamed)?;
    write(site, layout, file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| PackError::Write(error.error))
}

/// The error without the path that `tempfile` adds.
fn unnamed(error: io::Error) -> io::Error {
    error.raw_os_error().map_or(error.kind().into(), io::Error::from_raw_os_error)
}

fn write(site: &Site, layout: &PackedLayout, to: &mut impl Write) -> Result<(), PackError> {
    let mut to = BufWriter::with_capacity(BUFFER, to);
    site.write(layout, &mut to)?;
    Ok(to.flush()?)
}
