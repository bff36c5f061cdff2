"""Runs programs of a test: a log for each, a wait for its readiness, and an end with the test."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

START_SECONDS = 90


def free_port():
    """Returns a port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, ready, seconds=START_SECONDS):
    """Waits until `ready` returns a true value, and returns that value."""
    deadline = time.monotonic() + seconds
    while True:
        if value := ready():
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not ready in {seconds} s")
        time.sleep(0.05)


def accepts(port):
    """Whether a server on the loopback accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class Program:
    """A running program. It ends, with the processes that it started, at the end of the `with` block."""

    def __init__(self, log, *command, environment=None, directory=None):
        self.name, self.log = Path(str(command[0])).name, Path(log)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        # The variables of the caller must not become options of the handler.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GLASSHOUSE_")}
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**inherited, **(environment or {})},
                cwd=directory,
                start_new_session=True,
            )

    def wait(self, ready, seconds=START_SECONDS):
        """Waits until `ready` returns a true value. Fails at once if the program ends."""

        def look():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.tail()}")
            return ready()

        try:
            return wait_for(self.name, look, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self.tail()}") from error

    def wait_for_port(self, port, seconds=START_SECONDS):
        self.wait(lambda: accepts(port), seconds)

    def tail(self):
        """The end of the log."""
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self, grace=10):
        """Asks the program and its children to end, and waits for it."""
        for sent, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 10)):
            try:
                os.killpg(self.process.pid, sent)
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                self.process.wait(seconds)
            break

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()
