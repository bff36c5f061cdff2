//! Attempts of a hostile handler on its directory, over `wasi:filesystem@0.2`.

use glasshouse_hostile::{PLACES, TARGETS, got, outcome, ways_out};
use wasi::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags};
use wasi::io::streams::OutputStream;

const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;

pub fn open(root: &Descriptor, path: &str) -> Result<Descriptor, ErrorCode> {
    root.open_at(FOLLOW, path, OpenFlags::empty(), DescriptorFlags::READ)
}

/// Opens the good file again and again, and keeps what it gets.
pub fn open_many(root: &Descriptor, count: usize) -> String {
    let mut kept = Vec::new();
    for _ in 0..count {
        match open(root, "good.txt") {
            Ok(file) => kept.push(file),
            Err(error) => return outcome::<(), _>(&format!("another after {}", kept.len()), &Err(error)),
        }
    }
    format!("DONE: {} files\n", kept.len())
}

/// Tries every way out with every kind of opening, and returns what it could read and how often it tried.
pub fn read_outside(root: &Descriptor) -> String {
    let (plain, read) = (OpenFlags::empty(), DescriptorFlags::READ);
    let ways = [
        (FOLLOW, plain, read),
        (PathFlags::empty(), plain, read),
        (FOLLOW, OpenFlags::DIRECTORY, read),
        (FOLLOW, OpenFlags::CREATE, read | DescriptorFlags::WRITE),
        (FOLLOW, plain, DescriptorFlags::empty()),
    ];
    let (mut report, mut tried) = (String::new(), 0);
    for path in ways_out() {
        for (path_flags, open_flags, flags) in ways {
            tried += 1;
            if let Ok(found) = root.open_at(path_flags, &path, open_flags, flags) {
                report += &got(&path, &content(&found));
            }
        }
        tried += 3;
        if let Ok(stat) = root.stat_at(FOLLOW, &path) {
            report += &got(&path, format!("{} bytes", stat.size).as_bytes());
        }
        if root.metadata_hash_at(FOLLOW, &path).is_ok() {
            report += &got(&path, b"a hash");
        }
        if let Ok(to) = root.readlink_at(&path) {
            report += &got(&path, to.as_bytes());
        }
    }
    report + &format!("tried: {tried}\n")
}

/// Lists every directory that it can open, and returns the names.
pub fn list(root: &Descriptor) -> String {
    let mut report = entries("the root", root);
    for path in PLACES {
        if let Ok(found) = root.open_at(FOLLOW, path, OpenFlags::DIRECTORY, DescriptorFlags::READ) {
            report += &entries(path, &found);
        }
    }
    report
}

fn entries(what: &str, directory: &Descriptor) -> String {
    let mut report = String::new();
    if let Ok(stream) = directory.read_directory() {
        while let Ok(Some(entry)) = stream.read_directory_entry() {
            report += &got(what, entry.name.as_bytes());
        }
    }
    report
}

fn content(file: &Descriptor) -> Vec<u8> {
    file.read(1 << 10, 0).map(|(content, _)| content).unwrap_or_default()
}

/// Tries everything that would change something.
pub fn write(root: &Descriptor) -> String {
    let mut report = String::new();
    for path in TARGETS {
        for (what, open_flags, flags) in OPENINGS {
            let opened = root.open_at(FOLLOW, path, *open_flags, *flags);
            report += &match opened {
                // It may be had; what counts is that nothing can be done with it.
                Ok(directory) if flags.contains(DescriptorFlags::MUTATE_DIRECTORY) => {
                    outcome(&format!("make something in {path}"), &directory.create_directory_at("made"))
                }
                opened => outcome(&format!("open {path} to {what}"), &opened),
            };
        }
        report += &change(root, path);
    }
    if let Ok(file) = open(root, "good.txt") {
        report += &outcome("set-size", &file.set_size(0));
        report += &outcome("set-times", &file.set_times(NewTimestamp::Now, NewTimestamp::Now));
        report += &outcome("write", &file.write(b"evil", 0));
        let written = |to: OutputStream| to.blocking_write_and_flush(b"evil").map_err(|_| ErrorCode::Io);
        report += &outcome("write-via-stream", &file.write_via_stream(0).and_then(written));
        report += &outcome("append-via-stream", &file.append_via_stream().and_then(written));
    }
    report
}

const OPENINGS: &[(&str, OpenFlags, DescriptorFlags)] = &[
    ("write", OpenFlags::empty(), DescriptorFlags::WRITE),
    ("read and write", OpenFlags::empty(), DescriptorFlags::READ.union(DescriptorFlags::WRITE)),
    ("create", OpenFlags::CREATE.union(OpenFlags::EXCLUSIVE), DescriptorFlags::WRITE),
    ("create, and only read", OpenFlags::CREATE.union(OpenFlags::EXCLUSIVE), DescriptorFlags::READ),
    ("truncate", OpenFlags::TRUNCATE, DescriptorFlags::WRITE),
    ("truncate, and only read", OpenFlags::TRUNCATE, DescriptorFlags::READ),
    ("change its entries", OpenFlags::DIRECTORY, DescriptorFlags::READ.union(DescriptorFlags::MUTATE_DIRECTORY)),
];

/// What changes the entry at a path.
fn change(root: &Descriptor, path: &str) -> String {
    let now = NewTimestamp::Now;
    [
        outcome(&format!("create-directory-at {path}"), &root.create_directory_at(path)),
        outcome(&format!("remove-directory-at {path}"), &root.remove_directory_at(path)),
        outcome(&format!("unlink-file-at {path}"), &root.unlink_file_at(path)),
        outcome(&format!("rename-at {path} x"), &root.rename_at(path, root, "x")),
        outcome(&format!("rename-at good.txt {path}"), &root.rename_at("good.txt", root, path)),
        outcome(&format!("link-at {path} x"), &root.link_at(PathFlags::empty(), path, root, "x")),
        outcome(&format!("link-at good.txt {path}"), &root.link_at(PathFlags::empty(), "good.txt", root, path)),
        outcome(&format!("symlink-at x {path}"), &root.symlink_at("x", path)),
        outcome(&format!("symlink-at {path} x"), &root.symlink_at(path, "x")),
        outcome(&format!("set-times-at {path}"), &root.set_times_at(FOLLOW, path, now, now)),
    ]
    .concat()
}
