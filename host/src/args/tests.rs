//! Tests of what the words of a command line are understood as.

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
            assert_eq!(pairs, expected.iter().map(|pair| format!("{PREFIX}{pair}")).collect::<Vec<_>>(), "{words:?}");
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
