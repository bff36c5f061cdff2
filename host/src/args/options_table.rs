//! The table of options in docs/options.md, generated from the definition of `--help`, and the limits of the help
//! texts.

use super::Cli;
use clap::{Arg, Command, CommandFactory as _};
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

const BEGIN: &str = "<!-- This table is written by `make flags`. -->\n";
const END: &str = "<!-- The end of it. -->\n";

/// Rows for the options in the order of `--help`, with a row for each of its headings.
fn table(command: &Command) -> String {
    let mut table = String::from("| option | default | |\n|---|---|---|\n");
    let mut headings: Vec<&str> = Vec::new();
    for arg in command.get_arguments() {
        let heading = arg.get_help_heading().unwrap_or_default();
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let _ = writeln!(table, "| **{heading}** | | |");
        let is_below = |arg: &&Arg| arg.get_help_heading().unwrap_or_default() == heading;
        for arg in command.get_arguments().filter(is_below) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
            let value = arg.get_default_values().first().filter(|_| arg.get_action().takes_values());
            // A default that depends on the machine is in the help text.
            let (help, default) = match (help.strip_suffix(']').and_then(|help| help.split_once(" [default: ")), value)
            {
                (Some((help, default)), _) => (help, default.to_owned()),
                (None, Some(value)) => (help.as_str(), format!("`{}`", value.to_string_lossy())),
                (None, None) => (help.as_str(), String::new()),
            };
            let _ = writeln!(table, "| {} | {default} | {help} |", flag(arg));
        }
    }
    table
}

/// The flag with the names of its values, as on the command line.
fn flag(arg: &Arg) -> String {
    let values = arg.get_value_names().unwrap_or_default().join(" ");
    let is_optional = arg.get_num_args().is_some_and(|range| range.min_values() == 0);
    let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    match arg.get_long() {
        None => format!("`{values}`"),
        Some(long) if !arg.get_action().takes_values() => format!("{short}`--{long}`"),
        Some(long) if is_optional => format!("{short}`--{long}[={values}]`"),
        Some(long) => format!("{short}`--{long} {values}`"),
    }
}

#[test]
fn the_documentation_lists_every_option() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/options.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("docs/options.md has a place for the table");
    let (written, after) = rest.split_once(END).expect("the table has an end");
    let table = format!("\n{}\n", table(&Cli::command()));
    if env::var_os("UPDATE_OPTIONS").is_some() {
        fs::write(&path, [before, BEGIN, &table, END, after].concat()).unwrap();
    } else {
        assert_eq!(written, table, "the table in docs/options.md differs from --help: run `make flags`");
    }
}

/// The help text without the default, which the table has in a column of its own.
fn summary(help: &str) -> &str {
    help.split_once(" [default: ").map_or(help, |(summary, _)| summary)
}

#[test]
fn help_texts_are_short() {
    fn check(command: &Command) {
        let texts = command.get_arguments().filter_map(|arg| Some((arg.get_id().to_string(), arg.get_help()?)));
        let about = command.get_about().map(|about| (command.get_name().to_owned(), about));
        for (name, help) in texts.chain(about) {
            let help = help.to_string();
            assert!((1..=60).contains(&summary(&help).chars().count()), "{name}: {help}");
            assert!(!help.ends_with('.') && help.starts_with(|letter: char| !letter.is_lowercase()), "{name}: {help}");
        }
        for arg in command.get_arguments() {
            assert!(arg.get_help().is_some(), "{} has no help", arg.get_id());
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}

/// `-h` fits on two screens of 50 lines.
#[test]
fn the_short_help_fits_on_two_screens() {
    let help = Cli::command().term_width(100).render_help().to_string();
    assert!(help.lines().count() <= 100, "{} lines:\n{help}", help.lines().count());
    let long: Vec<&str> = help.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(long.is_empty(), "{long:#?}");
    assert!(help.contains("--directory") && help.contains("Examples:") && !help.contains("--max-handles"), "{help}");
}
