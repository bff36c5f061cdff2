//! The files of `-o`, when the disk is full.

use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{glasshouse, run};
use std::fs;
use std::process::Command;

/// A limit on the length of a file ends a write as a full disk does: after a part.
#[test]
fn a_full_disk_leaves_no_part_of_a_file() {
    let place = fixture::place();
    put(&place.path().join("folder/file"), b"content", MODIFIED);
    fs::copy(env!("EXAMPLE_BANNER"), place.path().join("banner.wasm")).expect("a file can be copied");
    fs::write(place.path().join("old.wasm"), "before").expect("a file can be written");
    let names = || {
        let entries = fs::read_dir(place.path()).expect("a directory can be listed").flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    for arguments in [
        &["handler"][..],
        &["handler", "--oci"],
        &["compose", "--with", "banner.wasm"],
        &["pack", "folder"],
        &["pack", "folder", "--oci"],
    ] {
        for output in ["old.wasm", "new.wasm"] {
            let mut command = Command::new("sh");
            command.args(["-c", "ulimit -f 100; trap '' XFSZ; exec \"$0\" \"$@\""]).arg(glasshouse().get_program());
            command.args(arguments).args(["-o", output]).current_dir(place.path());
            let done = run(command);
            assert_eq!(done.status.code(), Some(1), "{arguments:?}: {done:?}");
            assert!(done.stderr.contains(&format!("'{output}'")), "{arguments:?}: {}", done.stderr);
            assert_eq!(names(), before, "{arguments:?}");
            assert_eq!(fs::read(place.path().join("old.wasm")).expect("it is there"), b"before", "{arguments:?}");
        }
    }
}
