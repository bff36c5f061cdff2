#!/usr/bin/env python3
"""Writes src/media_type/registered.tsv: the suffixes of registered media types, from npm's mime-db and Debian's media-types.

    npm pack mime-db && tar xzf mime-db-*.tgz          # makes package/
    apt-get install media-types                        # makes /etc/mime.types
    guest/core/registered.py package /etc/mime.types

Only types count that mime-db found in the registry of IANA. Debian's table adds suffixes that mime-db does not list.
"""

import json
import pathlib
import subprocess
import sys

# Suffixes that mime-db lists with two registered types, and the one that is meant.
MEANT = {
    "3gpp": "video/3gpp",
    "ac": "application/pkix-attr-cert",
    "asc": "application/pgp-signature",
    "mp4": "video/mp4",
    "mpg4": "video/mp4",
    "mpp": "application/vnd.ms-project",
    "mts": "video/mp2t",
    "rtf": "application/rtf",
    "sub": "text/vnd.dvb.subtitle",
    "xml": "text/xml",
    "xsl": "application/xml",
}
# Suffixes that Debian's table gives to a format other than the one that is met under them.
NOT_MET = """3dm a afp art ass car cif cml coffee cst dif fla gsheet gsm line list3820 listafp loas m4v mid mlp mod
package pub rct request rst scd sdf sgi sid smv tree vbk vbox win""".split()


def main(package, debian):
    package = pathlib.Path(package)
    types = json.loads((package / "db.json").read_text())
    version = json.loads((package / "package.json").read_text())["version"]
    registered = {name for name, facts in types.items() if facts.get("source") == "iana"}
    rows = {}
    for name in sorted(registered):
        for suffix in types[name].get("extensions", []):
            rows.setdefault(suffix.lower(), []).append(name.lower())
    known = {suffix for facts in types.values() for suffix in facts.get("extensions", [])}
    for line in pathlib.Path(debian).read_text().splitlines():
        name, *suffixes = line.split("#")[0].split() or [""]
        for suffix in (suffix.lower() for suffix in suffixes):
            if name.lower() in registered and "." not in suffix and suffix not in NOT_MET and suffix not in known:
                rows.setdefault(suffix, [name.lower()])
    table = {suffix: MEANT.get(suffix) or names[0] for suffix, names in rows.items()}
    unclear = [suffix for suffix, names in rows.items() if len(set(names)) > 1 and suffix not in MEANT]
    if unclear:
        sys.exit(f"two registered types, add one to MEANT: {unclear}")
    status = ["dpkg-query", "--show", "--showformat=${Version}", "media-types"]
    other = subprocess.run(status, capture_output=True, text=True, check=True).stdout
    lines = [
        "# Suffixes of registered media types. Written by registered.py, which says how; do not edit.",
        f"# From npm's mime-db {version} (MIT, Jonathan Ong and Douglas Christopher Wilson), those of source 'iana',",
        f"# and from Debian's media-types {other} (public domain), those of types that mime-db found registered.",
    ]
    lines += [f"{suffix}\t{table[suffix]}" for suffix in sorted(table)]
    pathlib.Path(__file__).with_name("src").joinpath("kind", "registered.tsv").write_text("\n".join(lines) + "\n")


main(*sys.argv[1:])
