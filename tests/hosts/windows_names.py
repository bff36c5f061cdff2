"""Other names than the one in its directory by which Windows finds a file. None of them may reach the file."""

from probes import Probe, get, status

# The files and the directory of `site_files`.
ALIASES = {
    "another case": "/HELLO.TXT",
    "another case of a directory": "/SUB/a.txt",
    "a dot at the end": "/hello.txt.",
    "a space at the end": "/hello.txt%20",
    "a dot at the end of a directory": "/sub./a.txt",
    "the stream of the content": "/hello.txt::$DATA",
    "the stream of a listing": "/sub::$INDEX_ALLOCATION/a.txt",
    "a stream": "/hello.txt:other",
    "a short name": "/MANYFI~1.TXT",
    "a short name of a hidden file": "/HIDDEN~1",
    "a hidden file in another case": "/.HIDDEN",
    "a hidden file behind its directory": "/sub/..%5c.hidden",
    "a device": "/CON",
    "a device with a suffix": "/NUL.txt",
    "a device in a directory": "/sub/aux",
    "a serial port": "/COM1",
    "a drive": "/C:/windows/win.ini",
    "a drive without a slash": "/C:windows/win.ini",
    "a backslash": "/sub%5ca.txt",
    "parents behind backslashes": "/..%5c..%5csecret.txt",
    "parents behind both": "/..%5c../secret.txt",
    "a share": "/%5c%5clocalhost%5cC$%5cwindows%5cwin.ini",
    "a share with slashes": "//localhost/C$/windows/win.ini",
    "a path of the kernel": "/%5c%3f%3f%5cC:%5cwindows%5cwin.ini",
    "a long path": "/%5c%5c%3f%5cC:%5cwindows%5cwin.ini",
}

# The same files by their own names answer, so an alias is not absent for another reason.
PROBES = [
    Probe("Windows: a name", get("/hello.txt"), status(200)),
    Probe("Windows: a name in a directory", get("/sub/a.txt"), status(200)),
    *[Probe(f"Windows: {title}", get(path), status(400, 404)) for title, path in ALIASES.items()],
]
