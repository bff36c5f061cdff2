"""Stock `wasmtime serve`, in three versions."""

import re
from contextlib import contextmanager

import tools
from hosts import Host
from process import Program

NO_HOST = "wasmtime's `wasi:http` 0.2 answers a request without an authority with 500 before the handler gets it"


def host(major, wasi):
    @contextmanager
    def serve(work, directory, options):
        command = [tools.wasmtime(major), "serve", "-Scli", "--addr", "127.0.0.1:0", "--dir", f"{directory}::/"]
        for name, value in options.items():
            command += ["--env", f"{name}={value}"]
        log = work.fresh(f"wasmtime-{major}-{wasi}") / "log"
        with Program(log, *command, work.handlers[wasi]) as program:
            address = program.wait(lambda: re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text()))
            yield int(address[1])

    return Host(
        name=f"wasmtime {major}",
        wasi=wasi,
        versions=lambda: tools.run(tools.wasmtime(major), "--version").split()[1],
        serve=serve,
        commands=f"wasmtime serve -Scli --dir site::/ --env GLASSHOUSE_CLEAN_URLS=1 handler-{wasi}.wasm",
        known={"HTTP/1.0 without Host": NO_HOST} if wasi == "p2" else {},
        in_ci=True,
    )


# Version 36 is the oldest with support, and the one of runwasi. WASI 0.3 needs 46.
HOSTS = [host(36, "p2"), host(46, "p2"), host(46, "p3"), host(49, "p2"), host(49, "p3")]
