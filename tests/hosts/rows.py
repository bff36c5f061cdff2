"""The conformance rows of the black-box tests, sent to a host: those that need no option of their own."""

import json
import os
from pathlib import Path

import tools

TESTS = "conformance::elsewhere::"
# Counted by the first run.
count = 0


# The built tests. Without this variable, cargo builds them.
PROGRAM = os.environ.get("ROWS_PROGRAM")


def ignored(test, **environment):
    """Runs one of the ignored tests."""
    cargo = ["cargo", "test", "-q", "--release", "--locked", "-p", "glasshouse-tests", "--test", "all", "--"]
    variables = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    command = [*([PROGRAM] if PROGRAM else cargo), "--ignored", "--exact", TESTS + test]
    tools.run(*command, cwd=tools.REPOSITORY, env=variables)


def write(directory):
    """Writes the tree of the rows, and returns its root."""
    ignored("tree_is_written", ROWS_DIRECTORY=directory)
    return directory / "www"


def run(port, directory):
    """Sends the rows. Returns the missed ones, each with what was wrong."""
    global count
    result = Path(directory) / "result.json"
    ignored("rows_elsewhere", ROWS_ADDRESS=f"127.0.0.1:{port}", ROWS_RESULT=result)
    outcome = json.loads(result.read_text())
    count = outcome["total"]
    return {name: " ".join(text.split())[:400] for name, text in outcome["missed"].items()}


def total():
    return count
