"""What differs on Windows: other names of a file, none of which may reach it, and rows that wine does not meet."""

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

WINE = "wine follows links before the program sees them, and shows no links"
NAMES = "Windows has no file with this name"

# What the program for Windows does not meet in wine.
KNOWN = {
    name: reason
    for reason, names in {
        WINE: [
            "absolute link outside",
            "relative link outside",
            "JSON of a link",
            "PY-27 absolute",
            "PY-27 absolute but inside",
            "PY-27 loop",
            "PY-32 letters encoded",
            "PY-33 link outside",
            "PY-36 without regard to case",
            "PY-37 broken link",
            "PY-37 link",
            "PY-37 link to a directory",
            "PY-40 fields",
            "PY-40 not conditional",
            "RUSTSEC-2026-0269 dot behind the link",
            "RUSTSEC-2026-0269 its listing",
            "RUSTSEC-2026-0269 its redirect",
            "RUSTSEC-2026-0269 link that ends in a slash",
            "RUSTSEC-2026-0269 link to a directory",
            "RUSTSEC-2026-0269 link to a file",
            "RUSTSEC-2026-0269 the listing of that",
            "RUSTSEC-2026-0269 without slash",
            "Search below",
            "Selection in a grid",
            "Selection of entries",
            "archive HEAD",
            "archive and dates, which it has not",
            "archive beyond its end",
            "archive from the middle",
            "archive in parts, in its order",
            "archive of another version, whole",
            "archive of links alone",
            "archive tar",
            "archive to its end",
        ],
        NAMES: [
            "CVE-2021-28861 backslash",
            "CVE-2021-28861 encoded backslash",
            "CVE-2021-28861 slash and backslash",
            "Listing for programs that know the titles of others",
            "PY-24 encoded question mark",
            "PY-26 the listing survives",
            "PY-30 encoded",
            "PY-38 backslash followed",
            "PY-39 decoded and escaped",
            "archive of selected entries, as a form sends their names",
            "archive with a name for people",
            "archive with a name that no field holds",
            "markup in a title",
            "response splitting by a name",
        ],
    }.items()
    for name in names
}
