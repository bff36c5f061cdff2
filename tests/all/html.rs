//! A reader of the HTML that glasshouse makes, strict where a browser is kind: an element or an attribute that is not
//! known is an error, as it may have come out of a file's name.

/// The elements that a page of glasshouse may hold.
const ELEMENTS: &[&str] = &["html", "head", "meta", "title", "body", "h1", "hr", "ul", "li", "a", "p"];

/// The attributes that these may have.
const ATTRIBUTES: &[&str] = &["lang", "charset", "name", "content", "href"];

/// A page, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// `href` and text of each link, decoded.
    pub links: Vec<(String, String)>,
    /// The text of the title, decoded.
    pub title: String,
}

/// # Errors
/// What is no HTML of glasshouse, in words.
pub fn read(html: &str) -> Result<Page, String> {
    let mut page = Page::default();
    let mut rest = html.strip_prefix("<!DOCTYPE html>\n").ok_or("the page has no doctype")?;
    let mut inside = String::new();
    while !rest.is_empty() {
        let (content, tail) = rest.split_once('<').unwrap_or((rest, ""));
        let content = decode(content)?;
        match inside.as_str() {
            "a" => page.links.last_mut().ok_or("text of no link")?.1.push_str(&content),
            "title" => page.title.push_str(&content),
            _ => {}
        }
        if tail.is_empty() {
            break;
        }
        let (tag, tail) = tail.split_once('>').ok_or("a tag without end")?;
        rest = tail;
        inside.clear();
        if let Some(name) = tag.strip_prefix('/') {
            known(name, ELEMENTS)?;
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        known(name, ELEMENTS)?;
        inside.push_str(name);
        for (attribute, value) in read_attributes(attributes)? {
            if attribute == "href" {
                page.links.push((value, String::new()));
            }
        }
    }
    Ok(page)
}

/// The links of a listing.
///
/// # Panics
/// Where it is no HTML of glasshouse.
#[track_caller]
pub fn links(html: &str) -> Vec<(String, String)> {
    read(html).unwrap_or_else(|error| panic!("{error} in\n{html}")).links
}

fn known(name: &str, among: &[&str]) -> Result<(), String> {
    among.contains(&name).then_some(()).ok_or(format!("<{name}> does not belong in a page"))
}

fn read_attributes(mut rest: &str) -> Result<Vec<(String, String)>, String> {
    let mut attributes = Vec::new();
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").ok_or(format!("attribute {rest:?} has no quoted value"))?;
        known(name, ATTRIBUTES)?;
        let (value, tail) = value.split_once('"').ok_or(format!("the value of {name} has no end"))?;
        attributes.push((name.to_owned(), decode(value)?));
        rest = tail.strip_prefix(' ').unwrap_or(tail);
    }
    Ok(attributes)
}

/// Resolves the character references that glasshouse writes; any other, and a bare `&` or `>`, is an error.
fn decode(text: &str) -> Result<String, String> {
    let mut decoded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (name, tail) = after.split_once(';').ok_or(format!("a bare & in {text:?}"))?;
        decoded.push_str(before);
        decoded.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#x27" | "#39" => '\'',
            _ => return Err(format!("&{name}; in {text:?}")),
        });
        rest = tail;
    }
    decoded.push_str(rest);
    if rest.contains('>') { Err(format!("a bare > in {text:?}")) } else { Ok(decoded) }
}

/// Undoes percent-encoding as a server does. What is badly encoded is an error.
pub fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(bytes)
}

/// Percent-encodes every byte of a path but its slashes, so that nothing of it can be mistaken.
pub fn percent_encode(path: &[u8]) -> String {
    let encode = |&byte: &u8| if byte == b'/' { "/".to_owned() } else { format!("%{byte:02x}") };
    path.iter().map(encode).collect()
}
