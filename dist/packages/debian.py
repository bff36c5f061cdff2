"""Writes a package for Debian (deb(5)): an `ar` archive of two tarballs, for any architecture."""

import hashlib
import lzma
import os

from release import EPOCH, ROOT, compressed, tarball
from targets import glibc, needed

DOC = "usr/share/doc/glasshouse"
# The packages of the libraries that a program may need, with the first version that has the symbols. glibc is first.
LIBRARIES = {"libgcc_s.so.1": "libgcc-s1 (>= 4.2)"}
GLIBC = ("libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1")
MAINTAINER = os.environ.get("DIST_MAINTAINER", "The glasshouse authors")
DESCRIPTION = """\
Serves one directory over HTTP, read-only, from inside a sandbox
 The code that reads requests and files is a WebAssembly component. It can read
 the served directory and do nothing else: no write, no socket, no other file."""


def depends(program):
    major, minor = glibc(program)
    packages = [f"libc6 (>= {major}.{minor})"]
    for library in needed(program):
        if library not in GLIBC:
            packages.append(LIBRARIES[library])
    return ", ".join(sorted(set(packages)))


def data(release):
    """The files of the package, sorted by path."""
    completions = {"_glasshouse": "zsh/vendor-completions/_glasshouse"}
    completions["glasshouse.bash"] = "bash-completion/completions/glasshouse"
    completions["glasshouse.fish"] = "fish/vendor_completions.d/glasshouse.fish"
    files = [("usr/bin/glasshouse", release.program.read_bytes(), 0o755)]
    manuals = release.manuals("usr/share/man/man1/")
    files += [(f"{name}.gz", compressed(page), mode) for name, page, mode in manuals]
    files += release.share("usr/share/", completions)
    docs = [ROOT / name for name in ("README.md", "SECURITY.md", "CHANGELOG.md")]
    files += [(f"{DOC}/{file.name}", file.read_bytes(), 0o644) for file in docs]
    for pattern in ("*.md", "*.png", "listing.schema.json"):
        files += [(f"{DOC}/docs/{file.name}", file.read_bytes(), 0o644) for file in (ROOT / "docs").glob(pattern)]
    for unit in ("glasshouse.service", "glasshouse.socket"):
        files.append((f"usr/lib/systemd/system/{unit}", (ROOT / "dist" / unit).read_bytes(), 0o644))
    copyright_file = "Copyright: 2026, The glasshouse authors\nLicense: MIT OR Apache-2.0\n\n"
    copyright_file += (ROOT / "LICENSE-MIT").read_text()
    copyright_file += "\nThe Apache License is in LICENSE-APACHE. The licences of other code are in THIRD-PARTY.html.\n"
    files.append((f"{DOC}/copyright", copyright_file.encode(), 0o644))
    return sorted(files + release.licenses(f"{DOC}/") + release.sbom(f"{DOC}/"))


def control(release, files):
    size = sum(len(content) for _, content, _ in files)
    fields = {
        "Package": "glasshouse",
        "Version": f"{release.version}-1",
        "Architecture": release.target.debian,
        "Maintainer": MAINTAINER,
        "Installed-Size": -(-size // 1024),
        "Depends": depends(release.program),
        "Section": "web",
        "Priority": "optional",
        "Homepage": release.repository,
        "Description": DESCRIPTION,
    }
    sums = "".join(f"{hashlib.md5(content).hexdigest()}  {name}\n" for name, content, _ in files)
    text = "".join(f"{name}: {value}\n" for name, value in fields.items())
    return [("control", text.encode(), 0o644), ("md5sums", sums.encode(), 0o644)]


def write(release):
    files = data(release)
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": lzma.compress(tarball(control(release, files), directories=True), preset=6),
        "data.tar.xz": lzma.compress(tarball(files, directories=True), preset=6),
    }
    archive = b"!<arch>\n"
    for name, content in members.items():
        archive += f"{name:<16}{EPOCH:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        archive += content + b"\n" * (len(content) % 2)
    path = release.out / f"glasshouse_{release.version}-1_{release.target.debian}.deb"
    path.write_bytes(archive)
