"""The files of a release, as the packages contain them."""

import gzip
import io
import os
import re
import tarfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from targets import Target

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SUMMARY = "A file server in place of python -m http.server: fast, and sandboxed in WebAssembly"
LICENSE = "MIT OR Apache-2.0"
LICENSES = ["LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY.html"]
SBOM = "glasshouse.cdx.json"
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
# The directories below `share` where shells look for completions.
COMPLETIONS = {
    "glasshouse.bash": "bash-completion/completions/glasshouse",
    "_glasshouse": "zsh/site-functions/_glasshouse",
    "glasshouse.fish": "fish/vendor_completions.d/glasshouse.fish",
}


@dataclass(frozen=True)
class Release:
    """The files for one target. `stage` has those of all targets, and a directory for each target."""

    target: Target
    version: str
    stage: Path
    out: Path
    repository: str

    @property
    def own(self):
        """The directory with the files of this target."""
        return self.stage / self.target.triple

    @property
    def program(self):
        return self.own / self.target.program

    def document(self, name):
        """The bytes of a Markdown file of the repository, for a package without the other files: its relative links
        lead to the repository."""
        tree = {"": f"{self.repository}/blob/v{self.version}/", "!": f"{self.repository}/raw/v{self.version}/"}
        link = r"(!?)(\[[^\]]*\]\()(?![a-z]+:|#)"
        text = (ROOT / name).read_text()
        return re.sub(link, lambda found: f"{found[0]}{tree[found[1]]}", text).encode()

    def licenses(self, directory):
        """The licences below a directory of a package, each as (name, bytes, mode)."""
        own = {"THIRD-PARTY.html": self.own}
        return [(f"{directory}{name}", (own.get(name, ROOT) / name).read_bytes(), 0o644) for name in LICENSES]

    def sbom(self, directory):
        """The list of the linked crates (CycloneDX)."""
        return [(f"{directory}{SBOM}", (self.own / SBOM).read_bytes(), 0o644)]

    def manuals(self, directory):
        """The manual pages."""
        pages = sorted((self.stage / "man").iterdir())
        return [(f"{directory}{page.name}", page.read_bytes(), 0o644) for page in pages]

    def completions(self, directory):
        """The completions of all shells, in one directory."""
        files = sorted((self.stage / "completions").iterdir())
        return [(f"{directory}{file.name}", file.read_bytes(), 0o644) for file in files]

    def share(self, directory, places=COMPLETIONS):
        """The completions, where shells look for them."""
        completions = self.stage / "completions"
        return [(f"{directory}{place}", (completions / name).read_bytes(), 0o644) for name, place in places.items()]


def tarball(files, directories=False):
    """The bytes of a tar of files, each as (name, bytes, mode). dpkg needs the parent directories too."""
    buffer, seen = io.BytesIO(), set()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content, mode in files:
            parents = [str(parent) for parent in reversed(Path(name).parents)] if directories else []
            for parent in parents:
                if parent not in seen and parent != ".":
                    seen.add(parent)
                    entry = tarfile.TarInfo(f"./{parent}/")
                    entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, EPOCH
                    archive.addfile(entry)
            entry = tarfile.TarInfo(f"./{name}" if directories else name)
            entry.size, entry.mode, entry.mtime = len(content), mode, EPOCH
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def compressed(content):
    """The bytes in gzip, with the time of the release."""
    return gzip.compress(content, 9, mtime=EPOCH)


def zipped(path, files):
    """Writes files, each as (name, bytes, mode), to a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content, mode in files:
            entry = zipfile.ZipInfo(name, time.gmtime(EPOCH)[:6])
            # Of Unix, so that the modes count on every build machine.
            entry.create_system, entry.external_attr = 3, (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content, compresslevel=9)
