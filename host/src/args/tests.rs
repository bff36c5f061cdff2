//! Tests of what the words of a command line are understood as.

use super::settings::Source;
use super::*;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// What `glasshouse` followed by `words` is understood as; a refusal as its exit code and text.
fn parse(words: &[&str]) -> Result<Task, (i32, String)> {
    let words: Vec<OsString> = [&["glasshouse"], words].concat().iter().map(OsString::from).collect();
    Task::parse(&words, &|_| None).map_err(|error| (error.exit_code(), error.to_string()))
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
    assert_eq!((args.port, args.protocol, args.directory), (8000, Protocol::Http11, Some(PathBuf::from("."))));
    assert!(args.bind.is_empty() && args.threads.is_none() && args.handler.is_none() && !args.quiet);
}

#[test]
fn values_are_taken_as_typed() {
    let words = "0 -b ::1 --bind localhost,[::] -d /srv -p http/1.0 --threads 3 --handler x.wasm --quiet";
    let args = serve(&words.split(' ').collect::<Vec<_>>());
    assert_eq!((args.port, args.protocol, args.directory), (0, Protocol::Http10, Some(PathBuf::from("/srv"))));
    assert_eq!(args.bind, ["::1", "localhost", "[::]"]);
    assert_eq!((args.threads, args.handler), (NonZeroUsize::new(3), Some(PathBuf::from("x.wasm"))));
    assert!(args.quiet);
}

#[test]
fn a_mount_takes_the_place_of_the_default() {
    for (words, directory, mounts) in [
        (&["--mount", "/a=x,y", "--mount", "/b=z"][..], None, &["x,y", "z"][..]),
        (&["--mount", "/a=x\n/b=y"], None, &["x", "y"]),
        (&["--mount", "/a=x", "-d", "."], Some("."), &["x"]),
        (&[], Some("."), &[]),
    ] {
        let args = serve(words);
        assert_eq!(args.directory.as_deref(), directory.map(Path::new), "{words:?}");
        let directories: Vec<_> = args.mount.iter().map(|mount| mount.directory.to_str().unwrap()).collect();
        assert_eq!(directories, mounts, "{words:?}");
    }
}

#[test]
fn nonsense_exits_2_and_is_named() {
    let rows: &[(&str, &[&str], &str)] = &[
        ("S3", &["abc"], "invalid value 'abc' for '[PORT]'"),
        ("S3", &["65536"], "invalid value '65536' for '[PORT]'"),
        ("S7", &["-p", "HTTP/2"], "[possible values: HTTP/1.0, HTTP/1.1]"),
        ("S10", &["-H", "X-A"], "2 values required for '--header <NAME> <VALUE>' but 1 was provided"),
        ("mount", &["--mount", "docs=site"], "'docs' is no path; begin it with '/'"),
        ("threads", &["--threads", "0"], "invalid value '0' for '--threads <N>'"),
        ("cgi", &["--cgi"], "unexpected argument '--cgi'"),
        ("no output", &["handler"], "--output <FILE>"),
        ("mixed", &["8080", "handler", "-o", "x"], "the subcommand 'handler' cannot be used with '[PORT]'"),
        (
            "two options",
            &["--tls-self-signed", "--tls-cert", "x"],
            "'--tls-self-signed' cannot be used with '--tls-cert <FILE>'",
        ),
        ("S9", &["--tls-key", "x"], "--tls-cert <FILE>"),
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
    let rows: &[(Option<&str>, &[&str], bool)] =
        &[(Some("abc"), &[], true), (None, &[], false), (Some("80"), &["abc"], false)];
    for (variable, typed, expected) in rows {
        // clap reads the variables of this process, which a test cannot set; a typed word fails alike.
        let error = Cli::try_parse_from(["glasshouse", "abc"]).unwrap_err();
        let typed = Cli::command().ignore_errors(true).get_matches_from([&["glasshouse"], *typed].concat());
        let variable = |key: &OsStr| variable.filter(|_| key == "GLASSHOUSE_PORT").map(OsString::from);
        let text = Given { typed, file: File::default(), variable: &variable }.explain(error).to_string();
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
    for arg in Cli::command().get_arguments().filter(|arg| arg.get_id() != "check") {
        let name = settings::name(arg);
        // One name has been that of diagnostics in every program of its kind.
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

/// Variables are written `KEY=value`, without the common prefix of the keys; what is passed on, `name=text`.
#[track_caller]
fn check_pairs(words: &[&str], environment: &[&str], expected: Result<&[&str], &str>) {
    let pairs = environment.iter().filter_map(|pair| pair.split_once('='));
    let key = |key| OsString::from(format!("{}{key}", options::PREFIX));
    match (serve(words).passed_on(pairs.map(|(name, value)| (key(name), value.into()))), expected) {
        (Ok(passed), Ok(expected)) => {
            let pairs: Vec<String> = passed.iter().map(|option| format!("{}={}", option.name, option.text)).collect();
            assert_eq!(pairs, expected, "{words:?}");
        }
        (Err(text), Err(expected)) => assert!(text.contains(expected), "{words:?}: {text}"),
        (Ok(_), Err(expected)) => panic!("{words:?}: not {expected}"),
        (Err(text), Ok(_)) => panic!("{words:?}: {text}"),
    }
}

#[test]
fn each_v_is_one_level_more() {
    let rows: &[(&[&str], Level)] = &[
        (&[], Level::Error),
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
    assert_eq!((args.logs.level(), args.logs.log), (Level::Info, logs::Form::Json));
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
        let passed = args.passed_on([]).unwrap();
        assert_eq!(passed.iter().map(|option| option.text.as_str()).collect::<Vec<_>>(), [expected]);
    }
}

#[test]
fn variables_and_fields_without_meaning_are_named() {
    check_pairs(&[], &["PROT=9"], Err("GLASSHOUSE_PROT: no such variable; did you mean 'GLASSHOUSE_PORT'?"));
    check_pairs(&[], &["=9"], Err("GLASSHOUSE_: no such variable"));
    check_pairs(&["-H", "A: b", "8199"], &[], Err("'A: b' is no field name"));
    check_pairs(&["-H", "A", "b\nC: d"], &[], Err("line break"));
    check_pairs(&["-H", "A\r", "b"], &[], Err("line break"));
}

#[test]
fn only_a_path_may_be_no_text() {
    let bytes: OsString = std::os::unix::ffi::OsStringExt::from_vec(b"\xff".to_vec());
    let passed = |key: &str| {
        let passed = serve(&[]).passed_on([(key.into(), bytes.clone()), ("PATH".into(), bytes.clone())]);
        passed.map(|options| options.len())
    };
    assert_eq!(passed("GLASSHOUSE_INDEX"), Err("GLASSHOUSE_INDEX: the value is not UTF-8".into()));
    assert_eq!(passed("GLASSHOUSE_DIRECTORY"), Ok(0));
}

/// What the words and variables are understood as beside a file of this text.
fn with_file(text: &str, words: &[&str], variables: &[(&str, &str)]) -> Result<Task, String> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("settings.toml");
    fs::write(&path, text).unwrap();
    let words = ["glasshouse"].iter().chain(words).map(OsString::from);
    let words: Vec<OsString> = words.chain(["--config".into(), path.clone().into()]).collect();
    let variable = |key: &OsStr| Some(variables.iter().find(|(known, _)| key == *known)?.1.into());
    Task::parse(&words, &variable).map_err(|error| error.to_string().replace(path.to_str().unwrap(), "FILE"))
}

#[test]
fn a_file_stands_in_for_what_was_not_typed() {
    let text = "port = 9\nbind = ['::1', 'localhost']\ndirectory = '-x'\nquiet = true\nno-replay = false\nindex = ['a', 'b']\n\
                handler = 'x.wasm'\nthreads = 3\n";
    let Ok(Task::Serve(args)) = with_file(text, &["--threads", "5", "--pure-handler"], &[]) else { panic!("a server") };
    assert_eq!((args.port, args.directory.as_deref()), (9, Some(Path::new("-x"))));
    assert_eq!(args.bind, ["::1", "localhost"]);
    assert!(args.quiet && !args.no_replay && args.pure_handler);
    assert_eq!(args.threads, NonZeroUsize::new(5));
    let passed = args.passed_on([]).unwrap();
    assert_eq!(
        passed.iter().map(|option| (option.name, option.text.as_str())).collect::<Vec<_>>(),
        [("index", "a\nb")]
    );
    assert!(passed[0].place.ends_with("settings.toml, line 6, index"), "{}", passed[0].place);
    // What the handler reads is passed on as variables are, and one of them wins.
    let passed = args.passed_on([("GLASSHOUSE_INDEX".into(), "c".into())]).unwrap();
    assert_eq!((passed[0].text.as_str(), passed[0].place.as_str()), ("c", "GLASSHOUSE_INDEX"));
}

#[test]
fn each_setting_tells_where_it_is_from() {
    let text = "port = 9\nquiet = true\nthreads = 3\nindex = 'a'\nhidden = true\n";
    let variables = [("GLASSHOUSE_QUIET", "yes"), ("GLASSHOUSE_HIDDEN", "no")];
    let Ok(Task::Check(_, settings)) = with_file(text, &["8", "--check"], &variables) else { panic!("settings") };
    let from = |name: &str| settings.iter().find(|setting| setting.name == name).map(|setting| setting.from);
    for (name, expected) in [
        ("port", Source::Typed),
        ("quiet", Source::Variable),
        ("hidden", Source::Variable),
        ("threads", Source::File),
        ("index", Source::File),
        ("protocol", Source::Default),
    ] {
        assert_eq!(from(name), Some(expected), "{name}");
    }
    assert!(from("config").is_none() && from("check").is_none() && from("help").is_none());
}

#[test]
fn a_file_with_nonsense_in_it_is_named() {
    let rows = [
        ("max-memroy = '1M'", "FILE, line 1, max-memroy: no such key; did you mean 'max-memory'?"),
        ("\nzzzzzzzzz = 1", "FILE, line 2, zzzzzzzzz: no such key; a key is the name of a flag that --help lists"),
        ("config = 'x'", "FILE, line 1, config: no such key"),
        ("help = true", "FILE, line 1, help: no such key"),
        ("quiet = 'yes'", "FILE, line 1, quiet: is a switch; write true or false"),
        ("threads = [1]", "FILE, line 1, threads: takes one value"),
        ("[bind]\na = 1", "FILE, line 1, bind: takes several values"),
        ("port = 1\nport = 2", "FILE, line 2: duplicate key"),
        ("port =", "FILE, line 1: "),
        ("\nport = -5", "tip: the value is that of FILE, line 2, port"),
        ("max-memory = 'lots'", "'lots' is no size; give a number of bytes, or one with K, M, G or T behind it"),
        ("max-memory = 'lots'", "tip: the value is that of FILE, line 1, max-memory"),
        ("protocol = 'HTTP/9'", "[possible values: HTTP/1.0, HTTP/1.1]"),
    ];
    for (text, expected) in rows {
        match with_file(text, &[], &[]) {
            Err(error) => assert!(error.contains(expected), "{text}: {error}"),
            Ok(task) => panic!("{text}: {task:?}"),
        }
    }
    // What is typed is not the fault of the file.
    let error = with_file("threads = 3", &["--threads", "0"], &[]).unwrap_err();
    assert!(error.contains("invalid value '0'") && !error.contains("FILE"), "{error}");
}

#[test]
fn a_file_that_is_none_is_named() {
    for (path, reason) in [("nope.toml", "no such file"), ("src", "a directory"), ("/dev/null/x", "Not a directory")] {
        let Err((code, text)) = parse(&["--config", path]) else { panic!("{path} was read") };
        assert_eq!(code, 2);
        assert!(text.contains(&format!("cannot read the settings '{path}': {reason}")), "{text}");
    }
    assert!(matches!(parse(&["--config", "nope.toml", "--help"]), Err((0, _))));
}
