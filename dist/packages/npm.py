"""Writes the packages for npm: one with the launcher, and one with the program for each platform."""

import json

from release import HERE, LICENSE, SUMMARY, compressed, tarball
from targets import TARGETS

SCOPE = "@glasshouse-server"


def manifest(release, **fields):
    common = {
        "version": release.version,
        "description": SUMMARY,
        "license": LICENSE,
        "repository": {"type": "git", "url": f"git+{release.repository}.git"},
    }
    value = {"name": fields.pop("name"), **common, **fields}
    return [("package/package.json", (json.dumps(value, indent=2) + "\n").encode(), 0o644)]


def write(release):
    """Writes the package with the program of one target."""
    system, cpu, libc = release.target.npm
    name = release.target.npm_name
    only = {"os": [system], "cpu": [cpu], **({"libc": [libc]} if libc else {})}
    files = manifest(release, name=f"{SCOPE}/{name}", **only)
    files += [(f"package/bin/{release.target.program}", release.program.read_bytes(), 0o755)]
    files += release.sbom("package/") + release.licenses("package/")
    (release.out / f"glasshouse-server-{name}-{release.version}.tgz").write_bytes(compressed(tarball(files)))


def write_launcher(release):
    """Writes the package with the launcher. It names the packages of all targets, also of those not built now."""
    pages = release.manuals("man/")
    fields = {
        "bin": {"glasshouse": "glasshouse.js", "glasshouse-server": "glasshouse.js"},
        # npm links them into the directory of manuals with `--global`.
        "man": [f"./{name}" for name, _, _ in pages],
        "engines": {"node": ">=16"},
        "optionalDependencies": {f"{SCOPE}/{target.npm_name}": release.version for target in TARGETS.values()},
    }
    files = manifest(release, name="glasshouse-server", **fields)
    files += [
        ("package/README.md", release.document("README.md"), 0o644),
        ("package/glasshouse.js", (HERE / "npm/glasshouse.js").read_bytes(), 0o755),
    ]
    files += release.manuals("package/man/") + release.completions("package/completions/")
    # It contains no crate. The licences of these are in the packages of the targets.
    files += [file for file in release.licenses("package/") if "THIRD-PARTY" not in file[0]]
    (release.out / f"glasshouse-server-{release.version}.tgz").write_bytes(compressed(tarball(files)))
