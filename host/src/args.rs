//! The command line, the variables and the file of `--config`. Does not read any other file, and does not know defaults
//! that depend on the machine: `config` does that.

mod addresses;
mod clap_options;
mod clients;
mod components;
mod compose;
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
mod mount_variable;
mod operands;
#[cfg(test)]
mod options_table;
mod pack;
mod sources;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod tls;
mod toml_bytes;
mod toml_shape;
mod users;
pub(crate) mod value;
mod variables;

use crate::error::StartupError;
pub(crate) use addresses::{AddressFlags, bind_values};
use clap::builder::{ArgPredicate, OsStringValueParser, TypedValueParser as _};
use clap::error::{Error, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
pub(crate) use clients::ClientFlags;
use components::ComponentFlags;
pub(crate) use compose::Compose;
use content::ContentFlags;
pub(crate) use effective::{EffectiveOption, OptionSource};
pub(crate) use export::{Export, Output};
use file::ConfigFile;
pub(crate) use handler_options::HandlerOption;
pub(crate) use inspect::{Input, Inspect};
pub(crate) use logs::{Level, LogFlags};
pub(crate) use mount::Mount;
pub(crate) use mount_variable::MountVariable;
pub(crate) use operands::OperandHint;
use operands::Operands;
pub(crate) use pack::Pack;
use sources::{Sources, Variables};
use std::env;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
pub(crate) use toml_shape::ValueShape;
pub(crate) use users::{AuthFlags, Passwd};
use value::ByteSize;

const SERVING: &str = "Serving";
const CLIENTS: &str = "Clients and users";
const RUNTIME: &str = "Runtime";
const EXAMPLES: &str = "\
Examples:
  glasshouse                             the current directory, all addresses, port 8000
  glasshouse site                        another directory
  glasshouse 0 -b localhost              this machine only, any free port
  glasshouse 8080 report.pdf             one file, on port 8080
  glasshouse -H Cache-Control no-cache   a header field for every page
  glasshouse passwd FILE USER            the password of a user, for --auth FILE
  glasshouse handler -o handler.wasm     the handler, for another host
  glasshouse pack site -o site.wasm      a directory and the handler in one component

An option comes from its flag, else from its variable (GLASSHOUSE_CONTENT_TYPE for
--content-type), else from the file of --config. Ctrl-C stops the server.";

/// What the program does.
#[derive(Debug)]
pub(crate) enum Task {
    Serve(Args),
    /// Print the effective options.
    Check(Args, Vec<EffectiveOption>),
    Export(Export),
    Pack(Pack),
    Compose(Compose),
    Inspect(Inspect),
    Completions(Shell),
    /// Write all pages of the manual into a directory, or the first one to standard output.
    Man(Option<PathBuf>),
    Passwd(Passwd),
}

impl Task {
    /// Reads the command line of this process, its variables, and the file that they name. Ends the process after
    /// `--help` and `--version` (exit code 0) and on an invalid argument (exit code 2, PY-3).
    ///
    /// # Errors
    /// The file cannot be read or is invalid.
    pub(crate) fn from_command_line() -> Result<Task, StartupError> {
        let arguments: Vec<OsString> = env::args_os().collect();
        Task::parse(&arguments, &|key| env::var_os(key)).map_err(|error| match error {
            CommandLineError::Clap(error) => error.exit(),
            CommandLineError::Startup(error) => error,
        })
    }

    /// The level of the log while the task runs.
    pub(crate) fn level(&self) -> Level {
        match self {
            Task::Serve(args) | Task::Check(args, _) => args.logs.level(),
            _ => Level::Warn,
        }
    }

    fn parse(arguments: &[OsString], variable: Variables) -> Result<Task, CommandLineError> {
        let (mut command, definition) = (sources::command(), Cli::command());
        // The flags decide which variables and keys count, so they are read first. The last parse reports their errors.
        let flags = command.clone().ignore_errors(true).try_get_matches_from(arguments)?;
        let is_server = flags.subcommand().is_none();
        let operands = match Operands::read(&definition, &flags, arguments).map_err(|text| usage(&mut command, text)) {
            Err(error) if is_server => {
                // An invalid option comes first: it may be the reason for the extra operand.
                let sources = Sources { flags, operands: Operands::default(), file: ConfigFile::default(), variable };
                let parsed = command.try_get_matches_from_mut(arguments);
                parsed.map_err(|error| sources.explain(error, arguments, arguments.len()))?;
                return Err(error);
            }
            operands => operands.unwrap_or_default(),
        };
        let path = match variable("GLASSHOUSE_CONFIG".as_ref()) {
            _ if !is_server || flags.value_source("config").is_some() => flags.get_one("config").cloned(),
            Some(empty) if empty.is_empty() => {
                let text = "GLASSHOUSE_CONFIG: the value is empty; give one, or unset the variable";
                return Err(usage(&mut command, text.to_owned()));
            }
            path => path.map(PathBuf::from),
        };
        let file = match path.filter(|_| is_server) {
            Some(path) => ConfigFile::read(&path, &definition)?,
            None => ConfigFile::default(),
        };
        let sources = Sources { flags, operands, file, variable };
        let all = match is_server {
            true => sources.arguments(arguments).map_err(|text| usage(&mut command, text))?,
            false => arguments.to_vec(),
        };
        let parsed = command.try_get_matches_from_mut(&all);
        let matches = parsed.map_err(|error| sources.explain(error, &all, arguments.len()))?;
        let mut cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        let effective = |arg| effective::option(arg, &matches, sources.source(arg), &sources.file);
        let options = cli.check.then(|| clap_options::all(&definition).map(effective).collect());
        cli.args.port_is_set = sources.is_set("port");
        cli.args.directory_is_set = sources.is_set("directory");
        cli.args.path_hint = sources.operands.hint;
        cli.args.file = sources.file;
        Ok(match (cli.command, options) {
            (Some(Command::Handler(export)), _) => Task::Export(export),
            (Some(Command::Pack(pack)), _) => Task::Pack(*pack),
            (Some(Command::Compose(compose)), _) => Task::Compose(compose),
            (Some(Command::Inspect(inspect)), _) => Task::Inspect(inspect),
            (Some(Command::Passwd(passwd)), _) => Task::Passwd(passwd),
            (Some(Command::Completions { shell }), _) => Task::Completions(shell),
            (Some(Command::Man { output }), _) => Task::Man(output),
            (None, Some(options)) => Task::Check(cli.args, options),
            (None, None) => Task::Serve(cli.args),
        })
    }
}

/// The command line is invalid, or it requests a text.
#[derive(Debug, thiserror::Error)]
enum CommandLineError {
    /// The arguments are invalid, or they request the help or the version.
    #[error(transparent)]
    Clap(#[from] Error),
    #[error(transparent)]
    Startup(#[from] StartupError),
}

fn usage(command: &mut clap::Command, text: String) -> CommandLineError {
    CommandLineError::Clap(command.error(ErrorKind::InvalidValue, text))
}

/// Serve one directory over HTTP, read-only
///
/// The code that reads requests and files runs in a sandbox that can read this directory and nothing else.
#[derive(Debug, Parser)]
#[command(name = "glasshouse", version, after_help = EXAMPLES)]
#[command(override_usage = "glasshouse [OPTIONS] [PORT] [PATH]\n       glasshouse COMMAND ...")]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    args: Args,
    /// Print every option with its effective value and exit
    ///
    /// The output names the source of each value and is a valid file for --config. The command reports every error that
    /// a start would report. It does not try ports and sockets. It has no variable and no key.
    #[arg(long, help_heading = RUNTIME)]
    check: bool,
    /// TOML file with options, one key per flag
    ///
    /// Flags and variables win over the file. Relative paths in it start at the working directory. The variable is
    /// GLASSHOUSE_CONFIG. A file cannot name another file.
    #[arg(long, value_name = "FILE", env = "GLASSHOUSE_CONFIG", hide_env = true, help_heading = RUNTIME)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the handler component to a file, for other hosts
    Handler(Export),
    /// Write a directory and the handler as one component
    ///
    /// The component needs no directory: 'glasshouse --handler FILE' serves it, and so does another host for wasi:http
    /// 0.3, or 0.2 with --p2. It contains the options below. Variables of the host override them.
    Pack(Box<Pack>),
    /// Write middleware and a handler as one component
    ///
    /// The result runs in every host that has what its components import. The middleware in it gets no directory.
    Compose(Compose),
    /// Report the imports of a component and whether it can serve
    ///
    /// The command does not run the component. It exits with 0 if --handler accepts the component, and with 1 if not.
    Inspect(Inspect),
    /// Set the password of a user in a file for --auth
    ///
    /// The command asks twice on a terminal. Otherwise it reads the first line of standard input. It writes an argon2id
    /// hash.
    Passwd(Passwd),
    /// Print the completions for a shell
    Completions {
        /// Shell of the completions
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Print the manual page
    Man {
        /// Directory for the pages of all commands [default: print one page]
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
}

/// The definition of the command line, for the completions and the manual.
pub(crate) fn definition() -> clap::Command {
    Cli::command().disable_help_subcommand(true)
}

/// The version of HTTP/1 in use, whatever the client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProtocolVersion {
    /// One request per connection
    #[value(name = "HTTP/1.0")]
    Http10,
    /// Several requests per connection
    #[value(name = "HTTP/1.1")]
    Http11,
}

impl ProtocolVersion {
    pub(crate) fn version(self) -> http::Version {
        match self {
            ProtocolVersion::Http10 => http::Version::HTTP_10,
            ProtocolVersion::Http11 => http::Version::HTTP_11,
        }
    }
}

/// The options of the server.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Port (a number) or path (anything else) to serve
    ///
    /// Same as --port and --directory, in any order. Write a path that is a number as ./8080.
    #[arg(value_names = ["PORT", "PATH"], display_order = 0, help_heading = SERVING)]
    operands: Vec<OsString>,

    /// Port to listen on; 0 selects any free port
    #[arg(long, value_name = "PORT", default_value = "8000", value_parser = value::port)]
    #[arg(env = "GLASSHOUSE_PORT", hide_env = true, help_heading = SERVING)]
    pub(crate) port: u16,

    /// Whether the port has another source than the default.
    #[arg(skip)]
    pub(crate) port_is_set: bool,

    /// A suggestion for an operand that is not an existing path.
    #[arg(skip)]
    pub(crate) path_hint: Option<OperandHint>,

    /// Address or host name to listen on (repeatable) [default: all]
    ///
    /// An IPv4 or IPv6 address, with '%' and the interface where the address needs one, a host name, of which the
    /// server uses the first address, or 'unix:' and the path of a socket. The variable holds several, separated by
    /// commas.
    #[arg(short, long, value_name = "ADDR")]
    #[arg(env = "GLASSHOUSE_BIND", hide_env = true, help_heading = SERVING)]
    pub(crate) bind: Vec<String>,

    #[command(flatten)]
    pub(crate) addresses: AddressFlags,

    /// Directory or single file to serve
    ///
    /// A single file is served at '/' and at its name. The files beside it are not served. With --mount this option has
    /// no default: paths outside the mounts are then not found. It cannot be combined with a --handler that reads no
    /// directory.
    #[arg(short, long, value_name = "PATH", default_value = ".")]
    #[arg(default_value_if("mount", ArgPredicate::IsPresent, None))]
    #[arg(env = "GLASSHOUSE_DIRECTORY", hide_env = true, help_heading = SERVING)]
    pub(crate) directory: Option<PathBuf>,

    /// Whether the directory has another source than the default.
    #[arg(skip)]
    pub(crate) directory_is_set: bool,

    /// Directory or component to serve below a path (repeatable)
    ///
    /// PATH is plain text, not percent-encoded. The longest matching path counts. The handler of a mount can read the
    /// directory of that mount and no other. PATH=FILE.wasm mounts a component without a directory, and
    /// PATH=FILE.wasm:DIR one that can read DIR. A directory whose name ends in '.wasm' stays a directory. The variable
    /// holds one mount per line.
    #[arg(long, value_name = "PATH=DIR")]
    #[arg(value_parser = OsStringValueParser::new().try_map(Mount::parse))]
    #[arg(env = "GLASSHOUSE_MOUNT", hide_env = true, help_heading = SERVING)]
    pub(crate) mount: Vec<Mount>,

    /// HTTP version; HTTP/1.1 includes HTTP/2 over TLS
    #[arg(short, long, value_name = "VERSION", value_enum, default_value = "HTTP/1.1", ignore_case = true)]
    #[arg(env = "GLASSHOUSE_PROTOCOL", hide_env = true, help_heading = SERVING)]
    pub(crate) protocol: ProtocolVersion,

    #[command(flatten)]
    pub(crate) tls: tls::TlsFlags,

    #[command(flatten)]
    content: ContentFlags,

    #[command(flatten)]
    pub(crate) users: AuthFlags,

    #[command(flatten)]
    pub(crate) clients: ClientFlags,

    #[command(flatten)]
    pub(crate) logs: LogFlags,

    /// The file of `--config`, for the options of the handler.
    #[arg(skip)]
    file: ConfigFile,

    /// Worker threads [default: one per processor]
    #[arg(long, value_name = "N", value_parser = |text: &str| value::count(text, 1..=4096))]
    #[arg(env = "GLASSHOUSE_THREADS", hide_env = true, help_heading = RUNTIME)]
    pub(crate) threads: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(crate) limits: limits::LimitFlags,

    #[command(flatten)]
    pub(crate) components: ComponentFlags,

    /// Run the handler for every request
    #[arg(long)]
    #[arg(env = "GLASSHOUSE_NO_REPLAY", hide_env = true, hide_short_help = true, help_heading = RUNTIME)]
    pub(crate) no_replay: bool,

    /// Maximum memory of recorded responses
    ///
    /// All threads and trees share it. 0 has the effect of --no-replay.
    #[arg(long, value_name = "SIZE", default_value = "64M")]
    #[arg(env = "GLASSHOUSE_REPLAY_MEMORY", hide_env = true, hide_short_help = true, help_heading = RUNTIME)]
    pub(crate) replay_memory: ByteSize,

    /// Keep process rights that serving does not need
    ///
    /// By default the process gives up these rights when it listens: opening anything but the served files, writing,
    /// starting programs, opening connections, generating machine code.
    #[arg(long)]
    #[arg(env = "GLASSHOUSE_NO_HARDEN", hide_env = true, help_heading = RUNTIME)]
    pub(crate) no_harden: bool,

    /// Fail if the system cannot remove all unneeded rights
    #[arg(long, conflicts_with = "no_harden")]
    #[arg(env = "GLASSHOUSE_REQUIRE_HARDEN", hide_env = true, hide_short_help = true, help_heading = RUNTIME)]
    pub(crate) require_harden: bool,

    #[command(flatten)]
    pub(crate) lifecycle: lifecycle::LifecycleFlags,

    /// Print no addresses and log no requests
    ///
    /// This option overrides --log.
    #[arg(long)]
    #[arg(env = "GLASSHOUSE_QUIET", hide_env = true, help_heading = RUNTIME)]
    pub(crate) quiet: bool,
}
