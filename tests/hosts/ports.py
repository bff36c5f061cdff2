"""The program for other targets, as `tests/ports` builds it, in an emulator if the processor differs."""

import os
import re
from contextlib import contextmanager

import tools
from hosts import Host
from process import Program

# Whether an emulator runs the program of a target, because its processor differs.
EMULATED = {
    "x86_64-unknown-linux-musl": False,
    "aarch64-unknown-linux-gnu": True,
    "aarch64-unknown-linux-musl": True,
}
EMULATOR = os.environ.get("QEMU", "qemu-aarch64-static")
# The C library of the target. A static program does not read it.
EMULATOR_OPTIONS = ["-L", "/usr/aarch64-linux-gnu"]
# The emulator compiles the program while it runs.
START_SECONDS = 300


def host(target, is_emulated):
    program = tools.TARGET / target / "debug" / "glasshouse"
    # The emulator has no seccomp and no Landlock.
    rights = "--no-harden" if is_emulated else "--require-harden"

    def command():
        if not program.exists():
            raise tools.Missing(f"{program} is missing; run tests/ports")
        return [*([tools.system(EMULATOR), *EMULATOR_OPTIONS] if is_emulated else []), program]

    def versions():
        version = tools.run(*command(), "--version").split()[1]
        return f"{version}, QEMU {tools.run(EMULATOR, '--version').split()[2]}" if is_emulated else version

    @contextmanager
    def serve(work, directory, options):
        log = work.fresh(target) / "log"
        own = ["0", "-b", "127.0.0.1", "--host", "*", "-d", directory, rights, "--threads", "2"]
        with Program(log, *command(), *own, environment=options) as running:
            find = lambda: re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
            yield int(running.wait(find, START_SECONDS)[1])

    emulator = ["qemu-aarch64-static", *EMULATOR_OPTIONS, "\\\n "] if is_emulated else []
    return Host(
        name=target,
        wasi="",
        versions=versions,
        serve=serve,
        commands=" ".join([*emulator, f"target/{target}/debug/glasshouse 0 -b 127.0.0.1 --host '*' -d site {rights}"]),
    )


HOSTS = [host(target, is_emulated) for target, is_emulated in EMULATED.items()]
