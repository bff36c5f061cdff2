//! Ranges, RFC 9110 14. `/bytes.bin` holds every byte once, in order: the byte at position N is N.

use super::{Ask, BodyCheck::*, ROW, Row, Want::*, get, with};
use crate::support::fixture::ALL_BYTES;

/// A range that is answered with a part.
macro_rules! part {
    ($id:literal, $range:literal, $first:literal, $last:literal) => {
        Row {
            id: $id,
            ask: with("/bytes.bin", &[("Range", $range)]),
            status: 206,
            fields: &[
                ("content-range", Is(concat!("bytes ", $first, "-", $last, "/256"))),
                ("content-type", Is("application/octet-stream")),
                ("accept-ranges", Is("bytes")),
                ("etag", Is("\"100-5e0d5da5.23c34600\"")),
            ],
            body: &[Bytes(ALL_BYTES.split_at($last + 1).0.split_at($first).1)],
            ..ROW
        }
    };
}

/// A range that does not count.
macro_rules! whole {
    ($id:literal, $range:literal) => {
        Row {
            id: $id,
            ask: with("/bytes.bin", &[("Range", $range)]),
            fields: &[("content-range", Absent), ("content-length", Is("256")), ("accept-ranges", Is("bytes"))],
            body: &[Bytes(ALL_BYTES)],
            ..ROW
        }
    };
}

/// A range that the file does not reach.
macro_rules! beyond {
    ($id:literal, $target:literal, $range:literal, $has:literal) => {
        Row {
            id: $id,
            ask: with($target, &[("Range", $range)]),
            status: 416,
            fields: &[("content-range", Is($has)), ("accept-ranges", Is("bytes"))],
            body: &[Has("<p>Error code: 416</p>")],
            ..ROW
        }
    };
}

/// A range that is asked for with HEAD, for which there are none (RFC 9110 14.2).
macro_rules! head {
    ($id:literal, $target:literal, $length:literal, $fields:expr) => {
        Row {
            id: $id,
            ask: Ask { method: "HEAD", target: $target, fields: $fields },
            fields: &[("content-length", Is($length)), ("content-range", Absent), ("accept-ranges", Is("bytes"))],
            body: &[Bytes(b"")],
            ..ROW
        }
    };
}

pub const ROWS: &[Row] = &[
    head!("Range with HEAD", "/bytes.bin", "256", &[("Range", "bytes=1-2")]),
    head!("Ranges with HEAD", "/bytes.bin", "256", &[("Range", "bytes=0-0,128-128")]),
    head!("Range beyond with HEAD", "/bytes.bin", "256", &[("Range", "bytes=256-")]),
    head!("Range of an empty file with HEAD", "/empty.txt", "0", &[("Range", "bytes=0-1")]),
    head!("Range and If-Range with HEAD", "/hello.txt", "6", &[("Range", "bytes=0-1"), ("If-Range", "\"x\"")]),
    Row {
        id: "Range with HEAD of content that is encoded on the way",
        ask: Ask {
            method: "HEAD",
            target: "/enc/big.txt",
            fields: &[("Range", "bytes=0-1"), ("Accept-Encoding", "gzip")],
        },
        options: &[("GLASSHOUSE_COMPRESS", "1")],
        fields: &[("content-encoding", Is("gzip")), ("content-range", Absent), ("content-length", Absent)],
        body: &[Bytes(b"")],
        ..ROW
    },
    Row { id: "Accept-Ranges", ask: get("/bytes.bin"), fields: &[("accept-ranges", Is("bytes"))], ..ROW },
    part!("Range both ends", "bytes=0-1", 0, 1),
    part!("Range one byte", "bytes=0-0", 0, 0),
    part!("Range unit in capitals", "BYTES=0-1", 0, 1),
    part!("Range with spaces", "bytes= 0-1 , ", 0, 1),
    part!("Range open", "bytes=250-", 250, 255),
    part!("Range past the end", "bytes=250-1000", 250, 255),
    part!("Range of the last", "bytes=-6", 250, 255),
    part!("Range of more than there is", "bytes=-1000", 0, 255),
    part!("Range beyond 2^64", "bytes=250-99999999999999999999999", 250, 255),
    part!("Ranges that overlap", "bytes=0-10,5-20", 0, 20),
    part!("Ranges that touch", "bytes=0-10,11-20", 0, 20),
    part!("Ranges of which one is there", "bytes=0-1,300-400", 0, 1),
    Row {
        id: "Ranges in the order asked for",
        ask: with("/bytes.bin", &[("Range", "bytes=254-255,0-1,-100")]),
        status: 206,
        fields: &[("content-range", Absent), ("accept-ranges", Is("bytes"))],
        body: &[Parts(&[("bytes 156-255/256", ALL_BYTES.split_at(156).1), ("bytes 0-1/256", ALL_BYTES.split_at(2).0)])],
        ..ROW
    },
    Row {
        id: "Ranges apart",
        ask: with("/bytes.bin", &[("Range", "bytes=0-0,128-128,255-255")]),
        status: 206,
        body: &[Parts(&[("bytes 0-0/256", &[0]), ("bytes 128-128/256", &[128]), ("bytes 255-255/256", &[255])])],
        ..ROW
    },
    whole!("Range of another unit", "items=0-1"),
    whole!("Range with a sign", "bytes=+0-1"),
    whole!("Range backwards", "bytes=5-1"),
    whole!("Range of words", "bytes=a-b"),
    whole!("Range of nothing", "bytes="),
    whole!("Range without unit", "0-1"),
    whole!("CVE-2017-7529", "bytes=-17208,-9223372036854758792"),
    whole!("CVE-2011-3192 more than the file", "bytes=0-,0-,0-,0-,0-,0-"),
    whole!(
        "CVE-2011-3192 more than a hundred",
        "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30,32-32,34-34,36-36,\
         38-38,40-40,42-42,44-44,46-46,48-48,50-50,52-52,54-54,56-56,58-58,60-60,62-62,64-64,66-66,68-68,70-70,72-72,\
         74-74,76-76,78-78,80-80,82-82,84-84,86-86,88-88,90-90,92-92,94-94,96-96,98-98,100-100,102-102,104-104,106-106,\
         108-108,110-110,112-112,114-114,116-116,118-118,120-120,122-122,124-124,126-126,128-128,130-130,132-132,134-134,\
         136-136,138-138,140-140,142-142,144-144,146-146,148-148,150-150,152-152,154-154,156-156,158-158,160-160,162-162,\
         164-164,166-166,168-168,170-170,172-172,174-174,176-176,178-178,180-180,182-182,184-184,186-186,188-188,190-190,\
         192-192,194-194,196-196,198-198,200-200"
    ),
    Row {
        id: "Range sent twice",
        ask: with("/bytes.bin", &[("Range", "bytes=0-1"), ("Range", "bytes=2-3")]),
        body: &[Bytes(ALL_BYTES)],
        ..ROW
    },
    beyond!("Range beyond", "/bytes.bin", "bytes=256-", "bytes */256"),
    beyond!("Range beyond with an end", "/bytes.bin", "bytes=1000-2000", "bytes */256"),
    beyond!("Range of the last none", "/bytes.bin", "bytes=-0", "bytes */256"),
    beyond!("Range of an empty file", "/empty.txt", "bytes=0-1", "bytes */0"),
    Row {
        id: "Range of the last of an empty file",
        ask: with("/empty.txt", &[("Range", "bytes=-5")]),
        fields: &[("content-length", Is("0"))],
        ..ROW
    },
    Row { id: "Range of a listing", ask: with("/sub/", &[("Range", "bytes=0-1")]), ..ROW },
    Row { id: "Range of nothing there", ask: with("/none", &[("Range", "bytes=0-1")]), status: 404, ..ROW },
    Row {
        id: "Range of an index",
        ask: with("/withidx/", &[("Range", "bytes=0-2")]),
        status: 206,
        fields: &[("content-range", Is("bytes 0-2/7"))],
        body: &[Bytes(b"<p>")],
        ..ROW
    },
];
