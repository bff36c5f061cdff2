//! The options that the handler understands and this program only passes on: flags in, the handler's own text out. It
//! refuses to know what they mean; the handler's table of options does.

use glasshouse_core::config::options;

const CONTENT: &str = "Content";
const SITE: &str = "Site rules";
const BROWSERS: &str = "Caches and browsers";

/// The flags of the handler.
#[derive(Debug, clap::Args)]
pub struct ContentFlags {
    /// Field to send with files and listings, repeatable
    ///
    /// Two words: -H Cache-Control no-cache. The variable holds one 'NAME: VALUE' a line. Vary is added to what the answer depends on;
    /// listings keep a Content-Security-Policy and a Referrer-Policy of their own.
    #[arg(short = 'H', long = "header", value_names = ["NAME", "VALUE"], num_args = 2, help_heading = CONTENT)]
    header: Vec<String>,

    /// Field to send with the files that a pattern matches, repeatable
    ///
    /// A pattern without '/' is about names anywhere, one with '/' about whole paths. Listings and archives have no such field. The
    /// variable holds one 'GLOB NAME: VALUE' a line.
    #[arg(long, value_names = ["GLOB", "NAME", "VALUE"], num_args = 3, help_heading = CONTENT)]
    header_for: Vec<String>,

    /// Media type of files whose name tells none
    #[arg(long, value_name = "TYPE", help_heading = CONTENT)]
    content_type: Option<String>,

    /// Media type of files with a suffix, repeatable
    #[arg(long, value_name = "EXT=TYPE", help_heading = CONTENT)]
    mime: Vec<String>,

    /// File that stands for its directory, repeatable
    ///
    /// The first that exists is served [default: index.html, then index.htm]; an empty name stands for none. The
    /// variable holds several, separated by commas.
    #[arg(long, value_name = "NAME", help_heading = CONTENT)]
    index: Vec<String>,

    /// Serve and list names that begin with a dot, or those that a pattern matches, repeatable
    ///
    /// A pattern without '/' is about names in any directory, as '.zarray' is; one with '/' about whole paths, as '.git/**'
    /// and '**/.git/**' are. The directories on the way are listed, with nothing else that is in them. The variable holds
    /// one pattern a line.
    #[arg(long, value_name = "GLOB", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = CONTENT)]
    hidden: Vec<String>,

    /// Do not list directories
    #[arg(long, help_heading = CONTENT)]
    no_listing: bool,

    /// Forms in which folders can be downloaded: some of tar, tar.gz and zip, or off [default: all three]
    ///
    /// By ?download=FORM behind the path of a folder that is listed.
    #[arg(long, value_name = "FORMS", help_heading = CONTENT)]
    archive: Option<String>,

    /// How many bytes the files in an archive may have, with K, M, G or T behind it [default: 4G]
    ///
    /// An archive that is longer than --max-made is refused as well, so raise both for more.
    #[arg(long, value_name = "SIZE", help_heading = CONTENT)]
    archive_max: Option<String>,
    /// Entries that a listing shows [default: 100000]
    ///
    /// Of further ones it says how many there are.
    #[arg(long, value_name = "N", help_heading = CONTENT)]
    listing_max: Option<String>,

    /// Do not show README.md below the listing of its directory
    #[arg(long, help_heading = CONTENT)]
    no_readme: bool,

    /// Encode text on the way, with gzip or br
    ///
    /// Listings, and files of 1 KiB to 8 MiB. Longer ones are sent as they are: with their length, and in parts.
    #[arg(long, help_heading = CONTENT)]
    compress: bool,

    /// Do not send the .br, .zst or .gz beside a file in its place
    ///
    /// One that is older, or says that it holds another number of bytes, is not sent in any case.
    #[arg(long, help_heading = CONTENT)]
    no_precompressed: bool,

    /// Send this file, or index.html, for paths that lead nowhere
    ///
    /// To clients that accept a page, and for paths without a dot in their last segment: the routes of a single-page
    /// application.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = SITE)]
    spa: Option<String>,

    /// The page that says that nothing was found [default: 404.html, if it is there]
    #[arg(long, value_name = "FILE", help_heading = SITE)]
    not_found: Option<String>,

    /// Serve about.html as /about
    ///
    /// Ahead of a directory 'about', which stays at /about/, and behind a file 'about'; beside such a file about.html keeps its
    /// path.
    #[arg(long, help_heading = SITE)]
    clean_urls: bool,

    /// Serve the directory under this path
    #[arg(long, value_name = "PATH", help_heading = SITE)]
    prefix: Option<String>,

    /// Send clients from one path to another, repeatable
    ///
    /// STATUS is 301 unless it is given. A '*' at the end of FROM stands for any rest, and at the end of TO for the same. Both are
    /// written as in a URL, a space as %20. The first that matches counts. The variable holds one 'FROM TO STATUS' a line.
    #[arg(long, value_names = ["FROM", "TO", "STATUS"], num_args = 2..=3, help_heading = SITE)]
    redirect: Vec<String>,

    /// Do not read glasshouse.toml in the directory
    ///
    /// It sets options of its own site, as far as they do not widen what is served.
    #[arg(long, help_heading = SITE)]
    no_site_file: bool,

    /// How long answers may be kept, repeatable
    ///
    /// A number of seconds, 'no-store' or 'immutable'; behind 'GLOB=' for some files, with a GLOB as for --header-for. The last that
    /// matches counts. The variable holds one a line.
    /// Cache-Control of --header-for counts before it, and that of --header only where no rule matches.
    #[arg(long, value_name = "[GLOB=]VALUE", help_heading = BROWSERS)]
    cache: Vec<String>,

    /// Let scripts of this origin, or of any, read the answers
    #[arg(long, value_name = "ORIGIN", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    #[arg(help_heading = BROWSERS)]
    cors: Option<String>,

    /// Isolate pages from other origins (COOP, COEP, CORP)
    #[arg(long, help_heading = BROWSERS)]
    isolate: bool,
}

impl ContentFlags {
    /// Every option of the handler by name, with what was typed in the form of its variable; `None` where nothing was.
    ///
    /// # Errors
    /// A field that would not survive as one line, in words for the person who typed it.
    pub fn typed(&self) -> Result<Vec<(&'static str, Option<String>)>, String> {
        let (fields, _) = self.header.as_chunks::<2>();
        let header =
            fields.iter().map(|[name, value]| field("--header", name, value)).collect::<Result<Vec<_>, _>>()?;
        let (fields, _) = self.header_for.as_chunks::<3>();
        let header_for =
            fields.iter().map(|[glob, name, value]| field_for(glob, name, value)).collect::<Result<Vec<_>, _>>()?;
        let redirect = redirects(&self.redirect);
        let typed = |name: &str| match name {
            "archive" => self.archive.clone(),
            "archive-max" => self.archive_max.clone(),
            "cache" => lines(&self.cache),
            "clean-urls" => switch(self.clean_urls),
            "compress" => switch(self.compress),
            "content-type" => self.content_type.clone(),
            "cors" => self.cors.clone(),
            "header" => lines(&header),
            "header-for" => lines(&header_for),
            "hidden" => lines(&self.hidden),
            "index" => lines(&self.index),
            "isolate" => switch(self.isolate),
            "listing-max" => self.listing_max.clone(),
            "mime" => lines(&self.mime),
            "no-listing" => switch(self.no_listing),
            "no-precompressed" => switch(self.no_precompressed),
            "no-readme" => switch(self.no_readme),
            "no-site-file" => switch(self.no_site_file),
            "not-found" => self.not_found.clone(),
            "prefix" => self.prefix.clone(),
            "redirect" => lines(&redirect),
            "spa" => self.spa.clone(),
            _ => None,
        };
        Ok(options::names().map(|name| (name, typed(name))).collect())
    }
}

/// Two words are a redirect, and a third that is a number is its status: what was typed is told in one row of words.
fn redirects(words: &[String]) -> Vec<String> {
    let mut redirects: Vec<Vec<&str>> = Vec::new();
    for word in words {
        let is_status = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        match redirects.last_mut() {
            Some(last) if last.len() < 2 || (last.len() == 2 && is_status) => last.push(word),
            _ => redirects.push(vec![word]),
        }
    }
    redirects.iter().map(|words| words.join(" ")).collect()
}

fn lines(values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| values.join("\n"))
}

fn switch(on: bool) -> Option<String> {
    on.then(|| "1".to_owned())
}

/// A name with a colon would move a part of itself into the value: `-H 'A: b' 8199` is a port taken for a value (S10).
fn field(flag: &str, name: &str, value: &str) -> Result<String, String> {
    if name.is_empty() {
        return Err(format!("{flag}: the field name is empty; give name and value as two words"));
    }
    if name.contains(':') {
        return Err(format!("{flag}: '{name}' is no field name; give name and value as two words"));
    }
    if name.contains(['\r', '\n']) || value.contains(['\r', '\n']) {
        return Err(format!("{flag}: '{name}' has a line break in it; give one line"));
    }
    Ok(format!("{name}: {value}"))
}

fn field_for(glob: &str, name: &str, value: &str) -> Result<String, String> {
    if glob.is_empty() {
        return Err("--header-for: the pattern is empty; '**' matches every path".to_owned());
    }
    if glob.contains(char::is_whitespace) {
        return Err(format!("--header-for: '{glob}' has a space in it; write '?' for it"));
    }
    Ok(format!("{glob} {}", field("--header-for", name, value)?))
}
