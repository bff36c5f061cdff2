//! Colors an entry on a terminal by its status.

/// Colors each line of an entry. A status below 300 has no color.
pub(crate) fn color(entry: String, status: u16) -> String {
    let code = match status {
        300..400 => "36",
        400..500 => "33",
        500.. => "31",
        _ => return entry,
    };
    entry.lines().map(|line| format!("\x1b[{code}m{line}\x1b[0m\n")).collect()
}

#[cfg(test)]
mod tests {
    use crate::access_log::color::*;

    #[test]
    fn each_line_is_colored_and_reset() {
        assert_eq!(color("a\n".into(), 200), "a\n");
        assert_eq!(color("a\n".into(), 304), "\x1b[36ma\x1b[0m\n");
        assert_eq!(color("a\nb\n".into(), 404), "\x1b[33ma\x1b[0m\n\x1b[33mb\x1b[0m\n");
        assert_eq!(color("a\n".into(), 503), "\x1b[31ma\x1b[0m\n");
    }
}
