#!/usr/bin/env -S python3 -B
"""Checks that a command serves a directory, and that SIGTERM ends it.

    dist/packages/serves.py DIRECTORY COMMAND…
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

# An emulator compiles the program while it runs.
START_SECONDS = 300
RESPONSE_SECONDS = 60
CONTENT = b"from inside\n"


def serves(directory, command, environment=None, exit_code=0):
    """Starts the command, which must serve the directory at an address that its first line names. `exit_code` is that
    after SIGTERM."""
    file = Path(directory) / "hello.txt"
    file.write_bytes(CONTENT)
    file.chmod(0o644)
    command = [str(word) for word in command]
    with tempfile.TemporaryFile() as log:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **(environment or {})},
        ) as process:
            try:
                error = error_of(process, exit_code)
            finally:
                process.kill()
        if error:
            log.seek(0)
            sys.exit(f"dist/packages/serves.py: {error}: {' '.join(command)}\n{log.read().decode(errors='replace')}")


def error_of(process, exit_code):
    """The reason why the process does not serve or does not end, or None."""
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    banner = process.stdout.readline().decode(errors="replace")
    timer.cancel()
    address = re.search(r"http://[^/]*/", banner)
    if not address:
        return "the server did not start"
    try:
        # A proxy of the user does not reach the loopback.
        with build_opener(ProxyHandler({})).open(address[0] + "hello.txt", timeout=RESPONSE_SECONDS) as response:
            content = response.read()
    except OSError as error:
        return f"no response from {address[0]}: {error}"
    if content != CONTENT:
        return f"another content from {address[0]}"
    process.terminate()
    try:
        code = process.wait(RESPONSE_SECONDS)
    except subprocess.TimeoutExpired:
        return "SIGTERM does not end the server"
    return None if code == exit_code else f"the server ended with {code} on SIGTERM"


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    serves(sys.argv[1], sys.argv[2:])
