"""Writes the directory that the probes request."""

import gzip
import os
import random

HELLO = b"hello world\n"
TEXT = b"".join(b"line %d of the text\n" % number for number in range(256))
MODIFIED = 1_577_934_245


def write(directory):
    """Writes the site into an empty directory. A secret lies beside it."""
    noise = random.Random(1)
    files = {
        "hello.txt": HELLO,
        "empty.txt": b"",
        "mid.bin": noise.randbytes(200_000),
        "big.bin": noise.randbytes(10_000_000),
        "text5k.txt": TEXT,
        "text5k.txt.gz": gzip.compress(TEXT, 9, mtime=0),
        ".hidden": b"hidden\n",
        "ünï cödé.txt": "ä\n".encode(),
        "sub/index.html": b"<p>sub index\n",
        "sub/a.txt": b"a\n",
    }
    files |= {f"many/file{number}.txt": b"x" for number in range(1, 21)}
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (directory.parent / "secret.txt").write_bytes(b"SECRET\n")
    links = {"link.txt": "hello.txt", "escape": "/etc/passwd", "escape2": "../secret.txt"}
    for name, target in links.items():
        (directory / name).symlink_to(target)
    os.mkfifo(directory / "fifo")
    for name in files:
        os.utime(directory / name, (MODIFIED, MODIFIED))
    return directory
