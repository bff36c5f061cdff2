//! Tests of the command line, the variables and the file.

mod every_option;

use super::*;
use crate::args::effective::OptionSource;
use glasshouse_core::config::options;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// The task of `glasshouse` with these arguments; an error as its exit code and text.
fn parse(words: &[&str]) -> Result<Task, (i32, String)> {
    parse_with(words, &[])
}

/// The same with these variables.
fn parse_with(words: &[&str], variables: &[(&str, &str)]) -> Result<Task, (i32, String)> {
    let words: Vec<OsString> = [&["glasshouse"], words].concat().iter().map(OsString::from).collect();
    let variable = |key: &OsStr| Some(variables.iter().find(|(known, _)| key == *known)?.1.into());
    Task::parse(&words, &variable).map_err(code_and_text)
}

fn code_and_text(error: CommandLineError) -> (i32, String) {
    match error {
        CommandLineError::Clap(error) => (error.exit_code(), error.to_string()),
        CommandLineError::Startup(error) => (error.exit_code().into(), error.to_string()),
    }
}

/// The options of a server.
#[track_caller]
pub(crate) fn serve(words: &[&str]) -> Args {
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
fn defaults_are_those_of_python() {
    let args = serve(&[]);
    assert_eq!((args.port, args.protocol, args.directory), (8000, ProtocolVersion::Http11, Some(PathBuf::from("."))));
    assert!(args.bind.is_empty() && args.threads.is_none() && args.components.handler.is_none() && !args.quiet);
}

#[test]
fn values_are_taken_as_typed() {
    let words = "0 -b ::1 --bind localhost,[::] -d /srv -p http/1.0 --threads 3 --handler x.wasm --quiet";
    let args = serve(&words.split(' ').collect::<Vec<_>>());
    assert_eq!((args.port, args.protocol, args.directory), (0, ProtocolVersion::Http10, Some(PathBuf::from("/srv"))));
    assert_eq!(args.bind.iter().flat_map(|bind| bind_values(bind)).collect::<Vec<_>>(), ["::1", "localhost", "[::]"]);
    assert_eq!((args.threads, args.components.handler), (NonZeroUsize::new(3), Some(PathBuf::from("x.wasm"))));
    assert!(args.quiet);
}

#[test]
fn a_mount_takes_the_place_of_the_default() {
    for (words, directory, mounts) in [
        (&["--mount", "/a=x,y", "--mount", "/b=z"][..], None, &["x,y", "z"][..]),
        (&["--mount", "/a=x\n/b=y"], None, &["x\n/b=y"]),
        (&["--mount", "/a=x", "site"], Some("site"), &["x"]),
        (&["--mount", "/a=x", "-d", "."], Some("."), &["x"]),
        (&[], Some("."), &[]),
    ] {
        let args = serve(words);
        assert_eq!(args.directory.as_deref(), directory.map(Path::new), "{words:?}");
        let directories: Vec<_> = args.mount.iter().map(|mount| mount.source.to_str().unwrap()).collect();
        assert_eq!(directories, mounts, "{words:?}");
    }
}

#[test]
fn invalid_arguments_exit_2_with_their_name() {
    let rows: &[(&str, &[&str], &str)] = &[
        ("PY-3", &["65536"], "invalid port '65536': give a number from 0 to 65535"),
        ("PY-3", &["--port", "65536"], "invalid value '65536' for '--port <PORT>': give a number from 0 to 65535"),
        ("PY-7", &["-p", "HTTP/2"], "[possible values: HTTP/1.0, HTTP/1.1]"),
        ("PY-10", &["-H", "X-A"], "2 values required for '--header <NAME> <VALUE>' but 1 was provided"),
        ("mount", &["--mount", "docs=site"], "invalid URL path 'docs'; begin it with '/'"),
        ("threads", &["--threads", "0"], "invalid value '0' for '--threads <N>'"),
        ("cgi", &["--cgi"], "unexpected argument '--cgi'"),
        ("no output", &["handler"], "--output <FILE>"),
        ("mixed", &["8080", "handler", "-o", "x"], "unexpected argument '-o'"),
        (
            "two options",
            &["--tls-self-signed", "--tls-cert", "x"],
            "'--tls-self-signed' cannot be used with '--tls-cert <FILE>'",
        ),
        ("PY-9", &["--tls-key", "x"], "--tls-cert <FILE>"),
        ("two ports", &["8080", "81"], "two ports, '8080' and '81'; write ./81 for a path of that name"),
        ("two ports", &["8080", "--port", "81"], "two ports, '8080' and the one of --port"),
        ("two paths", &["a", "b"], "two paths to serve, 'a' and 'b'"),
        ("two paths", &["a", "-d", "b"], "two paths to serve, 'a' and the one of --directory"),
        ("a sign", &["+80"], "invalid port '+80'"),
        ("a sign", &["-1"], "invalid port '-1'"),
        ("nothing", &[""], "neither a port nor a path"),
        ("the first fault", &["a", "b", "--nope"], "unexpected argument '--nope'"),
    ];
    for (id, words, expected) in rows {
        let Err((code, text)) = parse(words) else { panic!("{id}: {words:?} was taken") };
        assert_eq!(code, 2, "{id}: {text}");
        assert!(text.contains(expected), "{id}: {text}");
    }
}

#[test]
fn words_are_a_port_and_a_path_in_any_order() {
    for (words, port, directory) in [
        (&["site"][..], 8000, "site"),
        (&["8080", "site"], 8080, "site"),
        (&["site", "8080"], 8080, "site"),
        (&["site", "-b", "::1", "8080"], 8080, "site"),
        (&["08080"], 8080, "."),
        (&["./8080"], 8000, "./8080"),
        (&["-d", "8080", "81"], 81, "8080"),
        (&["--", "-x", "81"], 81, "-x"),
        (&["--port", "81", "handler"], 81, "handler"),
    ] {
        let args = serve(words);
        assert_eq!((args.port, args.directory.as_deref()), (port, Some(Path::new(directory))), "{words:?}");
    }
    for (words, expected) in [
        (&["hander"][..], Some("did you mean the command 'handler'?")),
        (&["-v", "handler"], Some("if it is the value of --verbose, write --verbose=handler")),
        (&["81", "inspect"], Some("did you mean the command 'inspect'?")),
        (&["--spa", "x.html"], Some("if it is the value of --spa, write --spa=x.html")),
        (&["--cors", "https://a.example"], Some("write --cors=https://a.example")),
        (&["localhost:81"], Some("for an address write 81 -b localhost")),
        (&["http://[::1]:81/"], Some("for an address write 81 -b [::1]")),
        (&[":81"], Some("for the port write 81")),
        (&["127.0.0.1"], Some("for an address write -b 127.0.0.1")),
        (&["version"], Some("did you mean '--version'?")),
        (&["site"], None),
    ] {
        let hint = serve(words).path_hint.map(|hint| hint.to_string());
        match expected {
            Some(expected) => assert!(hint.as_deref().is_some_and(|hint| hint.contains(expected)), "{hint:?}"),
            None => assert_eq!(hint, None),
        }
    }
}

#[test]
fn variables_are_read_as_flags_are() {
    let variables = [
        ("GLASSHOUSE_PORT", " 81 "),
        ("GLASSHOUSE_BIND", " 127.0.0.1 , ::1 "),
        ("GLASSHOUSE_DIRECTORY", " site "),
        ("GLASSHOUSE_MOUNT", "/a=x,y\n/b=z\n"),
        ("GLASSHOUSE_HARDEN_ALSO", "a, b"),
        ("GLASSHOUSE_TRUST", "::1, 10.0.0.0/8"),
        ("GLASSHOUSE_QUIET", "Yes"),
        ("GLASSHOUSE_QR", "off"),
        ("GLASSHOUSE_LOG", "debug"),
    ];
    let Ok(Task::Serve(args)) = parse_with(&["--harden-also", "odd,dir", "--qr"], &variables) else {
        panic!("a server")
    };
    assert_eq!((args.port, args.bind.len(), args.directory.as_deref()), (81, 2, Some(Path::new(" site "))));
    assert_eq!(
        args.mount.iter().map(|mount| mount.source.clone()).collect::<Vec<_>>(),
        ["x,y", "z"].map(PathBuf::from)
    );
    assert_eq!(args.lifecycle.harden_also, [PathBuf::from("odd,dir")]);
    assert!(args.quiet && args.addresses.qr && args.logs.trust.len() == 2 && args.logs.level() == Level::Debug);
    for (variables, words, expected) in [
        (("GLASSHOUSE_PORT", "abc"), &[][..], Err("the value is from the variable GLASSHOUSE_PORT")),
        (("GLASSHOUSE_PORT", "abc"), &["81"], Ok(())),
        (("GLASSHOUSE_PORT", "tcp://10.0.0.1:8000"), &[], Ok(())),
        (("GLASSHOUSE_PORT", ""), &[], Err("GLASSHOUSE_PORT: the value is empty")),
        (("GLASSHOUSE_TLS_CERT", ""), &[], Err("GLASSHOUSE_TLS_CERT: the value is empty")),
        (("GLASSHOUSE_QUIET", "perhaps"), &[], Err("GLASSHOUSE_QUIET: invalid switch 'perhaps'; write true or false")),
        (("GLASSHOUSE_REQUIRE_HARDEN", "1"), &["--no-harden"], Err("cannot be used with")),
    ] {
        match (parse_with(words, &[variables]), expected) {
            (Ok(_), Ok(())) => {}
            (Err((2, text)), Err(expected)) => assert!(text.contains(expected), "{variables:?}: {text}"),
            (other, _) => panic!("{variables:?}: {other:?}"),
        }
    }
}

#[test]
fn the_handler_can_be_written_out() {
    let rows = [
        (&["handler", "-o", "x"][..], (false, false), Output::File("x".into())),
        (&["handler", "--p2", "--output", "-"], (true, false), Output::Stdout),
        (&["handler", "--oci", "-o", "x"], (false, true), Output::File("x".into())),
    ];
    for (words, (p2, oci), output) in rows {
        match parse(words) {
            Ok(Task::Export(export)) => {
                assert_eq!((export.p2, export.oci, export.output), (p2, oci, output), "{words:?}")
            }
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
    for arg in Cli::command().get_arguments().filter(|arg| arg.get_id() != "check" && !arg.is_positional()) {
        let name = clap_options::name(arg);
        // GLASSHOUSE_LOG is the level, as in other programs of this kind.
        let variable = match name {
            "log" => "GLASSHOUSE_LOG_FORM".to_owned(),
            "verbose" => "GLASSHOUSE_LOG".to_owned(),
            name => options::variable(name),
        };
        let of_host = arg.get_env().is_some_and(|env| env == variable.as_str());
        let of_guest = options::names().any(|known| known == name);
        assert!(of_host != of_guest, "{name}");
    }
}

/// Variables have the form `KEY=value` without the common prefix; options of the handler have the form `name=text`.
#[track_caller]
fn check_pairs(words: &[&str], environment: &[&str], expected: Result<&[&str], &str>) {
    let pairs = environment.iter().filter_map(|pair| pair.split_once('='));
    let key = |key| OsString::from(format!("{}{key}", options::PREFIX));
    match (serve(words).handler_options(pairs.map(|(name, value)| (key(name), value.into()))), expected) {
        (Ok(passed), Ok(expected)) => {
            let pairs: Vec<String> = passed.iter().map(|option| format!("{}={}", option.name, option.text)).collect();
            assert_eq!(pairs, expected, "{words:?}");
        }
        (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{words:?}: {error}"),
        (Ok(_), Err(expected)) => panic!("{words:?}: not {expected}"),
        (Err(text), Ok(_)) => panic!("{words:?}: {text}"),
    }
}

#[test]
fn each_v_is_one_level_more() {
    let rows: &[(&[&str], Level)] = &[
        (&[], Level::Warn),
        (&["-v"], Level::Info),
        (&["-vv"], Level::Debug),
        (&["-vvv"], Level::Debug),
        (&["-v", "8080", "--verbose"], Level::Debug),
        (&["--verbose=debug"], Level::Debug),
        (&["--verbose=debug", "--verbose=error"], Level::Error),
    ];
    for (words, expected) in rows {
        assert_eq!(serve(words).logs.level(), *expected, "{words:?}");
    }
    let Ok(Task::Serve(args)) = with_file("verbose = 'info'\nlog = 'json'\n", &[], &[]) else { panic!("a server") };
    assert_eq!((args.logs.level(), args.logs.log), (Level::Info, glasshouse_http::Format::Json));
}

#[test]
fn flags_replace_the_variables_of_the_handler() {
    let all = ["HIDDEN=no", "INDEX=a", "PORT=9", "HEADER=A: 1\nB: 2"];
    check_pairs(&[], &[], Ok(&[]));
    check_pairs(&[], &all, Ok(&["header=A: 1\nB: 2", "hidden=no", "index=a"]));
    let words =
        ["--index", "x", "-H", "A", "1", "--hidden", "--index", "y", "-H", "B", "2 :3", "--content-type", "a/b"];
    check_pairs(&words, &all, Ok(&["content-type=a/b", "header=A: 1\nB: 2 :3", "hidden=true", "index=x\ny"]));
}

#[test]
fn hidden_is_a_switch_or_patterns() {
    check_pairs(&["--hidden=.git/**", "--hidden=.env"], &["HIDDEN=yes"], Ok(&["hidden=.git/**\n.env"]));
    check_pairs(&["--hidden", "8080"], &[], Ok(&["hidden=true"]));
    for (text, expected) in [("true", "true"), ("['.git/**', '.env']", ".git/**\n.env"), ("'.env'", ".env")] {
        let Ok(Task::Serve(args)) = with_file(&format!("hidden = {text}"), &[], &[]) else { panic!("{text}") };
        let passed = args.handler_options([]).unwrap();
        assert_eq!(passed.iter().map(|option| option.text.as_str()).collect::<Vec<_>>(), [expected]);
    }
}

#[test]
fn variables_and_fields_without_meaning_are_named() {
    for (pair, expected) in [
        ("PROT=9", "GLASSHOUSE_PROT: no such variable; did you mean 'GLASSHOUSE_PORT'?"),
        ("VERBOSE=1", "did you mean 'GLASSHOUSE_LOG'?"),
        ("LOG_LEVEL=1", "did you mean 'GLASSHOUSE_LOG'?"),
        ("LOG_FORMAT=1", "did you mean 'GLASSHOUSE_LOG_FORM'?"),
        ("CHECK=1", "--check is a flag only"),
        ("FILE=x", "set GLASSHOUSE_DIRECTORY, which can be a file"),
        ("ZZZZZZZ=x", "a variable has the name of a flag; --help lists the flags"),
        ("PORT_X_TCP=1", "a variable has the name of a flag"),
    ] {
        check_pairs(&[], &[pair], Err(expected));
    }
    let of_service =
        ["SERVICE_HOST=10.0.0.1", "SERVICE_PORT_HTTP=80", "PORT=tcp://10.0.0.1:80", "PORT_80_TCP_ADDR=10.0.0.1"];
    check_pairs(&[], &of_service, Ok(&[]));
    check_pairs(&[], &["=9"], Err("GLASSHOUSE_: no such variable"));
    check_pairs(&["-H", "A: b", "8199"], &[], Err("invalid field name 'A: b'"));
    check_pairs(&["-H", "A", "b\nC: d"], &[], Err("line break"));
    check_pairs(&["-H", "A\r", "b"], &[], Err("line break"));
}

#[test]
fn only_a_path_may_have_other_bytes() {
    let bytes: OsString = std::os::unix::ffi::OsStringExt::from_vec(b"\xff".to_vec());
    let passed = |key: &str| {
        let passed = serve(&[]).handler_options([(key.into(), bytes.clone()), ("PATH".into(), bytes.clone())]);
        passed.map(|options| options.len())
    };
    let refused = passed("GLASSHOUSE_INDEX").unwrap_err();
    assert!(refused.to_string().starts_with("GLASSHOUSE_INDEX: the value is not UTF-8"), "{refused}");
    assert!(matches!(passed("GLASSHOUSE_DIRECTORY"), Ok(0)));
}

/// The task with a file of this text.
fn with_file(text: &str, words: &[&str], variables: &[(&str, &str)]) -> Result<Task, String> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("settings.toml");
    fs::write(&path, text).unwrap();
    let words = ["glasshouse"].iter().chain(words).map(OsString::from);
    let words: Vec<OsString> = words.chain(["--config".into(), path.clone().into()]).collect();
    let variable = |key: &OsStr| Some(variables.iter().find(|(known, _)| key == *known)?.1.into());
    Task::parse(&words, &variable).map_err(|error| code_and_text(error).1.replace(path.to_str().unwrap(), "FILE"))
}

#[test]
fn a_file_stands_in_for_what_was_not_typed() {
    let text = "port = 9\nbind = ['::1', 'localhost']\ndirectory = '-x'\nquiet = true\nno-replay = false\n\
                index = ['a', 'b']\n\
                handler = 'x.wasm'\nthreads = 3\n";
    let Ok(Task::Serve(args)) = with_file(text, &["--threads", "5", "--pure-handler"], &[]) else { panic!("a server") };
    assert_eq!((args.port, args.directory.as_deref()), (9, Some(Path::new("-x"))));
    assert_eq!(args.bind, ["::1", "localhost"]);
    assert!(args.quiet && !args.no_replay && args.components.pure_handler);
    assert_eq!(args.threads, NonZeroUsize::new(5));
    let passed = args.handler_options([]).unwrap();
    assert_eq!(
        passed.iter().map(|option| (option.name, option.text.as_str())).collect::<Vec<_>>(),
        [("index", "a\nb")]
    );
    assert!(passed[0].location.ends_with("settings.toml, line 6, index"), "{}", passed[0].location);
    // The variable of an option of the handler wins over the file.
    let passed = args.handler_options([("GLASSHOUSE_INDEX".into(), "c".into())]).unwrap();
    assert_eq!((passed[0].text.as_str(), passed[0].location.as_str()), ("c", "GLASSHOUSE_INDEX"));
}

#[test]
fn each_option_reports_its_source() {
    let text = "port = 9\nquiet = true\nthreads = 3\nindex = 'a'\nhidden = true\n";
    let variables = [("GLASSHOUSE_QUIET", "yes"), ("GLASSHOUSE_HIDDEN", "no")];
    let Ok(Task::Check(_, settings)) = with_file(text, &["8", "--check"], &variables) else { panic!("settings") };
    let source = |name: &str| settings.iter().find(|setting| setting.name == name).map(|setting| setting.source);
    for (name, expected) in [
        ("port", OptionSource::Flag),
        ("quiet", OptionSource::Variable),
        ("hidden", OptionSource::Variable),
        ("threads", OptionSource::File),
        ("index", OptionSource::File),
        ("protocol", OptionSource::Default),
    ] {
        assert_eq!(source(name), Some(expected), "{name}");
    }
    assert!(["config", "check", "help", "operands"].into_iter().all(|name| source(name).is_none()));
    let line = |name: &str| settings.iter().find(|setting| setting.name == name).map(ToString::to_string);
    assert_eq!(line("quiet").as_deref(), Some("quiet = true  # from the environment: GLASSHOUSE_QUIET"));
    assert_eq!(line("threads").as_deref(), Some("threads = 3  # from the file: line 3"));
    assert_eq!(line("verbose").as_deref(), Some("verbose = [\"warn\"]  # default"));
}

#[test]
fn an_invalid_file_is_named() {
    let rows = [
        ("max-memroy = '1M'", "FILE, line 1, max-memroy: no such key; did you mean 'max-memory'?"),
        (
            "\nzzzzzzzzz = 1",
            "FILE, line 2, zzzzzzzzz: no such key; a key is the name of a flag; --help lists the flags",
        ),
        ("config = 'x'", "FILE, line 1, config: no such key; --config is a flag only"),
        ("check = true", "FILE, line 1, check: no such key"),
        ("help = true", "FILE, line 1, help: no such key"),
        ("words = ['x']", "FILE, line 1, words: no such key"),
        ("directory = { percent-encoded = '%' }", "FILE, line 1, directory: invalid percent-encoded; write a text"),
        ("quiet = 'yes'", "FILE, line 1, quiet: "),
        ("threads = [1]", "FILE, line 1, threads: "),
        ("[bind]\na = 1", "FILE, line 1, bind: "),
        ("port = 1\nport = 2", "FILE, line 2: duplicate key"),
        ("port =", "FILE, line 1: "),
        ("\nport = -5", "tip: the value is from FILE, line 2, port"),
        ("max-memory = 'lots'", "write a number of bytes"),
        ("max-memory = 'lots'", "tip: the value is from FILE, line 1, max-memory"),
        ("protocol = 'HTTP/9'", "[possible values: HTTP/1.0, HTTP/1.1]"),
    ];
    for (text, expected) in rows {
        match with_file(text, &[], &[]) {
            Err(error) => assert!(error.contains(expected), "{text}: {error}"),
            Ok(task) => panic!("{text}: {task:?}"),
        }
    }
    // An error in a flag does not name the file.
    let error = with_file("threads = 3", &["--threads", "0"], &[]).unwrap_err();
    assert!(error.contains("invalid value '0'") && !error.contains("FILE"), "{error}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    for (path, reason) in [("nope.toml", "no such file"), ("src", "a directory"), ("/dev/null/x", "not a directory")] {
        let Err((code, text)) = parse(&["--config", path]) else { panic!("{path} was read") };
        assert_eq!(code, 1);
        assert!(text.contains(&format!("cannot read the settings '{path}': {reason}")), "{text}");
    }
    assert!(matches!(parse(&["--config", "nope.toml", "--help"]), Err((0, _))));
}
