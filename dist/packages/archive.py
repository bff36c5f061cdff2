"""Writes an archive with the program, its manual pages and completions: a zip for Windows, a tarball for others."""

from release import compressed, tarball, zipped


def write(release):
    name = f"glasshouse-{release.version}-{release.target.triple}"
    files = [(f"{name}/{release.target.program}", release.program.read_bytes(), 0o755)]
    if not release.target.windows:
        files += release.manuals(f"{name}/man/")
    files += release.completions(f"{name}/completions/")
    for file in ("README.md", "CHANGELOG.md", "SECURITY.md"):
        files.append((f"{name}/{file}", release.document(file), 0o644))
    files += release.sbom(f"{name}/") + release.licenses(f"{name}/")
    path = release.out / f"glasshouse-{release.version}-{release.target.archive}"
    if release.target.windows:
        zipped(path, files)
    else:
        path.write_bytes(compressed(tarball(files)))
