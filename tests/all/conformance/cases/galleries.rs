//! Folders of pictures as a grid, and the form that selects entries for an archive.

use super::BodyCheck::*;
use super::{ROW, Row, RowOptions, get, with};

const GRID: RowOptions = &[("GLASSHOUSE_GRID", "1")];
const PAGE: (&str, &str) = ("Accept", "text/html,*/*;q=0.8");
const ENTRIES: &[(&str, &str)] = &[
    ("1.png", "1.png"),
    ("2.png", "2.png"),
    ("3.png", "3.png"),
    ("film.mp4", "film.mp4"),
    ("song.mp3", "song.mp3"),
    ("to-1.png", "to-1.png@"),
];

pub const ROWS: &[Row] = &[
    Row {
        id: "Grid by default for pictures",
        ask: with("/gallery/", &[PAGE]),
        options: GRID,
        body: &[
            Has("<ul class=\"grid\">"),
            Lists(ENTRIES),
            LeadsTo("./?view=list"),
            LeadsTo("./?sort=size&order=desc"),
        ],
        ..ROW
    },
    Row {
        id: "Grid by default, but not for programs",
        ask: with("/gallery/", &[("Accept", "*/*")]),
        options: GRID,
        body: &[Has("<table>"), Lists(ENTRIES)],
        ..ROW
    },
    Row {
        id: "Grid by default, but not if the visitor chose a list",
        ask: with("/gallery/?view=list&sort=size", &[PAGE]),
        options: GRID,
        body: &[Has("<table>"), Lists(ENTRIES), LeadsTo("./?sort=size&order=asc"), LeadsTo("./?view=list")],
        ..ROW
    },
    Row {
        id: "Grid by default, but not for two pictures",
        ask: with("/pics/", &[PAGE]),
        options: GRID,
        body: &[Has("<table>"), LeadsTo("./?view=grid")],
        ..ROW
    },
    Row {
        id: "Grid by default, but not for a search",
        ask: with("/gallery/?search=png", &[PAGE]),
        options: GRID,
        body: &[Has("<table>")],
        ..ROW
    },
    Row { id: "Grid by choice only", ask: get("/gallery/"), body: &[Has("<table>"), LeadsTo("./?view=grid")], ..ROW },
    Row {
        id: "Grid with films and sound",
        ask: get("/gallery/?view=grid"),
        body: &[
            Has("<video src=\"film.mp4\" controls=\"\" preload=\"none\""),
            Has("<audio src=\"song.mp3\" controls=\"\" preload=\"none\""),
            Has("<p><span title=\"1 byte\">1 B</span> <time datetime=\"2020-01-02T03:04:05Z\""),
        ],
        ..ROW
    },
    Row {
        id: "Selection of entries",
        ask: get("/gallery/"),
        body: &[
            Has("<form id=\"download\">"),
            Has(
                "<input type=\"checkbox\" form=\"download\" name=\"only\" value=\"1.png\" aria-label=\"Select 1.png\">",
            ),
            Lacks("value=\"to-1.png\""),
        ],
        ..ROW
    },
    Row {
        id: "Selection in a grid",
        ask: get("/gallery/?view=grid"),
        body: &[Has("name=\"only\" value=\"film.mp4\""), Lacks("value=\"to-1.png\"")],
        ..ROW
    },
    Row {
        id: "Selection of a directory",
        ask: get("/deep/"),
        body: &[Has("name=\"only\" value=\"files\" aria-label=\"Select files\"")],
        ..ROW
    },
    Row {
        id: "Selection of names that deceive",
        ask: get("/deceive/"),
        body: &[Has("value=\"report-&#8238;fdp.exe\" aria-label=\"Select report-⟨U+202E⟩fdp.exe\"")],
        ..ROW
    },
    Row {
        id: "Selection, but not of a name that a form cannot send",
        ask: get("/lines/"),
        body: &[Has("name=\"only\" value=\"sub\""), Lacks("value=\"a")],
        ..ROW
    },
    Row {
        id: "Selection only for archives",
        ask: get("/gallery/"),
        options: &[("GLASSHOUSE_ARCHIVE", "off")],
        body: &[Lacks("type=\"checkbox\""), Lacks("<details>")],
        ..ROW
    },
    Row {
        id: "Selection not of a search",
        ask: get("/gallery/?search=png"),
        body: &[Lacks("type=\"checkbox\"")],
        ..ROW
    },
    Row {
        id: "Command for terminals",
        ask: get("/gallery/"),
        body: &[Has(
            "<code>curl -fsS '<span id=\"address\">ADDRESS</span>?download=tar<span id=\"only\"></span>' | tar xf -",
        )],
        ..ROW
    },
    Row {
        id: "Command for terminals, zip",
        ask: get("/gallery/"),
        options: &[("GLASSHOUSE_ARCHIVE", "zip")],
        body: &[Has(
            "<code>curl -fsSOJ '<span id=\"address\">ADDRESS</span>?download=zip<span id=\"only\"></span>'</code>",
        )],
        ..ROW
    },
];
