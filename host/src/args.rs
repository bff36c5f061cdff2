//! What was typed, and nothing of what it means: the command line, and the variables and the file that stand in for it. It
//! opens no file but that one, asks for no address and knows no default that depends on the machine; that is `config`.

mod addresses;
mod clients;
mod content;
mod effective;
mod export;
mod file;
mod handler_options;
mod inspect;
mod lifecycle;
mod limits;
mod logs;
mod mount;
mod operands;
#[cfg(test)]
mod options_table;
mod sources;
#[cfg(test)]
pub mod tests;
pub mod tls;
mod toml_bytes;
mod toml_shape;
mod users;
pub mod value;
mod variables;

use crate::config::StartupError;
pub use addresses::{AddressFlags, places};
use clap::builder::{ArgPredicate, OsStringValueParser, TypedValueParser as _};
use clap::error::{Error, ErrorKind};
use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
pub use clients::ClientFlags;
use content::ContentFlags;
pub use effective::{EffectiveOption, OptionSource};
pub use export::{Export, Output};
use file::ConfigFile;
pub use handler_options::HandlerOptions;
pub use inspect::{Input, Inspect};
pub use logs::{Level, LogFlags};
pub use mount::Mount;
pub use operands::Meant;
use operands::Operands;
use sources::{Sources, Variables};
use std::env;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
pub use toml_shape::ValueShape;
pub use users::{AuthFlags as Auth, Passwd};

const SERVING: &str = "Serving";
const RUNTIME: &str = "Runtime";
const EXAMPLES: &str = "\
Examples:
  glasshouse                             the current directory, on every address, port 8000
  glasshouse site                        another directory
  glasshouse 0 -b localhost              on this machine only, on any free port
  glasshouse 8080 report.pdf             one file, and nothing beside it, on port 8080
  glasshouse -H Cache-Control no-cache   a field for every page
  glasshouse handler -o handler.wasm     write out the handler, to run it elsewhere
  glasshouse passwd FILE USER            set the password of a user, for --auth FILE
  glasshouse inspect other.wasm          what another handler would want, without running it

Each option has a variable, such as GLASSHOUSE_CONTENT_TYPE for --content-type, and
a key in the file of --config; what is typed wins, then the variable. Ctrl-C stops
the server.";

/// What the program was asked to do.
#[derive(Debug)]
pub enum Task {
    Serve(Args),
    /// Tell what would be served, and how.
    Check(Args, Vec<EffectiveOption>),
    Export(Export),
    Inspect(Inspect),
    Completions(Shell),
    /// Write the pages of the manual into a directory, or the first of them to standard output.
    Man(Option<PathBuf>),
    Passwd(Passwd),
}

impl Task {
    /// Reads this process's command line, and the file that it names. Ends the process after `--help` and `--version`
    /// (exit 0) and on an option that cannot be understood (exit 2, S3).
    ///
    /// # Errors
    /// The file cannot be read, or makes no sense.
    pub fn from_command_line() -> Result<Task, StartupError> {
        let words: Vec<OsString> = env::args_os().collect();
        Task::parse(&words, &|key| env::var_os(key)).map_err(|stop| match stop {
            Stop::Clap(error) => error.exit(),
            Stop::Fault(fault) => fault,
        })
    }

    /// How much is said while it is done.
    pub fn level(&self) -> Level {
        match self {
            Task::Serve(args) | Task::Check(args, _) => args.logs.level(),
            _ => Level::Error,
        }
    }

    fn parse(words: &[OsString], variable: Variables) -> Result<Task, Stop> {
        let (mut command, definition) = (sources::command(), Cli::command());
        // What was typed alone, to know what a file has no say in. An error in it is told below.
        let typed = command.clone().ignore_errors(true).try_get_matches_from(words)?;
        let is_server = typed.subcommand().is_none();
        let operands = match Operands::read(&definition, &typed, words).map_err(|text| usage(&mut command, text)) {
            Err(error) if is_server => {
                // An option that cannot be understood comes first, as it may be why a word stands by itself.
                let given = Sources { typed, operands: Operands::default(), file: ConfigFile::default(), variable };
                let parsed = command.try_get_matches_from_mut(words);
                parsed.map_err(|error| given.explain(error, words, words.len()))?;
                return Err(error);
            }
            operands => operands.unwrap_or_default(),
        };
        let named = match variable("GLASSHOUSE_CONFIG".as_ref()) {
            _ if !is_server || typed.value_source("config").is_some() => typed.get_one("config").cloned(),
            Some(empty) if empty.is_empty() => {
                let text = "GLASSHOUSE_CONFIG: the value is empty; give one, or unset the variable";
                return Err(usage(&mut command, text.to_owned()));
            }
            path => path.map(PathBuf::from),
        };
        let file = match named.filter(|_| is_server) {
            Some(path) => ConfigFile::read(&path, &definition)?,
            None => ConfigFile::default(),
        };
        let given = Sources { typed, operands, file, variable };
        let all = match is_server {
            true => given.words(words).map_err(|text| usage(&mut command, text))?,
            false => words.to_vec(),
        };
        let parsed = command.try_get_matches_from_mut(&all);
        let matches = parsed.map_err(|error| given.explain(error, &all, words.len()))?;
        let mut cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        let setting = |arg| effective::setting(arg, &matches, given.source(arg), &given.file);
        let settings = cli.check.then(|| effective::options(&definition).map(setting).collect());
        cli.args.port_is_given = given.is_given("port");
        cli.args.meant = given.operands.meant;
        cli.args.file = given.file;
        Ok(match (cli.command, settings) {
            (Some(Command::Handler(export)), _) => Task::Export(export),
            (Some(Command::Inspect(inspect)), _) => Task::Inspect(inspect),
            (Some(Command::Passwd(words)), _) => Task::Passwd(words),
            (Some(Command::Completions { shell }), _) => Task::Completions(shell),
            (Some(Command::Man { output }), _) => Task::Man(output),
            (None, Some(settings)) => Task::Check(cli.args, settings),
            (None, None) => Task::Serve(cli.args),
        })
    }
}

/// Why there is no task.
#[derive(Debug)]
enum Stop {
    /// The words cannot be understood, or only ask what there is to be typed.
    Clap(Error),
    /// The file of settings cannot be read, or makes no sense.
    Fault(StartupError),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Clap(error)
    }
}

impl From<StartupError> for Stop {
    fn from(fault: StartupError) -> Stop {
        Stop::Fault(fault)
    }
}

fn usage(command: &mut clap::Command, text: String) -> Stop {
    Stop::Clap(command.error(ErrorKind::InvalidValue, text))
}

/// Serve one directory over HTTP, read-only.
///
/// Everything that reads a request and touches a file runs in a sandbox that can read this one directory and nothing
/// else.
#[derive(Debug, Parser)]
#[command(name = "glasshouse", version, after_help = EXAMPLES)]
#[command(override_usage = "glasshouse [OPTIONS] [PORT] [PATH]\n       glasshouse COMMAND ...")]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    args: Args,
    /// Print every option with its value in effect, and exit
    ///
    /// And with where it is from, in the form of a file that --config takes. What a start would complain of is told, too; ports
    /// and sockets are not tried. It is typed: there is no variable and no key for it.
    #[arg(long, help_heading = RUNTIME)]
    check: bool,
    /// File with values for options: in TOML, a key for each, named as its flag is
    ///
    /// What is typed wins, and then the variables. Paths in it begin where the program is started. GLASSHOUSE_CONFIG names it, too; a
    /// file cannot name another one.
    #[arg(long, value_name = "FILE", env = "GLASSHOUSE_CONFIG", hide_env = true, help_heading = RUNTIME)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write out the handler, a WebAssembly component, to run it in another host
    Handler(Export),
    /// Tell what a component is and imports, and whether it could be the handler, without running it
    ///
    /// Exits with 0 if it could, and with 1 if --handler would refuse it.
    Inspect(Inspect),
    /// Set the password of a user in a file for --auth
    ///
    /// It is asked for twice on a terminal; otherwise it is the first line of standard input. What is written is a hash
    /// of argon2id.
    Passwd(Passwd),
    /// Write what lets a shell complete options, to standard output
    Completions {
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Write the page of the manual to standard output
    Man {
        /// Write all pages, those of the commands too, into this directory
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
}

/// The definition of the command line, for what else is made from it.
pub fn definition() -> clap::Command {
    Cli::command().disable_help_subcommand(true)
}

/// The version of HTTP that is spoken, whatever the client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// One request per connection
    #[value(name = "HTTP/1.0")]
    Http10,
    /// Connections are kept for further requests
    #[value(name = "HTTP/1.1")]
    Http11,
}

impl Protocol {
    pub fn version(self) -> http::Version {
        match self {
            Protocol::Http10 => http::Version::HTTP_10,
            Protocol::Http11 => http::Version::HTTP_11,
        }
    }
}

/// The options of the server.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A number is the port, anything else the path to serve
    ///
    /// As --port and --directory. A path that is a number is written as ./8080.
    #[arg(value_names = ["PORT", "PATH"], display_order = 0, help_heading = SERVING)]
    words: Vec<OsString>,

    /// Port to listen on; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value = "8000", value_parser = value::port)]
    #[arg(env = "GLASSHOUSE_PORT", hide_env = true, help_heading = SERVING)]
    pub port: u16,

    /// Whether anybody has named it.
    #[arg(skip)]
    pub port_is_given: bool,

    /// What else the path may have been meant as, if it stands by itself.
    #[arg(skip)]
    pub meant: Option<Meant>,

    /// Address or host name to listen on, repeatable [default: all]
    ///
    /// An IPv4 or IPv6 address, with '%' and its interface where it takes one, a name, whose first address is taken, or
    /// 'unix:' and the path of a socket. The variable holds several, separated by commas.
    #[arg(short, long, value_name = "ADDR")]
    #[arg(env = "GLASSHOUSE_BIND", hide_env = true, help_heading = SERVING)]
    pub bind: Vec<String>,

    #[command(flatten)]
    pub addresses: AddressFlags,

    /// Directory to serve, or one file
    ///
    /// A file is at '/' and at its name. What is beside it is not there for anybody. With --mount there is none by default, and what
    /// is not below a mount is not found.
    #[arg(short, long, value_name = "PATH", default_value = ".")]
    #[arg(default_value_if("mount", ArgPredicate::IsPresent, None))]
    #[arg(env = "GLASSHOUSE_DIRECTORY", hide_env = true, help_heading = SERVING)]
    pub directory: Option<PathBuf>,

    /// Directory to serve at a path of its own, repeatable
    ///
    /// The path is written plainly, not percent-encoded, and the longest that fits a request counts. What answers there can read
    /// this directory and no other. The variable holds one a line.
    #[arg(long, value_name = "PATH=DIR")]
    #[arg(value_parser = OsStringValueParser::new().try_map(Mount::parse))]
    #[arg(env = "GLASSHOUSE_MOUNT", hide_env = true, help_heading = SERVING)]
    pub mount: Vec<Mount>,

    /// Version of HTTP to speak
    #[arg(short, long, value_name = "VERSION", value_enum, default_value = "HTTP/1.1", ignore_case = true)]
    #[arg(env = "GLASSHOUSE_PROTOCOL", hide_env = true, help_heading = SERVING)]
    pub protocol: Protocol,

    #[command(flatten)]
    pub tls: tls::TlsFlags,

    #[command(flatten)]
    content: ContentFlags,

    #[command(flatten)]
    pub users: Auth,

    #[command(flatten)]
    pub clients: ClientFlags,

    #[command(flatten)]
    pub logs: LogFlags,

    /// What the file says, for the options that the handler reads.
    #[arg(skip)]
    file: ConfigFile,

    /// Threads that answer requests [default: one per processor]
    #[arg(long, value_name = "N", value_parser = |text: &str| value::count(text, 1..=4096))]
    #[arg(env = "GLASSHOUSE_THREADS", hide_env = true, help_heading = RUNTIME)]
    pub threads: Option<NonZeroUsize>,

    #[command(flatten)]
    pub ceilings: limits::LimitFlags,

    /// Component that answers requests, in place of the built-in one
    ///
    /// A WebAssembly component that exports wasi:http/handler 0.3 or wasi:http/incoming-handler 0.2, and imports nothing that is
    /// refused or unknown: `glasshouse inspect FILE` tells.
    #[arg(long, value_name = "FILE")]
    #[arg(env = "GLASSHOUSE_HANDLER", hide_env = true, help_heading = RUNTIME)]
    pub handler: Option<PathBuf>,

    /// Give answers of that component again while no file that it looked at has changed
    ///
    /// For a component whose answers depend on the request and the files alone, as those of the built-in one do.
    #[arg(long, requires = "handler")]
    #[arg(env = "GLASSHOUSE_PURE_HANDLER", hide_env = true, help_heading = RUNTIME)]
    pub pure_handler: bool,

    /// Ask the component for every answer
    #[arg(long)]
    #[arg(env = "GLASSHOUSE_NO_REPLAY", hide_env = true, help_heading = RUNTIME)]
    pub no_replay: bool,

    /// Keep the rights that serving does not need
    ///
    /// Otherwise the process gives them up as soon as it listens: opening anything but the served files, writing, starting
    /// programs, opening connections, making machine code.
    #[arg(long)]
    #[arg(env = "GLASSHOUSE_NO_HARDEN", hide_env = true, help_heading = RUNTIME)]
    pub no_harden: bool,

    /// Do not serve where the system refuses to take any of these rights away
    #[arg(long, conflicts_with = "no_harden")]
    #[arg(env = "GLASSHOUSE_REQUIRE_HARDEN", hide_env = true, help_heading = RUNTIME)]
    pub require_harden: bool,

    #[command(flatten)]
    pub life: lifecycle::Lifecycle,

    /// Print no addresses and log no requests, whatever --log says
    #[arg(long)]
    #[arg(env = "GLASSHOUSE_QUIET", hide_env = true, help_heading = RUNTIME)]
    pub quiet: bool,
}
