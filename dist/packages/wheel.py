"""Writes a wheel (PEP 427): a zip with a list of digests."""

import base64
import hashlib

from release import HERE, LICENSE, LICENSES, SUMMARY, zipped
from targets import glibc


def tag(release):
    """The tag of the platform. PEP 600 names the version of glibc that the program needs."""
    name = release.target.wheel
    if not name.startswith("manylinux_"):
        return name
    major, minor = glibc(release.program)
    return name.replace("manylinux_", f"manylinux_{major}_{minor}_")


def metadata(release):
    headers = [
        "Metadata-Version: 2.4",
        "Name: glasshouse-server",
        f"Version: {release.version}",
        f"Summary: {SUMMARY}",
        f"Project-URL: Repository, {release.repository}",
        f"License-Expression: {LICENSE}",
        *[f"License-File: {name}" for name in LICENSES],
        "Requires-Python: >=3.8",
        "Description-Content-Type: text/markdown",
    ]
    return ("\n".join(headers) + "\n\n").encode() + release.document("README.md")


def write(release):
    name = f"glasshouse_server-{release.version}"
    info, data = f"{name}.dist-info", f"{name}.data"
    tags = f"py3-none-{tag(release)}"
    wheel_file = ["Wheel-Version: 1.0", "Generator: glasshouse", "Root-Is-Purelib: false", f"Tag: {tags}"]
    modules = sorted(HERE.glob("python/glasshouse/*.py"))
    files = [(f"glasshouse/{file.name}", file.read_bytes(), 0o644) for file in modules]
    files += [(f"{data}/scripts/{release.target.program}", release.program.read_bytes(), 0o755)]
    if not release.target.windows:
        # pip installs them below the prefix: in /usr/local/share or ~/.local/share, where man and shells look.
        files += release.manuals(f"{data}/data/share/man/man1/") + release.share(f"{data}/data/share/")
    files += release.licenses(f"{info}/licenses/") + release.sbom(f"{info}/sboms/")
    files += [(f"{info}/WHEEL", ("\n".join(wheel_file) + "\n").encode(), 0o644)]
    files += [(f"{info}/METADATA", metadata(release), 0o644)]
    record = []
    for path, content, _ in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record.append(f"{path},sha256={digest},{len(content)}")
    record.append(f"{info}/RECORD,,")
    files.append((f"{info}/RECORD", ("\n".join(record) + "\n").encode(), 0o644))
    zipped(release.out / f"{name}-{tags}.whl", files)
