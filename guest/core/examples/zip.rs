//! Serves the entries of a zip archive from memory.
//!
//! ```text
//! cargo run --example zip -- FILE.zip
//! ```

#![expect(clippy::disallowed_types, reason = "a server needs files and sockets, which the core must not use")]

use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Body, Config, PublicTree, Request, answer, at_once};
use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use zip::ZipArchive;

/// Bytes of the head of a request.
const MAX_HEAD: usize = 16 << 10;
const MAX_FIELDS: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(5);

type Served = PublicTree<MemoryTree>;

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("usage: zip FILE.zip")?;
    let tree = PublicTree::new(read(&path)?);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("Serving {path} on http://{}/", listener.local_addr()?);
    // One connection after the other: this is an example of the core, and not of a server.
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        if let Err(error) = respond(stream, &tree) {
            eprintln!("{error}");
        }
    }
    Ok(())
}

/// The files of an archive.
fn read(path: &str) -> Result<MemoryTree, Box<dyn Error>> {
    let (mut archive, mut tree) = (ZipArchive::new(File::open(path)?)?, MemoryTree::default());
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        let Some(name) = file.enclosed_name().filter(|_| file.is_file()) else { continue };
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        tree.insert(&name.to_string_lossy(), MemoryNode::File(content, None));
    }
    Ok(tree)
}

/// Answers one request and closes the connection.
fn respond(stream: TcpStream, tree: &Served) -> Result<(), Box<dyn Error>> {
    let (mut reader, mut head) = (BufReader::new(stream.try_clone()?), Vec::new());
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    loop {
        let mut byte = [0];
        reader.read_exact(&mut byte)?;
        head.extend(byte);
        if head.ends_with(b"\r\n\r\n") {
            break;
        }
        if head.len() > MAX_HEAD {
            return Err("the head of a request is too long".into());
        }
    }
    let mut parsed = httparse::Request::new(&mut fields);
    parsed.parse(&head)?;
    let values = |name: &str| {
        let lines = parsed.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        lines.map(|field| field.value.to_vec()).collect()
    };
    let request = Request::read(parsed.method.unwrap_or_default(), parsed.path, values);
    let reply = at_once(answer(&request, tree, &Config::default())).ok_or("a tree in memory waited")?;
    send(stream, tree, reply.write(request.method))
}

fn send<F>(
    mut stream: TcpStream,
    tree: &impl glasshouse_core::Tree<File = F>,
    (head, body): (glasshouse_core::Head, Body<F>),
) -> Result<(), Box<dyn Error>> {
    write!(stream, "HTTP/1.1 {} \r\nconnection: close\r\n", head.status)?;
    for (name, value) in head.fields {
        stream.write_all(&[name.as_bytes(), b": ", &value, b"\r\n"].concat())?;
    }
    stream.write_all(b"\r\n")?;
    match body {
        Body::Nothing => {}
        Body::Bytes(bytes) => stream.write_all(&bytes)?,
        Body::File(file, span) => {
            let mut at = span.start;
            while at < span.end {
                let wanted = (span.end - at).min(1 << 16);
                let bytes = at_once(tree.read(&file, at, wanted)).ok_or("a tree in memory waited")?;
                let bytes = bytes.map_err(|error| format!("{error:?}"))?;
                at += u64::try_from(bytes.len())?;
                stream.write_all(&bytes)?;
            }
        }
        Body::Generated(mut body) => {
            while let Some(piece) =
                at_once(body.next(tree)).ok_or("a tree in memory waited")?.map_err(|_| "truncated")?
            {
                stream.write_all(&piece)?;
            }
        }
    }
    Ok(())
}
