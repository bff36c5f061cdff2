//! Handlers that serve without a directory: those that import none, and packed sites.

use crate::support::client::get;
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{TestServer, glasshouse, glasshouse_in, run};
use std::fs;

/// A handler for WASI 0.2 that imports no file system, and never answers.
const SILENT: &str = r#"(component
    (import "wasi:http/types@0.2.0" (instance $types
        (export "incoming-request" (type (sub resource)))
        (export "response-outparam" (type (sub resource)))))
    (alias export $types "incoming-request" (type $request))
    (alias export $types "response-outparam" (type $out))
    (core module $code (func (export "handle") (param i32 i32)))
    (core instance $instance (instantiate $code))
    (type $handle (func (param "request" (own $request)) (param "response-out" (own $out))))
    (func $handle (type $handle) (canon lift (core func $instance "handle")))
    (instance $handler (export "handle" (func $handle)))
    (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#;

/// A component with the custom section of a packed site.
fn packed(component: &str) -> Vec<u8> {
    const NAME: &[u8] = b"glasshouse:site";
    let mut bytes = fs::read(component).expect("the component was built");
    // A custom section: its number, its length, and its name after the length of it.
    bytes.extend([0, 16, 15]);
    bytes.extend(NAME);
    bytes
}

#[test]
fn a_handler_without_a_file_system_gets_no_directory() {
    let place = fixture::place();
    fs::write(place.path().join("silent.wasm"), wat::parse_str(SILENT).expect("valid")).expect("a file can be written");
    put(&place.path().join("a.txt"), b"a", MODIFIED);
    let mut server = TestServer::spawn(glasshouse_in(place.path(), &["--handler", "silent.wasm"]));
    assert_eq!(get(server.address(), "/a.txt").head.status, 500, "it never answers");
    assert!(server.is_alive());
}

#[test]
fn a_packed_site_gets_no_directory() {
    for component in [env!("HOSTILE_P3"), env!("HOSTILE_P2")] {
        let place = fixture::place();
        fs::write(place.path().join("packed.wasm"), packed(component)).expect("a file can be written");
        put(&place.path().join("good.txt"), b"not served\n", MODIFIED);
        let server = TestServer::spawn(glasshouse_in(place.path(), &["--handler", "packed.wasm"]));
        let seen = get(server.address(), "/environment").text();
        assert!(!seen.contains("preopened") && seen.contains("variable: GLASSHOUSE_BODY=direct"), "{seen}");
        assert_eq!(get(server.address(), "/good").head.status, 500, "the working directory is not served");
        // The same component without the section gets the working directory.
        fs::copy(component, place.path().join("plain.wasm")).expect("a file can be copied");
        let server = TestServer::spawn(glasshouse_in(place.path(), &["--handler", "plain.wasm"]));
        assert_eq!(get(server.address(), "/good").text(), "not served\n");
    }
}

#[test]
fn a_directory_without_a_reader_is_refused() {
    let place = fixture::place();
    fs::write(place.path().join("packed.wasm"), packed(env!("HOSTILE_P3"))).expect("a file can be written");
    fs::create_dir(place.path().join("site")).expect("a directory can be made");
    for (arguments, words) in [
        (&["-d", "site"][..], "cannot serve 'site': the handler 'packed.wasm' reads no directory; leave"),
        (&["site"], "cannot serve 'site': the handler 'packed.wasm' reads no directory; leave"),
        (&["--mount", "/a=site"], "the handler 'packed.wasm' reads no directory, so it cannot serve"),
        (
            &["--mount", "/a=packed.wasm:site"],
            "the component 'packed.wasm' reads no directory, so 'site' has no effect",
        ),
    ] {
        let arguments = [&["--handler", "packed.wasm"], arguments].concat();
        run(glasshouse_in(place.path(), &arguments)).fails(2, words);
    }
}

#[test]
fn the_check_and_the_inspection_name_no_directory() {
    let place = fixture::place();
    fs::write(place.path().join("packed.wasm"), packed(env!("HOSTILE_P3"))).expect("a file can be written");
    fs::copy(env!("HOSTILE_P3"), place.path().join("plain.wasm")).expect("a file can be copied");
    let check = |name| run(glasshouse_in(place.path(), &["--check", "--handler", name]));
    let done = check("packed.wasm");
    assert!(done.status.success() && done.stdout.contains("# directory is not set\n"), "{done:?}");
    assert!(check("plain.wasm").stdout.contains("directory = "));
    for (name, reads) in [("packed.wasm", false), ("plain.wasm", true)] {
        let inspect = |arguments: &[&str]| {
            let mut command = glasshouse();
            command.current_dir(place.path()).arg("inspect").arg(name).args(arguments);
            run(command).stdout
        };
        let json: serde_json::Value = serde_json::from_str(&inspect(&["--json"])).expect("JSON");
        assert_eq!(json["directory"].as_bool(), Some(reads));
        assert!(inspect(&[]).contains(if reads { "reads   a directory" } else { "reads   no directory" }));
    }
}

/// The site that `glasshouse pack` wrote, with options and for both versions.
#[test]
fn a_packed_site_of_either_version_serves() {
    let place = fixture::place();
    put(&place.path().join("folder/page.html"), b"page", MODIFIED);
    for version in [&[][..], &["--p2"]] {
        let mut command = glasshouse();
        command.current_dir(place.path()).args(["pack", "folder", "--clean-urls", "-o", "site.wasm"]).args(version);
        let done = run(command);
        assert!(done.status.success(), "{done:?}");
        for (option, target) in [(&["--handler", "site.wasm"][..], "/page"), (&["--mount", "/m=site.wasm"], "/m/page")]
        {
            let server = TestServer::spawn(glasshouse_in(place.path(), option));
            assert_eq!(get(server.address(), target).text(), "page", "{version:?} {option:?}");
            assert_eq!(server.stderr().lines().filter(|line| line.starts_with("glasshouse")).count(), 0);
        }
        let check = run(glasshouse_in(place.path(), &["--check", "--handler", "site.wasm", "--cache", "60"]));
        assert!(check.status.success(), "{check:?}");
        // A value would replace the packed one, because this output is a configuration file.
        assert!(check.stdout.contains("# clean-urls: as packed\n") && check.stdout.contains("\ncache = "), "{check:?}");
    }
}

#[test]
fn warnings_and_errors_name_what_a_component_needs() {
    let place = fixture::place();
    put(&place.path().join("site/good.txt"), b"good", MODIFIED);
    for (component, name) in
        [(env!("HOSTILE_P3"), "reads.wasm"), (env!("EXAMPLE_BANNER"), "banner.wasm"), (env!("HOSTILE_P2"), "api.bin")]
    {
        fs::copy(component, place.path().join(name)).expect("a file can be copied");
    }
    fs::write(place.path().join("packed.wasm"), packed(env!("HOSTILE_P3"))).expect("a file can be written");
    for (arguments, words) in [
        (
            &["--mount", "/b=reads.wasm"][..],
            "the component 'reads.wasm' reads a directory and gets none; write --mount /b=",
        ),
        (&["--handler", "packed.wasm", "--with", "banner.wasm"], "its folder counts towards --max-memory"),
    ] {
        let server = TestServer::spawn(glasshouse_in(place.path(), arguments));
        server.wait_for_stderr(words, |text| text.contains(words).then_some(()));
    }
    let bad_option = ["--mount", "/b=packed.wasm", "--mount-env", "/b:GLASSHOUSE_CLEANURLS=1"];
    for (arguments, code, words) in [
        (&["--handler", "banner.wasm"][..], 1, "it is a middleware, because it imports wasi:http/handler@0.3"),
        (&["--mount", "/b=banner.wasm"], 1, "it is a middleware, because it imports wasi:http/handler@0.3"),
        (
            &["--with", "site/good.txt"],
            1,
            "'site/good.txt' cannot be used: it is not a WebAssembly component; name another",
        ),
        (&["--mount", "/b=api.bin"], 1, "or a component whose name ends in .wasm"),
        (&bad_option, 2, "--mount-env /b: GLASSHOUSE_CLEANURLS"),
    ] {
        run(glasshouse_in(place.path(), arguments)).fails(code, words);
    }
}
