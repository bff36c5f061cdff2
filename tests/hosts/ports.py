"""The program for other targets, as `tests/ports` builds it, in an emulator if the processor differs."""

import re
from contextlib import contextmanager

import tools
from hosts import Host
from process import Program

# The target, and the command that runs its program here.
TARGETS = {
    "x86_64-unknown-linux-musl": [],
    "aarch64-unknown-linux-gnu": ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"],
    "aarch64-unknown-linux-musl": ["qemu-aarch64-static"],
}
# The emulator compiles the program while it runs.
START_SECONDS = 300


def host(target, emulator):
    program = tools.REPOSITORY / "target" / target / "debug" / "glasshouse"

    def command():
        if not program.exists():
            raise tools.Missing(f"{program} is missing; run tests/ports")
        return [*([tools.system(emulator[0]), *emulator[1:]] if emulator else []), program]

    @contextmanager
    def serve(work, directory, options):
        log = work.fresh(target) / "log"
        # The emulator has no seccomp and no Landlock.
        own = ["0", "-b", "127.0.0.1", "--host", "*", "-d", directory, "--no-harden", "--threads", "2"]
        with Program(log, *command(), *own, environment=options) as running:
            find = lambda: re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
            yield int(running.wait(find, START_SECONDS)[1])

    return Host(target, "", lambda: tools.run(*command(), "--version").split()[1], serve, "")


HOSTS = [host(target, emulator) for target, emulator in TARGETS.items()]
