//! Reads the fenced blocks of a Markdown page, and the commands in them.

/// A fenced block: where it begins, its language and its lines.
#[derive(Debug, PartialEq, Eq)]
pub struct FencedBlock {
    /// The page and the line of the fence, such as `README.md:11`.
    pub at: String,
    pub language: String,
    pub text: String,
}

/// The blocks of a page, in their order.
pub fn blocks(page: &str, text: &str) -> Vec<FencedBlock> {
    let mut blocks: Vec<FencedBlock> = Vec::new();
    let mut is_open = false;
    for (number, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), is_open) {
            (Some(language), false) => {
                let (at, language) = (format!("{page}:{}", number + 1), language.trim().to_owned());
                blocks.push(FencedBlock { at, language, text: String::new() });
                is_open = true;
            }
            (Some(_), true) => is_open = false,
            (None, true) => blocks.iter_mut().last().into_iter().for_each(|block| {
                block.text.push_str(line);
                block.text.push('\n');
            }),
            (None, false) => {}
        }
    }
    assert!(!is_open, "{page}: a block does not end");
    blocks
}

impl FencedBlock {
    /// The commands of a block in `sh`, or of one in `console`, where each follows a prompt. Comments are left out, and
    /// a backslash at the end of a line continues it.
    pub fn commands(&self) -> Vec<String> {
        let text = self.text.replace("\\\n", " ");
        let lines = text.lines().filter_map(|line| match self.language.as_str() {
            "console" => line.strip_prefix("$ "),
            _ => Some(line),
        });
        lines.map(without_comment).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

/// A line of a shell without its comment, which begins with a `#` that is not in quotes and not within a word.
fn without_comment(line: &str) -> &str {
    let (mut quote, mut before) = (None, ' ');
    for (at, letter) in line.char_indices() {
        match (quote, letter) {
            (Some(end), _) if end == letter => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '#') if before.is_whitespace() => return line[..at].trim(),
            _ => {}
        }
        before = letter;
    }
    line.trim()
}

#[test]
fn blocks_and_their_commands_are_found() {
    let page = "a\n```sh\nb '# c' \\\n  d#e  # f\n\n# g\n```\n```json\n{}\n```\n```console\n$ h\ni\n```\n";
    let found = blocks("P.md", page);
    let of = |block: &FencedBlock| (block.at.clone(), block.language.clone(), block.commands());
    assert_eq!(of(&found[0]), ("P.md:2".to_owned(), "sh".to_owned(), vec!["b '# c'    d#e".to_owned()]));
    assert_eq!((found[1].language.as_str(), found[1].text.as_str()), ("json", "{}\n"));
    assert_eq!(of(&found[2]), ("P.md:11".to_owned(), "console".to_owned(), vec!["h".to_owned()]));
    assert_eq!(found.len(), 3);
}
