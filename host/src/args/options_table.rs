//! The table of options in docs/options.md, generated from the definition of `--help`.

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
            // A default that only words can tell stands in the help.
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

/// The flag with the words behind it, as it is typed.
fn flag(arg: &Arg) -> String {
    let words = arg.get_value_names().unwrap_or_default().join(" ");
    let is_optional = arg.get_num_args().is_some_and(|range| range.min_values() == 0);
    let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    match arg.get_long() {
        None => format!("`{words}`"),
        Some(long) if !arg.get_action().takes_values() => format!("{short}`--{long}`"),
        Some(long) if is_optional => format!("{short}`--{long}[={words}]`"),
        Some(long) => format!("{short}`--{long} {words}`"),
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
