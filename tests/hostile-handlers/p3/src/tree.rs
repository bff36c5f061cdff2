//! Attempts of a hostile handler on its directory, over `wasi:filesystem@0.3`.

use glasshouse_hostile::{PLACES, TARGETS, got, outcome, ways_out};
use wasip3::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags};
use wasip3::wit_stream;

const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;

pub async fn open(root: &Descriptor, path: &str) -> Result<Descriptor, ErrorCode> {
    root.open_at(FOLLOW, path.to_owned(), OpenFlags::empty(), DescriptorFlags::READ).await
}

/// Opens the good file again and again, and keeps what it gets.
pub async fn open_many(root: &Descriptor, count: usize) -> String {
    let mut kept = Vec::new();
    for _ in 0..count {
        match open(root, "good.txt").await {
            Ok(file) => kept.push(file),
            Err(error) => return outcome::<(), _>(&format!("another after {}", kept.len()), &Err(error)),
        }
    }
    format!("DONE: {} files\n", kept.len())
}

/// Tries every way out with every kind of opening, and returns what it could read and how often it tried.
pub async fn read_outside(root: &Descriptor) -> String {
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
            if let Ok(found) = root.open_at(path_flags, path.clone(), open_flags, flags).await {
                report += &got(&path, &content(&found).await);
            }
        }
        tried += 3;
        if let Ok(stat) = root.stat_at(FOLLOW, path.clone()).await {
            report += &got(&path, format!("{} bytes", stat.size).as_bytes());
        }
        if root.metadata_hash_at(FOLLOW, path.clone()).await.is_ok() {
            report += &got(&path, b"a hash");
        }
        if let Ok(to) = root.readlink_at(path.clone()).await {
            report += &got(&path, to.as_bytes());
        }
    }
    report + &format!("tried: {tried}\n")
}

/// Lists every directory that it can open, and returns the names.
pub async fn list(root: &Descriptor) -> String {
    let mut report = entries("the root", root).await;
    for path in PLACES {
        let opened = root.open_at(FOLLOW, (*path).to_owned(), OpenFlags::DIRECTORY, DescriptorFlags::READ);
        if let Ok(found) = opened.await {
            report += &entries(path, &found).await;
        }
    }
    report
}

async fn entries(what: &str, directory: &Descriptor) -> String {
    let (stream, _) = directory.read_directory();
    stream.collect().await.iter().map(|entry| got(what, entry.name.as_bytes())).collect()
}

async fn content(file: &Descriptor) -> Vec<u8> {
    let (mut from, _) = file.read_via_stream(0);
    from.read(Vec::with_capacity(1 << 10)).await.1
}

/// Tries everything that would change something.
pub async fn write(root: &Descriptor) -> String {
    let mut report = String::new();
    for path in TARGETS {
        for (what, open_flags, flags) in OPENINGS {
            let opened = root.open_at(FOLLOW, (*path).to_owned(), *open_flags, *flags).await;
            report += &match opened {
                // It may be had; what counts is that nothing can be done with it.
                Ok(directory) if flags.contains(DescriptorFlags::MUTATE_DIRECTORY) => outcome(
                    &format!("make something in {path}"),
                    &directory.create_directory_at("made".to_owned()).await,
                ),
                opened => outcome(&format!("open {path} to {what}"), &opened),
            };
        }
        report += &change(root, path).await;
    }
    if let Ok(file) = open(root, "good.txt").await {
        report += &outcome("set-size", &file.set_size(0).await);
        report += &outcome("set-times", &file.set_times(NewTimestamp::Now, NewTimestamp::Now).await);
        let (mut to, data) = wit_stream::new();
        let written = file.write_via_stream(data, 0);
        drop(to.write_all(b"evil".to_vec()).await);
        drop(to);
        report += &outcome("write-via-stream", &written.await);
        let (mut to, data) = wit_stream::new();
        let written = file.append_via_stream(data);
        drop(to.write_all(b"evil".to_vec()).await);
        drop(to);
        report += &outcome("append-via-stream", &written.await);
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
async fn change(root: &Descriptor, path: &str) -> String {
    let now = NewTimestamp::Now;
    let given = || path.to_owned();
    [
        outcome(&format!("create-directory-at {path}"), &root.create_directory_at(given()).await),
        outcome(&format!("remove-directory-at {path}"), &root.remove_directory_at(given()).await),
        outcome(&format!("unlink-file-at {path}"), &root.unlink_file_at(given()).await),
        outcome(&format!("rename-at {path} x"), &root.rename_at(given(), root, "x".to_owned()).await),
        outcome(&format!("rename-at good.txt {path}"), &root.rename_at("good.txt".to_owned(), root, given()).await),
        outcome(&format!("link-at {path} x"), &root.link_at(PathFlags::empty(), given(), root, "x".to_owned()).await),
        outcome(
            &format!("link-at good.txt {path}"),
            &root.link_at(PathFlags::empty(), "good.txt".to_owned(), root, given()).await,
        ),
        outcome(&format!("symlink-at x {path}"), &root.symlink_at("x".to_owned(), given()).await),
        outcome(&format!("symlink-at {path} x"), &root.symlink_at(given(), "x".to_owned()).await),
        outcome(&format!("set-times-at {path}"), &root.set_times_at(FOLLOW, given(), now, now).await),
    ]
    .concat()
}
