//! What was typed, and nothing of what it means: the command line and the names of the variables that stand in for it.
//! It opens no file, asks for no address and knows no default that depends on the machine; that is `config`.

mod ceilings;
mod clients;
mod content;
mod export;
mod inspect;
mod settings;
mod users;
pub mod value;

use clap::builder::BoolishValueParser;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand, ValueEnum};
pub use clients::Clients;
use content::Content;
pub use export::{Export, Output};
pub use inspect::{Input, Inspect};
pub use settings::{Setting, Source};
use std::env;
use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::PathBuf;
pub use users::{Flags as Auth, Passwd};

const PREFIX: &str = "GLASSHOUSE_";
const SERVING: &str = "Serving";
const RUNTIME: &str = "Runtime";
const EXAMPLES: &str = "\
Examples:
  glasshouse                             the current directory, on every address, port 8000
  glasshouse 0 -b localhost              on this machine only, on any free port
  glasshouse -d site -p HTTP/1.0         another directory, one request per connection
  glasshouse -H Cache-Control no-cache   a field for every page
  glasshouse handler -o handler.wasm     write out the handler, to run it elsewhere
  glasshouse passwd FILE USER            set the password of a user, for --auth FILE
  glasshouse inspect other.wasm          what another handler would want, without running it

Each option has a variable, such as GLASSHOUSE_CONTENT_TYPE for --content-type;
what is typed wins. Ctrl-C stops the server.";

/// What the program was asked to do.
#[derive(Debug)]
pub enum Task {
    Serve(Args),
    /// Tell what would be served, and how.
    Check(Args, Vec<Setting>),
    Export(Export),
    Inspect(Inspect),
    Passwd(Passwd),
}

impl Task {
    /// Reads this process's command line. Ends the process after `--help` and `--version` (exit 0) and on an option
    /// that cannot be understood (exit 2, S3).
    pub fn from_command_line() -> Task {
        let words: Vec<OsString> = env::args_os().collect();
        Task::parse(&words).unwrap_or_else(|error| explain(error, &words, |key| env::var_os(key)).exit())
    }

    fn parse(words: &[OsString]) -> Result<Task, Error> {
        let mut command = Cli::command();
        let matches = command.try_get_matches_from_mut(words)?;
        let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        Ok(match cli.command {
            Some(Command::Handler(export)) => Task::Export(export),
            Some(Command::Inspect(inspect)) => Task::Inspect(inspect),
            Some(Command::Passwd(words)) => Task::Passwd(words),
            None if cli.check => Task::Check(cli.args, settings::settings(&command, &matches)),
            None => Task::Serve(cli.args),
        })
    }
}

/// Serve one directory over HTTP, read-only.
///
/// Everything that reads a request and touches a file runs in a sandbox that can read this one directory and nothing
/// else.
#[derive(Debug, Parser)]
#[command(name = "glasshouse", version, after_help = EXAMPLES)]
#[command(
    override_usage = "glasshouse [OPTIONS] [PORT]\n       glasshouse handler [--p2] -o FILE\n       glasshouse inspect [--json] [FILE]\n       glasshouse passwd FILE USER"
)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print every option with its value in effect, and exit
    #[arg(long, help_heading = RUNTIME)]
    check: bool,
    #[command(flatten)]
    args: Args,
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
    /// Port to listen on; 0 takes any free one
    #[arg(value_name = "PORT", default_value_t = 8000, display_order = 0)]
    #[arg(env = "GLASSHOUSE_PORT", hide_env = true, help_heading = SERVING)]
    pub port: u16,

    /// Address or host name to listen on, repeatable [default: all]
    ///
    /// An IPv4 or IPv6 address, or a name, whose first address is taken. The variable holds several, separated by
    /// commas.
    #[arg(short, long, value_name = "ADDR", value_delimiter = ',')]
    #[arg(env = "GLASSHOUSE_BIND", hide_env = true, help_heading = SERVING)]
    pub bind: Vec<String>,

    /// Directory to serve
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    #[arg(env = "GLASSHOUSE_DIRECTORY", hide_env = true, help_heading = SERVING)]
    pub directory: PathBuf,

    /// Version of HTTP to speak
    #[arg(short, long, value_name = "VERSION", value_enum, default_value = "HTTP/1.1", ignore_case = true)]
    #[arg(env = "GLASSHOUSE_PROTOCOL", hide_env = true, help_heading = SERVING)]
    pub protocol: Protocol,

    #[command(flatten)]
    content: Content,

    #[command(flatten)]
    pub users: Auth,

    #[command(flatten)]
    pub clients: Clients,

    /// Threads that answer requests [default: one per processor]
    #[arg(long, value_name = "N")]
    #[arg(env = "GLASSHOUSE_THREADS", hide_env = true, help_heading = RUNTIME)]
    pub threads: Option<NonZeroUsize>,

    #[command(flatten)]
    pub ceilings: ceilings::Flags,

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
    #[arg(long, requires = "handler", value_parser = BoolishValueParser::new())]
    #[arg(env = "GLASSHOUSE_PURE_HANDLER", hide_env = true, help_heading = RUNTIME)]
    pub pure_handler: bool,

    /// Ask the component for every answer
    #[arg(long, value_parser = BoolishValueParser::new())]
    #[arg(env = "GLASSHOUSE_NO_REPLAY", hide_env = true, help_heading = RUNTIME)]
    pub no_replay: bool,

    /// Keep the rights that serving does not need
    ///
    /// Otherwise the process gives them up as soon as it listens: opening anything but the served files, writing, starting
    /// programs, opening connections, making machine code.
    #[arg(long, value_parser = BoolishValueParser::new())]
    #[arg(env = "GLASSHOUSE_NO_HARDEN", hide_env = true, help_heading = RUNTIME)]
    pub no_harden: bool,

    /// Do not serve where the system refuses to take any of these rights away
    #[arg(long, conflicts_with = "no_harden", value_parser = BoolishValueParser::new())]
    #[arg(env = "GLASSHOUSE_REQUIRE_HARDEN", hide_env = true, help_heading = RUNTIME)]
    pub require_harden: bool,

    /// Print neither the addresses nor a line per request
    #[arg(long, value_parser = BoolishValueParser::new())]
    #[arg(env = "GLASSHOUSE_QUIET", hide_env = true, help_heading = RUNTIME)]
    pub quiet: bool,
}

impl Args {
    /// The variables to give to the handler: those of `environment` that are its own, replaced by what was typed.
    ///
    /// # Errors
    /// Names, in words for the person who typed it, a variable that begins with `GLASSHOUSE_` and is known to neither
    /// side, one of the handler's that is not UTF-8, and a field that would not survive as one `NAME: VALUE` line.
    pub fn guest_pairs(
        &self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Vec<(String, String)>, String> {
        let mut options = self.content.passed()?;
        let host = host_keys();
        for (key, value) in environment {
            let Some(key) = key.to_str().filter(|key| key.starts_with(PREFIX)) else { continue };
            if let Some(option) = options.iter_mut().find(|option| option.key == key) {
                if option.typed.is_none() {
                    option.typed = Some(value.into_string().map_err(|_| format!("{key}: the value is not UTF-8"))?);
                }
            } else if !host.iter().any(|known| known == key) {
                let guest = options.iter().map(|option| option.key.clone());
                let known = host.iter().cloned().chain(guest).collect::<Vec<_>>().join(", ");
                return Err(format!("{key}: no such variable; there are {known}"));
            }
        }
        Ok(options.into_iter().filter_map(|option| Some((option.key, option.typed?))).collect())
    }

    /// A complaint about a variable of the handler, told of the flag where the value was typed.
    pub fn blame(&self, complaint: &str) -> String {
        let options = self.content.passed().unwrap_or_default();
        match options.iter().find(|option| option.typed.is_some() && complaint.starts_with(&format!("{}:", option.key)))
        {
            Some(option) => complaint.replacen(&option.key, &option.flag, 1),
            None => complaint.to_owned(),
        }
    }
}

/// Adds what clap cannot tell: that a second word is no command, and that a bad value comes from a variable.
fn explain(mut error: Error, words: &[OsString], variable: impl Fn(&OsStr) -> Option<OsString>) -> Error {
    let mut cli = Cli::command();
    // An option that is not built yet has no text to compare with.
    cli.build();
    let told = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let (word, option) = (told(ContextKind::InvalidSubcommand), told(ContextKind::InvalidArg));
    let value = OsString::from(told(ContextKind::InvalidValue));
    if error.kind() == ErrorKind::ArgumentConflict && cli.find_subcommand(&word).is_none() {
        return cli.error(ErrorKind::UnknownArgument, format!("unexpected argument '{word}'; a directory follows -d"));
    }
    let key = cli.get_arguments().find(|arg| arg.to_string() == option).and_then(|arg| arg.get_env());
    if let Some(key) = key.filter(|key| variable(key).as_ref() == Some(&value) && !words.contains(&value)) {
        let tip = format!("the value is that of the variable {}", key.display());
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// The variables that stand in for an option of the host, read from the options themselves.
fn host_keys() -> Vec<String> {
    Cli::command().get_arguments().filter_map(|arg| Some(arg.get_env()?.to_str()?.to_owned())).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// What `glasshouse` followed by `words` is understood as; a refusal as its exit code and text.
    fn parse(words: &[&str]) -> Result<Task, (i32, String)> {
        match Task::parse(&[&["glasshouse"], words].concat().iter().map(OsString::from).collect::<Vec<_>>()) {
            Ok(task) => Ok(task),
            Err(error) => Err((error.exit_code(), explain(error, &[], |_| None).to_string())),
        }
    }

    /// The options of a server.
    #[track_caller]
    pub fn serve(words: &[&str]) -> Args {
        match parse(words) {
            Ok(Task::Serve(args)) => args,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn defaults_s1_s7() {
        let args = serve(&[]);
        assert_eq!((args.port, args.protocol, args.directory), (8000, Protocol::Http11, PathBuf::from(".")));
        assert!(args.bind.is_empty() && args.threads.is_none() && args.handler.is_none() && !args.quiet);
    }

    #[test]
    fn values_are_taken_as_typed() {
        let words = "0 -b ::1 --bind localhost,[::] -d /srv -p http/1.0 --threads 3 --handler x.wasm --quiet";
        let args = serve(&words.split(' ').collect::<Vec<_>>());
        assert_eq!((args.port, args.protocol, args.directory), (0, Protocol::Http10, PathBuf::from("/srv")));
        assert_eq!(args.bind, ["::1", "localhost", "[::]"]);
        assert_eq!((args.threads, args.handler), (NonZeroUsize::new(3), Some(PathBuf::from("x.wasm"))));
        assert!(args.quiet);
    }

    #[test]
    fn nonsense_exits_2_and_is_named() {
        let rows: &[(&str, &[&str], &str)] = &[
            ("S3", &["abc"], "invalid value 'abc' for '[PORT]'"),
            ("S3", &["65536"], "invalid value '65536' for '[PORT]'"),
            ("S7", &["-p", "HTTP/2"], "[possible values: HTTP/1.0, HTTP/1.1]"),
            ("S10", &["-H", "X-A"], "2 values required for '--header <NAME> <VALUE>' but 1 was provided"),
            ("threads", &["--threads", "0"], "invalid value '0' for '--threads <N>'"),
            ("cgi", &["--cgi"], "unexpected argument '--cgi'"),
            ("no output", &["handler"], "--output <FILE>"),
            ("mixed", &["8080", "handler", "-o", "x"], "the subcommand 'handler' cannot be used with '[PORT]'"),
            ("two words", &["8080", "site"], "unexpected argument 'site'; a directory follows -d"),
        ];
        for (id, words, expected) in rows {
            let Err((code, text)) = parse(words) else { panic!("{id}: {words:?} was taken") };
            assert_eq!(code, 2, "{id}: {text}");
            assert!(text.contains(expected), "{id}: {text}");
        }
    }

    #[test]
    fn a_bad_variable_is_told_from_a_bad_word() {
        let rows: &[(&str, &[&str], bool)] = &[("abc", &[], true), ("80", &[], false), ("abc", &["abc"], false)];
        for (variable, typed, expected) in rows {
            // clap reads the variables of this process, which a test cannot set; a typed word fails alike.
            let error = Cli::try_parse_from(["glasshouse", "abc"]).unwrap_err();
            let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
            let text = explain(error, &typed, |key| (key == "GLASSHOUSE_PORT").then(|| variable.into())).to_string();
            assert_eq!(text.contains("tip: the value is that of the variable GLASSHOUSE_PORT"), *expected, "{text}");
        }
    }

    #[test]
    fn the_handler_can_be_written_out() {
        let rows = [
            (&["handler", "-o", "x"][..], false, Output::File("x".into())),
            (&["handler", "--p2", "--output", "-"], true, Output::Stdout),
        ];
        for (words, p2, output) in rows {
            match parse(words) {
                Ok(Task::Export(export)) => assert_eq!((export.p2, export.output), (p2, output), "{words:?}"),
                other => panic!("{words:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_component_can_be_inspected() {
        let rows: &[(&[&str], _, bool)] = &[
            (&["inspect"], None, false),
            (&["inspect", "--json", "x"], Some(Input::File("x".into())), true),
            (&["inspect", "-"], Some(Input::Stdin), false),
        ];
        for (words, file, json) in rows {
            match parse(words) {
                Ok(Task::Inspect(inspect)) => assert_eq!((&inspect.file, inspect.json), (file, *json), "{words:?}"),
                other => panic!("{words:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn each_option_has_a_variable() {
        let guest = serve(&[]).content.passed().unwrap();
        for arg in Cli::command().get_arguments().filter(|arg| arg.get_id() != "check") {
            let key = format!("{PREFIX}{}", arg.get_id().as_str().to_uppercase());
            let of_host = arg.get_env().is_some_and(|env| env == key.as_str());
            let of_guest = guest.iter().any(|option| option.key == key);
            assert!(of_host != of_guest, "{key}");
        }
    }

    /// Pairs are written `KEY=value`, without the common prefix of the keys.
    #[track_caller]
    fn check_pairs(words: &[&str], environment: &[&str], expected: Result<&[&str], &str>) {
        let pairs = environment.iter().filter_map(|pair| pair.split_once('='));
        let pairs = serve(words).guest_pairs(pairs.map(|(key, value)| (format!("{PREFIX}{key}").into(), value.into())));
        match (pairs, expected) {
            (Ok(pairs), Ok(expected)) => {
                let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
                assert_eq!(
                    pairs,
                    expected.iter().map(|pair| format!("{PREFIX}{pair}")).collect::<Vec<_>>(),
                    "{words:?}"
                );
            }
            (Err(text), Err(expected)) => assert!(text.contains(expected), "{words:?}: {text}"),
            (pairs, _) => panic!("{words:?}: {pairs:?}"),
        }
    }

    #[test]
    fn flags_replace_the_variables_of_the_handler() {
        let all = ["HIDDEN=no", "INDEX=a", "PORT=9", "HEADER=A: 1\nB: 2"];
        check_pairs(&[], &[], Ok(&[]));
        check_pairs(&[], &all, Ok(&["HEADER=A: 1\nB: 2", "HIDDEN=no", "INDEX=a"]));
        let words =
            ["--index", "x", "-H", "A", "1", "--hidden", "--index", "y", "-H", "B", "2 :3", "--content-type", "a/b"];
        check_pairs(&words, &all, Ok(&["CONTENT_TYPE=a/b", "HEADER=A: 1\nB: 2 :3", "HIDDEN=1", "INDEX=x,y"]));
    }

    #[test]
    fn variables_and_fields_without_meaning_are_named() {
        check_pairs(&[], &["PROT=9"], Err("GLASSHOUSE_PROT: no such variable; there are GLASSHOUSE_PORT, "));
        check_pairs(&[], &["=9"], Err("GLASSHOUSE_: no such variable"));
        check_pairs(&["-H", "A: b", "8199"], &[], Err("'A: b' is no field name"));
        check_pairs(&["-H", "A", "b\nC: d"], &[], Err("line break"));
        check_pairs(&["-H", "A\r", "b"], &[], Err("line break"));
    }

    #[test]
    fn only_a_path_may_be_no_text() {
        let bytes: OsString = std::os::unix::ffi::OsStringExt::from_vec(b"\xff".to_vec());
        let pairs = |key: &str| serve(&[]).guest_pairs([(key.into(), bytes.clone()), ("PATH".into(), bytes.clone())]);
        assert_eq!(pairs("GLASSHOUSE_INDEX"), Err("GLASSHOUSE_INDEX: the value is not UTF-8".into()));
        assert_eq!(pairs("GLASSHOUSE_DIRECTORY"), Ok(Vec::new()));
    }
}
