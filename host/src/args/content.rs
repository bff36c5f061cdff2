//! The flags of the handler's options, with the text of each in the form of its variable. Does not interpret the texts:
//! the handler does.

use crate::error::StartupError;

const CONTENT: &str = "Content";
const SITE: &str = "URLs, caches and browsers";

/// The flags of the handler.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct ContentFlags {
    /// Add a header field to files and listings (repeatable)
    ///
    /// Two arguments: -H Cache-Control no-cache. The variable holds one 'NAME: VALUE' per line. The handler adds to
    /// Vary what a response depends on. Listings keep their own Content-Security-Policy and Referrer-Policy.
    #[arg(short = 'H', long = "header", value_names = ["NAME", "VALUE"], num_args = 2, help_heading = CONTENT)]
    header: Vec<String>,

    /// Add a header field to files that match GLOB (repeatable)
    ///
    /// A GLOB without '/' matches names in any directory, a GLOB with '/' matches whole paths. Listings and archives do
    /// not get the field. The variable holds one 'GLOB NAME: VALUE' per line.
    #[arg(long, value_names = ["GLOB", "NAME", "VALUE"], num_args = 3, hide_short_help = true, help_heading = CONTENT)]
    header_for: Vec<String>,

    /// Media type for unknown extensions [default: application/octet-stream]
    #[arg(long, value_name = "TYPE", help_heading = CONTENT)]
    content_type: Option<String>,

    /// Media type for a file extension (repeatable)
    #[arg(long, value_name = "EXT=TYPE", help_heading = CONTENT)]
    mime: Vec<String>,

    /// Index file of a directory (repeatable) [default: index.html, index.htm]
    ///
    /// The first file that exists is served. An empty name turns index files off. The variable holds several, separated
    /// by commas.
    #[arg(long, value_name = "NAME", help_heading = CONTENT)]
    index: Vec<String>,

    /// Serve dotfiles, all or those that match GLOB (repeatable)
    ///
    /// A GLOB without '/' matches names in any directory, such as '.zarray'. A GLOB with '/' matches whole paths, such
    /// as '.git/**' and '**/.git/**'. Hidden directories above a match are listed, without their other entries. The
    /// variable holds one GLOB per line.
    #[arg(long, value_name = "GLOB", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = CONTENT)]
    hidden: Vec<String>,

    /// Do not list directories
    #[arg(long, help_heading = CONTENT)]
    no_listing: bool,

    /// Archive formats of folder downloads [default: tar,tar.gz,zip]
    ///
    /// Some of tar, tar.gz and zip, separated by commas, or off. A client adds ?download=FORMAT to the path of a listed
    /// folder.
    #[arg(long, value_name = "FORMS", help_heading = CONTENT)]
    archive: Option<String>,

    /// Maximum size of the files in an archive [default: 4G]
    ///
    /// A number of bytes, or one with K, M, G or T behind it. --max-made limits an archive too, so raise both.
    #[arg(long, value_name = "SIZE", hide_short_help = true, help_heading = CONTENT)]
    archive_max: Option<String>,
    /// Maximum number of entries in a listing [default: 100000]
    ///
    /// A listing reports how many entries it leaves out.
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = CONTENT)]
    listing_max: Option<String>,

    /// Do not show README.md below a listing
    #[arg(long, help_heading = CONTENT)]
    no_readme: bool,

    /// Show Markdown files as pages to browsers
    ///
    /// Only to clients that prefer HTML. Others, and all clients with ?raw after the path, get the file. A page is also
    /// the index of a directory with --index README.md. Files above 1 MiB are sent as they are.
    #[arg(long, help_heading = CONTENT)]
    markdown: bool,
    /// Show folders of pictures as a grid
    ///
    /// More than half of the files, and at least three, must be pictures. A visitor can still choose the list. Programs
    /// that accept anything, such as wget, get the list.
    #[arg(long, hide_short_help = true, help_heading = CONTENT)]
    grid: bool,

    /// Compress text responses with gzip or br
    ///
    /// Listings, and files of 1 KiB to 8 MiB. Longer files are sent as they are, with their length and with support for
    /// ranges.
    #[arg(long, help_heading = CONTENT)]
    compress: bool,

    /// Do not send a .br, .zst or .gz file in place of a file
    ///
    /// Such a file is never sent if it is older than the original or reports another size.
    #[arg(long, hide_short_help = true, help_heading = CONTENT)]
    no_precompressed: bool,

    /// Serve FILE, or index.html, for paths that do not exist
    ///
    /// For the routes of a single-page application: only for clients that accept a page, and for paths without a dot in
    /// the last segment.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = SITE)]
    spa: Option<String>,

    /// Page of 404 responses [default: 404.html, if it exists]
    #[arg(long, value_name = "FILE", help_heading = SITE)]
    not_found: Option<String>,

    /// Serve about.html as /about
    ///
    /// about.html wins over a directory 'about', which stays at /about/. A file 'about' wins over about.html, which
    /// then keeps its path.
    #[arg(long, help_heading = SITE)]
    clean_urls: bool,

    /// URL path prefix of the directory
    #[arg(long, value_name = "PATH", help_heading = SITE)]
    prefix: Option<String>,

    /// Redirect one path to another (repeatable)
    ///
    /// The default of STATUS is 301. A '*' at the end of FROM matches any rest, and a '*' at the end of TO stands for
    /// that rest. Both are written as in a URL, a space as %20. The first match counts. The variable holds one 'FROM TO
    /// STATUS' per line.
    #[arg(long, value_names = ["FROM", "TO", "STATUS"], num_args = 2..=3, help_heading = SITE)]
    redirect: Vec<String>,

    /// Ignore glasshouse.toml in the directory
    ///
    /// The file sets options of its own directory, except those that would serve more.
    #[arg(long, hide_short_help = true, help_heading = SITE)]
    no_site_file: bool,

    /// Cache lifetime of responses (repeatable)
    ///
    /// VALUE is a number of seconds, 'no-store' or 'immutable'. 'GLOB=' limits it to some files, with a GLOB as for
    /// --header-for. The last match counts. The variable holds one per line. A Cache-Control of --header-for wins over
    /// --cache. A Cache-Control of --header counts only for files without a match.
    #[arg(long, value_name = "[GLOB=]VALUE", help_heading = SITE)]
    cache: Vec<String>,

    /// Let scripts of ORIGIN, or of any origin, read responses
    #[arg(long, value_name = "ORIGIN", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    #[arg(help_heading = SITE)]
    cors: Option<String>,

    /// Reload pages when a file behind them changes
    ///
    /// For development. The server adds a script to HTML responses, and watches the served directories while a page is
    /// open. Style sheets are replaced without a reload. Without --bind it listens on 127.0.0.1 only.
    #[arg(long, help_heading = SITE)]
    live: bool,

    /// Isolate pages from other origins (COOP, COEP, CORP)
    #[arg(long, hide_short_help = true, help_heading = SITE)]
    isolate: bool,
}

/// The value of an option in the form of its variable; `None` if the flag is absent.
type OptionText = fn(&ContentFlags) -> Option<String>;

/// Each option of the handler with the text of its flag in the form of its variable, in the order of the handler's
/// table. A test compares the names with that table.
const TEXTS: &[(&str, OptionText)] = &[
    ("archive", |flags| flags.archive.clone()),
    ("archive-max", |flags| flags.archive_max.clone()),
    ("cache", |flags| lines(&flags.cache)),
    ("clean-urls", |flags| switch(flags.clean_urls)),
    ("compress", |flags| switch(flags.compress)),
    ("content-type", |flags| flags.content_type.clone()),
    ("cors", |flags| flags.cors.clone()),
    ("grid", |flags| switch(flags.grid)),
    ("header", |flags| lines(&headers(&flags.header))),
    ("header-for", |flags| lines(&headers_for(&flags.header_for))),
    ("hidden", |flags| lines(&flags.hidden)),
    ("index", |flags| lines(&flags.index)),
    ("isolate", |flags| switch(flags.isolate)),
    ("listing-max", |flags| flags.listing_max.clone()),
    ("live", |flags| switch(flags.live)),
    ("markdown", |flags| switch(flags.markdown)),
    ("mime", |flags| lines(&flags.mime)),
    ("no-listing", |flags| switch(flags.no_listing)),
    ("no-precompressed", |flags| switch(flags.no_precompressed)),
    ("no-readme", |flags| switch(flags.no_readme)),
    ("no-site-file", |flags| switch(flags.no_site_file)),
    ("not-found", |flags| flags.not_found.clone()),
    ("prefix", |flags| flags.prefix.clone()),
    ("redirect", |flags| lines(&redirects(&flags.redirect))),
    ("spa", |flags| flags.spa.clone()),
];

impl ContentFlags {
    /// Every option of the handler with the text of its flag; `None` for a flag that is not set.
    ///
    /// # Errors
    /// A header field that cannot be written as one line.
    pub(crate) fn texts(&self) -> Result<impl Iterator<Item = (&'static str, Option<String>)>, StartupError> {
        self.check().map_err(StartupError::Usage)?;
        Ok(TEXTS.iter().map(|(name, text)| (*name, text(self))))
    }

    fn check(&self) -> Result<(), String> {
        let (fields, _) = self.header.as_chunks::<2>();
        fields.iter().try_for_each(|[name, value]| check_field("--header", name, value))?;
        let (fields, _) = self.header_for.as_chunks::<3>();
        fields.iter().try_for_each(|[glob, name, value]| {
            if glob.is_empty() {
                return Err("--header-for: the pattern is empty; '**' matches every path".to_owned());
            }
            if glob.contains(char::is_whitespace) {
                return Err(format!("--header-for: invalid pattern '{glob}': write '?' for a space"));
            }
            check_field("--header-for", name, value)
        })
    }
}

/// A name with a colon would move a part of itself into the value: in `-H 'A: b' 8199` the port is the value (PY-10).
fn check_field(flag: &str, name: &str, value: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err(format!("{flag}: the field name is empty; give name and value as two arguments"));
    }
    if name.contains(':') {
        return Err(format!("{flag}: invalid field name '{name}': give name and value as two arguments"));
    }
    if name.contains(['\r', '\n']) || value.contains(['\r', '\n']) {
        return Err(format!("{flag}: the field '{name}' has a line break in it; give one line"));
    }
    Ok(())
}

fn headers(arguments: &[String]) -> Vec<String> {
    arguments.as_chunks::<2>().0.iter().map(|[name, value]| format!("{name}: {value}")).collect()
}

fn headers_for(arguments: &[String]) -> Vec<String> {
    arguments.as_chunks::<3>().0.iter().map(|[glob, name, value]| format!("{glob} {name}: {value}")).collect()
}

/// Joins the arguments of all redirects, which clap gives in one list: two paths, and a status if a number follows.
fn redirects(arguments: &[String]) -> Vec<String> {
    let mut redirects: Vec<Vec<&str>> = Vec::new();
    for argument in arguments {
        let is_status = !argument.is_empty() && argument.bytes().all(|byte| byte.is_ascii_digit());
        match redirects.last_mut() {
            Some(last) if last.len() < 2 || (last.len() == 2 && is_status) => last.push(argument),
            _ => redirects.push(vec![argument]),
        }
    }
    redirects.iter().map(|arguments| arguments.join(" ")).collect()
}

fn lines(values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| values.join("\n"))
}

fn switch(on: bool) -> Option<String> {
    on.then(|| "1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{clap_options, definition};
    use glasshouse_core::config::options;

    #[test]
    fn each_option_of_the_handler_has_a_flag_and_a_text() {
        let names: Vec<&str> = options::names().collect();
        assert_eq!(TEXTS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
        let command = definition();
        let flags: Vec<&str> = clap_options::all(&command).map(clap_options::name).collect();
        for name in names {
            assert!(flags.contains(&name), "no flag --{name}");
        }
    }
}
