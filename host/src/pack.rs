//! `glasshouse pack`: writes the handler with a folder inside as one component.

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
use glasshouse_pack::{Encode, Folder, PackError, PackedLayout, Progress, Site, Times, max_image};
use glasshouse_sandbox::{P2, P3};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::env;
use std::io::{self, BufWriter, IsTerminal as _, Write};
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
    let folder = arguments.folder.display();
    let unable = |error: &PackError| StartupError::CannotServe(format!("cannot pack '{folder}': {error}"));
    let encode = if arguments.precompress { Encode::Compressible } else { Encode::No };
    let handler = if arguments.p2 { P2 } else { P3 };
    let max = max_image(handler).map_err(|error| unable(&error))?;
    let reading = Reading { variables: &variables, times: times(source_date), encode, max };
    let site = reading.read(open(arguments)?).map_err(|error| unable(&error))?;
    let layout = site.layout(handler).map_err(|error| unable(&error))?;
    site.left_out().iter().for_each(|left_out| warn!("not packed: {left_out}"));
    let component = PackedComponent { site: &site, layout: &layout, oci: arguments.oci, created: source_date };
    match &arguments.output {
        Output::Stdout => component.write(&mut io::stdout().lock()).map_err(|error| unable(&error))?,
        Output::File(path) => {
            output_file::replace(path, |file| component.write(file)).map_err(|error| match error {
                PackError::Write(error) => {
                    let reason = bounded_file::reason(&error);
                    let message = format!("cannot write '{}': {reason}; name another file with -o", path.display());
                    StartupError::io(message, error)
                }
                error => unable(&error),
            })?
        }
    }
    info!(target: NOTICE, "packed: {} files, {} bytes", site.files(), site.length());
    Ok(())
}

fn open(arguments: &Pack) -> Result<Folder, StartupError> {
    let folder = Folder::open(&arguments.folder).map_err(|error| {
        let (folder, reason) = (arguments.folder.display(), bounded_file::reason(&error));
        let fix = "name a directory or a file that you may read";
        StartupError::io(format!("cannot pack '{folder}': {reason}; {fix}"), error)
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
    Config::from_pairs(variables.iter().cloned()).map_err(|error| located(error, passed))?;
    Ok(variables)
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
    fn read(&self, folder: Folder) -> Result<Site, PackError> {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        if io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        // The template is valid, so there is no other style.
        if let Ok(style) = ProgressStyle::with_template("{bytes} of {total_bytes} {wide_bar} {eta}") {
            bar.set_style(style);
        }
        let Reading { variables, times, encode, max } = *self;
        let site = Site::read(folder, variables, times, encode, max, &|progress| match progress {
            Progress::Total(bytes) => bar.set_length(bytes),
            Progress::Read(bytes) => bar.inc(bytes),
        });
        bar.finish_and_clear();
        site
    }
}

/// A packed component that is written.
struct PackedComponent<'a> {
    site: &'a Site,
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
