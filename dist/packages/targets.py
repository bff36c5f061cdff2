"""The targets of a release, and what their packages are called in each registry."""

import re
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A target of rustc."""

    triple: str
    # The tag of a wheel. That of glibc gets the version which the program needs.
    wheel: str
    # `os`, `cpu` and `libc` of npm.
    npm: tuple[str, str, str | None]
    # The architecture of Debian, of an image and of Homebrew; None where there is no such package.
    debian: str | None = None
    image: str | None = None
    brew: tuple[str, str] | None = None

    @property
    def windows(self):
        return self.npm[0] == "win32"

    @property
    def program(self):
        """The name of the file."""
        return "glasshouse.exe" if self.windows else "glasshouse"

    @property
    def npm_name(self):
        """The name of the package for npm, without its scope."""
        system, cpu, libc = self.npm
        return f"{system}-{cpu}-musl" if libc == "musl" else f"{system}-{cpu}"

    @property
    def archive(self):
        """The end of the name of the archive."""
        return f"{self.triple}.zip" if self.windows else f"{self.triple}.tar.gz"

    def wheels(self, out, version):
        """The paths of its wheels, of any version of glibc."""
        system = self.wheel.replace("manylinux_", "manylinux_*_")
        return list(out.glob(f"glasshouse_server-{version}-py3-none-{system}.whl"))


TARGETS = {
    target.triple: target
    for target in (
        Target(
            "x86_64-unknown-linux-gnu",
            "manylinux_x86_64",
            ("linux", "x64", "glibc"),
            debian="amd64",
            image="amd64",
            brew=("linux", "intel"),
        ),
        Target(
            "aarch64-unknown-linux-gnu",
            "manylinux_aarch64",
            ("linux", "arm64", "glibc"),
            debian="arm64",
            image="arm64",
            brew=("linux", "arm"),
        ),
        Target("x86_64-unknown-linux-musl", "musllinux_1_2_x86_64", ("linux", "x64", "musl"), image="amd64"),
        Target("aarch64-unknown-linux-musl", "musllinux_1_2_aarch64", ("linux", "arm64", "musl"), image="arm64"),
        Target("x86_64-apple-darwin", "macosx_10_12_x86_64", ("darwin", "x64", None), brew=("macos", "intel")),
        Target("aarch64-apple-darwin", "macosx_11_0_arm64", ("darwin", "arm64", None), brew=("macos", "arm")),
        Target("x86_64-pc-windows-gnu", "win_amd64", ("win32", "x64", None)),
    )
}


def target(triple):
    """The target of that name."""
    if triple not in TARGETS:
        sys.exit(f"unknown target {triple}: choose from {', '.join(TARGETS)}")
    return TARGETS[triple]


def elf(program, option):
    """The report of readelf, which reads programs of every architecture."""
    return subprocess.run(["readelf", "--wide", option, program], check=True, capture_output=True, text=True).stdout


def glibc(program):
    """The oldest version of glibc that has all symbols of the program, as (major, minor)."""
    versions = re.findall(r"\bName: GLIBC_(\d+)\.(\d+)", elf(program, "--version-info"))
    if not versions:
        sys.exit(f"{program} uses no glibc: is its target a musl one?")
    return max((int(major), int(minor)) for major, minor in versions)


def needed(program):
    """The names of the shared libraries of a program or a library."""
    return re.findall(r"\(NEEDED\).*\[(.*)\]", elf(program, "--dynamic"))
