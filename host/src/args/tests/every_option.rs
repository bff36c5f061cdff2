//! Each option arrives with the same value from its flag, its variable and its key in a file.

use super::{parse_with, with_file};
use crate::args::{Cli, Task, clap_options, toml_shape};
use clap::{Arg, ArgAction, CommandFactory as _};
use glasshouse_core::Config as HandlerConfig;
use glasshouse_core::config::options;
use glasshouse_core::config::toml_document::ValueShape;
use std::ffi::OsString;

/// Options that need another one.
const REQUIRES: &[(&str, &str)] = &[
    ("auth-insecure", "auth"),
    ("proxy-protocol", "trust"),
    ("pure-handler", "handler"),
    ("tls-key", "tls-cert"),
    ("tls-password-file", "tls-cert"),
];

/// A value for an option: the arguments of the flag, and the text of the variable and of the key.
struct Sample {
    arguments: Vec<String>,
    text: String,
}

/// A value that is not the default, chosen by the names of the values in the help.
fn sample(arg: &Arg) -> Sample {
    let flag = format!("--{}", clap_options::name(arg));
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return Sample { arguments: vec![flag], text: "true".to_owned() };
    }
    let names: Vec<&str> = arg.get_value_names().unwrap_or_default().iter().map(|name| name.as_str()).collect();
    let default = arg.get_default_values().first();
    let possible = arg.get_possible_values();
    let mut other =
        possible.iter().filter(|value| !value.is_hide_set() && default.is_none_or(|one| one != value.get_name()));
    if let Some(value) = other.next_back() {
        return Sample { arguments: vec![format!("{flag}={}", value.get_name())], text: value.get_name().to_owned() };
    }
    let texts: &[&str] = match names.as_slice() {
        ["NAME", "VALUE"] => return several(flag, &["X-Sample", "1"], "X-Sample: 1"),
        ["GLOB", "NAME", "VALUE"] => return several(flag, &["*.css", "X-Sample", "1"], "*.css X-Sample: 1"),
        ["FROM", "TO", "STATUS"] => return several(flag, &["/a", "/b", "302"], "/a /b 302"),
        ["ADDR"] => &["127.0.0.1:81"],
        ["CIDR"] => &["10.0.0.0/8"],
        ["DIR" | "PATH" | "FILE"] => &["sample"],
        ["EXT=TYPE"] => &["sample=text/x-sample"],
        ["FORMS"] => &["zip"],
        ["GLOB"] => &[".sample"],
        ["MODE"] => &["660"],
        ["N" | "PORT"] => &["77"],
        ["NAME"] => &["sample.test"],
        ["ORIGIN"] => &["https://sample.test"],
        ["PATH:NAME=VALUE"] => &["/sample:NAME=sample"],
        ["PATH=DIR"] => &["/sample=sample"],
        ["SIZE"] => &["33M"],
        ["TIME"] => &["7s"],
        ["TYPE"] => &["text/x-sample"],
        ["[GLOB=]VALUE"] => &["77"],
        names => panic!("{flag}: add a sample for {names:?}"),
    };
    Sample { arguments: vec![format!("{flag}={}", texts.concat())], text: texts.concat() }
}

fn several(flag: String, values: &[&str], text: &str) -> Sample {
    let values = values.iter().map(|value| (*value).to_owned());
    Sample { arguments: std::iter::once(flag).chain(values).collect(), text: text.to_owned() }
}

/// A key with its value in the shape of the option.
fn line(name: &str, shape: ValueShape, text: &str) -> String {
    match shape {
        ValueShape::Switch => format!("{name} = {text}\n"),
        ValueShape::Several | ValueShape::SeveralOrSwitch => format!("{name} = ['{text}']\n"),
        ValueShape::One { .. } => match text.parse::<u64>() {
            Ok(number) => format!("{name} = {number}\n"),
            Err(_) => format!("{name} = '{text}'\n"),
        },
    }
}

/// All that the options say: the fields of the host, and the configuration of the handler.
#[derive(Debug, PartialEq)]
struct Arrived {
    host: String,
    handler: HandlerConfig,
}

#[track_caller]
fn arrived(task: Task, variables: &[(String, String)]) -> Arrived {
    let Task::Serve(mut args) = task else { panic!("a server") };
    let environment = variables.iter().map(|(key, value)| (OsString::from(key), OsString::from(value)));
    let passed = args.handler_options(environment).unwrap();
    let pairs = passed.iter().map(|option| (options::variable(option.name), &option.text));
    let handler = HandlerConfig::from_pairs(pairs).unwrap();
    // The flags of the handler and the file are sources, not results.
    args.content = Default::default();
    args.file = Default::default();
    Arrived { host: format!("{args:?}"), handler }
}

#[test]
fn each_option_arrives_from_each_source() {
    let command = Cli::command();
    let find = |name: &str| clap_options::all(&command).find(|arg| clap_options::name(arg) == name);
    for arg in clap_options::all(&command) {
        let name = clap_options::name(arg);
        let required = REQUIRES.iter().find(|(option, _)| *option == name).and_then(|(_, other)| find(other));
        let flags: Vec<String> = required.map(|other| sample(other).arguments).unwrap_or_default();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let without = arrived(parse_with(&flags, &[]).unwrap(), &[]);

        let Sample { arguments, text } = sample(arg);
        let arguments: Vec<&str> = flags.iter().copied().chain(arguments.iter().map(String::as_str)).collect();
        let by_flag = arrived(parse_with(&arguments, &[]).unwrap_or_else(|error| panic!("{name}: {error:?}")), &[]);
        assert_ne!(by_flag, without, "--{name} does not arrive");

        let variable = clap_options::variable(arg).into_string().unwrap();
        let variables = [(variable, text.clone())];
        let pair = variables.each_ref().map(|(key, value)| (key.as_str(), value.as_str()));
        let by_variable = arrived(parse_with(&flags, &pair).unwrap(), &variables);
        assert_eq!(by_variable, by_flag, "the variable of {name}");

        let line = line(name, toml_shape::of(arg), &text);
        let by_key = arrived(with_file(&line, &flags, &[]).unwrap_or_else(|error| panic!("{name}: {error}")), &[]);
        assert_eq!(by_key, by_flag, "the key of {name}: {line}");
    }
}
