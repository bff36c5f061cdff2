#!/usr/bin/env -S python3 -B
"""Checks that Ctrl-C in a terminal ends a server once: it finishes the response in progress.

    dist/packages/interrupt.py DIRECTORY COMMAND…

The terminal sends SIGINT to the server and to its launcher. A second signal would abort the response.
"""

import os
import pty
import re
import signal
import socket
import sys
from pathlib import Path

# For the whole check.
TIMEOUT_SECONDS = 60
# So long that the server still sends it when the signals have arrived.
LENGTH = 1 << 30


def text_until(terminal, pattern):
    """What the terminal shows, until it matches."""
    text = ""
    while not (found := re.search(pattern, text)):
        try:
            text += os.read(terminal, 4096).decode(errors="replace")
        except OSError:
            sys.exit(f"dist/packages/interrupt.py: the server ended and wrote no {pattern!r}: {text}")
    return found


def too_late(*_):
    sys.exit(f"dist/packages/interrupt.py: no end within {TIMEOUT_SECONDS} seconds")


def main(directory, *command):
    file = Path(directory) / "long.bin"
    with file.open("wb") as content:
        content.truncate(LENGTH)
    file.chmod(0o644)
    process, terminal = pty.fork()
    if process == 0:
        os.execvp(command[0], command)
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(TIMEOUT_SECONDS)
    port = int(text_until(terminal, r"http://127\.0\.0\.1:(\d+)/")[1])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /long.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = len(client.recv(1 << 16))
        os.write(terminal, b"\x03")
        text_until(terminal, "exiting")
        try:
            while block := client.recv(1 << 20):
                received += len(block)
        except ConnectionResetError:
            pass
    file.unlink()
    if received < LENGTH:
        sys.exit(f"dist/packages/interrupt.py: the server aborted the response: {' '.join(command)}")
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if code:
        sys.exit(f"dist/packages/interrupt.py: the server ended with {code}: {' '.join(command)}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
