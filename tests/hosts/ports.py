"""The program for other targets, as `tests/ports` builds it: in an emulator if the processor or the system differs."""

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Callable

import probes
import tools
import windows
from hosts import Host
from process import Program

# The C library of ARM. A static program does not read it.
QEMU = [os.environ.get("QEMU", "qemu-aarch64-static"), "-L", "/usr/aarch64-linux-gnu"]
# An emulator compiles the program while it runs.
START_SECONDS = 300


@dataclass
class Target:
    """How a program for a target runs here. `shown` is the emulator in the documentation."""

    name: str
    emulator: list = field(default_factory=list)
    shown: str = ""
    # The emulators have no seccomp and no Landlock.
    rights: str = "--no-harden"
    suffix: str = ""
    path: Callable = str
    variables: dict = field(default_factory=dict)
    probes: list = field(default_factory=lambda: probes.PROBES)
    known: dict = field(default_factory=dict)


def in_wine(path):
    """The path of a file for a program of Windows."""
    return "Z:" + str(path).replace("/", "\\")


WINE = {"WINEDEBUG": "-all", "WINEPREFIX": str(tools.TARGET / "wine")}
TARGETS = [
    Target("x86_64-unknown-linux-musl", rights="--require-harden"),
    Target("aarch64-unknown-linux-gnu", QEMU, "qemu-aarch64-static -L /usr/aarch64-linux-gnu"),
    Target("aarch64-unknown-linux-musl", QEMU, "qemu-aarch64-static -L /usr/aarch64-linux-gnu"),
    Target(
        "x86_64-pc-windows-gnu",
        ["wine"],
        "wine",
        suffix=".exe",
        path=in_wine,
        variables=WINE,
        probes=probes.PROBES + windows.PROBES,
        known=windows.KNOWN,
    ),
]


def host(target):
    name = f"glasshouse{target.suffix}"
    program = tools.TARGET / target.name / "debug" / name

    def command():
        if not program.exists():
            raise tools.Missing(f"{program} is missing; run tests/ports")
        return [*([tools.system(target.emulator[0]), *target.emulator[1:]] if target.emulator else []), program]

    def versions():
        version = tools.run(*command(), "--version", env={**os.environ, **target.variables}).split()[1]
        if not target.emulator:
            return version
        emulator = tools.run(target.emulator[0], "--version").split("(")[0]
        return f"{version}, {target.shown.split()[0]} {re.search(r'[0-9]+[.][0-9.]*', emulator)[0]}"

    @contextmanager
    def serve(work, directory, options):
        log = work.fresh(target.name) / "log"
        own = ["0", "-b", "127.0.0.1", "--host", "*", "-d", target.path(directory), target.rights, "--threads", "2"]
        with Program(log, *command(), *own, environment={**options, **target.variables}) as running:
            find = lambda: re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
            yield int(running.wait(find, START_SECONDS)[1])

    shown = f"target/{target.name}/debug/{name} 0 -b 127.0.0.1 --host '*' -d site {target.rights}"
    return Host(
        name=target.name,
        wasi="",
        versions=versions,
        serve=serve,
        commands=f"{target.shown} \\\n  {shown}" if target.shown else shown,
        probes=target.probes,
        known=target.known,
    )


HOSTS = [host(target) for target in TARGETS]
