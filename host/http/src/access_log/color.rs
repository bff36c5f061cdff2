//! Colours for an entry on a terminal, by what became of the request. It refuses to know whether anybody wants them.

/// The same entry, each of its lines in the colour of its status; what went well has none.
pub fn color(entry: String, status: u16) -> String {
    let colour = match status {
        300..400 => "36",
        400..500 => "33",
        500.. => "31",
        _ => return entry,
    };
    entry.lines().map(|line| format!("\x1b[{colour}m{line}\x1b[0m\n")).collect()
}

#[cfg(test)]
mod tests {
    use crate::access_log::color::*;

    #[test]
    fn each_line_has_its_colour_and_gives_it_back() {
        assert_eq!(color("a\n".into(), 200), "a\n");
        assert_eq!(color("a\n".into(), 304), "\x1b[36ma\x1b[0m\n");
        assert_eq!(color("a\nb\n".into(), 404), "\x1b[33ma\x1b[0m\n\x1b[33mb\x1b[0m\n");
        assert_eq!(color("a\n".into(), 503), "\x1b[31ma\x1b[0m\n");
    }
}
