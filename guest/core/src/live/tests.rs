//! Tests of the place of the script and of the check of policies.

use crate::live::*;

#[test]
fn the_tags_name_the_script() {
    for tag in [FOLDER_TAG, ERROR_TAG, &tag_of_file("a", &Config::default())] {
        assert!(tag.starts_with(&format!("<script src=\"{LIVE_SCRIPT}\" data-")), "{tag}");
    }
}

#[test]
fn the_script_precedes_the_last_end_of_the_body() {
    for (page, at) in [
        ("", None),
        ("<p>x", None),
        ("<p>x</body>", Some(4)),
        ("</body></html>", Some(0)),
        ("</BoDy ></html>", Some(0)),
        ("</body\n>", Some(0)),
        ("<!-- </body> --></body>\n", Some(16)),
        ("</bodyguard>", None),
        ("</body", None),
    ] {
        assert_eq!(end_of_body(page.as_bytes()), at, "{page}");
    }
}

#[test]
fn the_tag_has_the_url_path_of_the_file() {
    let config = Config::from_pairs([("GLASSHOUSE_PREFIX", "/a b")]).expect("a prefix");
    let tag = tag_of_file("c/\"d\" & 'é'.html", &config);
    assert_eq!(
        tag,
        "<script src=\"/.glasshouse/live.js\" data-file=\"/a%20b/c/%22d%22%20%26%20%27%C3%A9%27.html\" defer></script>"
    );
}

#[test]
fn policies_that_forbid_the_script() {
    for (policy, forbidden) in [
        ("", false),
        ("img-src 'none'", false),
        ("default-src 'self'", false),
        ("default-src *", false),
        ("default-src 'none'", true),
        ("default-src 'none'; script-src 'self'", true),
        ("default-src 'none'; script-src 'self'; connect-src 'self'", false),
        ("script-src 'nonce-abc' 'unsafe-inline'", true),
        ("Script-Src 'NONE'", true),
        ("script-src", true),
        ("script-src https:", false),
        ("script-src localhost:8000", false),
        ("script-src 'self' 'strict-dynamic' 'nonce-a'", true),
        ("script-src-elem 'self'; script-src 'none'", false),
        ("connect-src data:", true),
    ] {
        assert_eq!(policy::forbids(policy), forbidden, "{policy}");
    }
}

#[test]
fn policies_in_a_page() {
    for (page, policies) in [
        (r#"<meta http-equiv="Content-Security-Policy" content="default-src 'self'">"#, &["default-src 'self'"][..]),
        (r#"<META content='img-src *' http-equiv = Content-Security-Policy>"#, &["img-src *"]),
        (r#"<meta http-equiv="Content-Security-Policy-Report-Only" content="default-src 'self'">"#, &[]),
        (r#"<meta name="description" content="default-src 'self'">"#, &[]),
        (r#"<meta http-equiv="Content-Security-Policy" content="default-src"#, &[]),
        (r#"<meta http-equiv="content-security-policy">"#, &[]),
    ] {
        assert_eq!(policy::of_page(page.as_bytes()), policies, "{page}");
    }
    let fields = [("content-security-POLICY".to_owned(), "a, b".to_owned()), ("vary".to_owned(), "c".to_owned())];
    assert_eq!(policy::of_fields(&fields).map(str::trim).collect::<Vec<_>>(), ["a", "b"]);
}
