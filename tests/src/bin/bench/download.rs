//! Downloads of long bodies over one connection without TLS.

use crate::client::{self, Origin};
use crate::process::failed;
use crate::site::RunningServer;
use crate::tree::{LARGE, TEXT_FOLDER, TEXT_LENGTH, TEXTS_PER_FOLDER};
use crate::works::{Quantity, Sample, Trouble, Work, count};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// The downloads of the large file in one round: enough for the resolution of processor times.
const DOWNLOADS: usize = 4;

/// The longest time for the download of an archive.
const ARCHIVE_PATIENCE: Duration = Duration::from_secs(180);

/// The end of a chunked body.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// Downloads the large file several times, and lets the kernel discard it.
///
/// # Errors
/// If a response is wrong or late.
pub fn large_file(server: &RunningServer) -> Result<Sample, Trouble> {
    let request = client::request(server.address, LARGE, "");
    let (begin, before) = (Instant::now(), server.process.processor_seconds()?);
    let deadline = begin + Duration::from_secs(60);
    let mut stream = client::connect(server.address, Origin::default())?;
    let mut bytes = 0;
    for _ in 0..DOWNLOADS {
        bytes += client::ask(&mut stream, &request, deadline)?;
    }
    let (seconds, cost) = (begin.elapsed().as_secs_f64(), server.process.processor_seconds()? - before);
    let gigabytes = count(bytes) / 1e9;
    let values = vec![(Quantity::GigabyteRate, gigabytes / seconds), (Quantity::GigabyteCost, cost / gigabytes)];
    Ok(Sample { values, notes: Vec::new() })
}

/// Downloads a folder of 512 MiB as an archive. The rates count the content of the files.
///
/// # Errors
/// If the server has no archives, or the response is not complete in time.
pub fn archive(work: Work, server: &RunningServer) -> Result<Sample, Trouble> {
    let path = format!("{TEXT_FOLDER}?download={}", work.key());
    let content = u64::try_from(TEXT_LENGTH * TEXTS_PER_FOLDER).unwrap_or(u64::MAX);
    let (begin, before) = (Instant::now(), server.process.processor_seconds()?);
    let mut stream = client::connect(server.address, Origin::default())?;
    stream.write_all(&client::request(server.address, &path, "Connection: close\r\n"))?;
    let (head, body) = client::read_head(&mut stream)?;
    let is_archive = head.field("content-disposition").is_some_and(|value| value.contains(work.key()));
    if head.status != 200 || !is_archive {
        return Err(Trouble::Lacks(format!("no {}, status {}", work.key(), head.status)));
    }
    let (mut length, mut tail) = (u64::try_from(body.len()).unwrap_or(0), body);
    let mut block = vec![0; client::BLOCK];
    loop {
        let read = stream.read(&mut block)?;
        if read == 0 {
            break;
        }
        if begin.elapsed() > ARCHIVE_PATIENCE {
            return Err(failed(format!("not complete within {ARCHIVE_PATIENCE:?}")).into());
        }
        length += u64::try_from(read).unwrap_or(0);
        tail.drain(..tail.len().saturating_sub(LAST_CHUNK.len()));
        tail.extend_from_slice(block.get(read.saturating_sub(LAST_CHUNK.len())..read).unwrap_or_default());
    }
    let (seconds, cost) = (begin.elapsed().as_secs_f64(), server.process.processor_seconds()? - before);
    let is_complete = match head.length() {
        Some(announced) => announced == length,
        None => tail.ends_with(LAST_CHUNK),
    };
    let least = if work == Work::TarGz { content / 10 } else { content };
    if !is_complete || length < least {
        return Err(failed(format!("the archive ended after {length} bytes")).into());
    }
    let megabytes = count(content) / 1e6;
    let values = vec![(Quantity::ContentRate, megabytes / seconds), (Quantity::ContentRatePerCore, megabytes / cost)];
    Ok(Sample { values, notes: Vec::new() })
}
