"""OCI artifacts of components, as the program writes them: to a registry, back, and into a host."""

import json

import stock_wasmtime
import tools
from probes import Client
from registry import registry


def archive(work, wasi):
    """Returns the OCI archive of a handler."""
    file = work.directory / f"handler-{wasi}.oci.tar"
    if not file.exists():
        version = ["--p2"] if wasi == "p2" else []
        tools.run(work.program, "handler", *version, "--oci", "-o", file)
    return file


def packed(work, site):
    """Returns the OCI archive of a packed site."""
    file = work.fresh("packed") / "site.oci.tar"
    tools.run(work.program, "pack", site, "--oci", "-o", file)
    return file


def pushed_and_pulled(work):
    """OCI artifact: pushed with skopeo, pulled with skopeo and wash, compared and run"""
    directory = work.fresh("oci")
    site = directory / "site"
    site.mkdir()
    (site / "hello.txt").write_text("hello\n")
    with registry(directory) as images:
        for wasi in ("p3", "p2"):
            reference = images.push(archive(work, wasi), f"glasshouse/handler:{wasi}")
            images.pull(reference, directory / wasi)
            manifest = json.loads((directory / wasi / "manifest.json").read_text())
            config, layers = manifest["config"], manifest["layers"]
            assert config["mediaType"] == "application/vnd.wasm.config.v0+json", config
            assert [layer["mediaType"] for layer in layers] == ["application/wasm"], layers
            by_wash = directory / f"{wasi}.wasm"
            wash = [tools.python() / "wash", "--non-interactive", "oci", "pull", "--insecure"]
            tools.run(*wash, reference, by_wash, cwd=directory)
            layer = directory / wasi / layers[0]["digest"].removeprefix("sha256:")
            for pulled in (layer, by_wash):
                assert pulled.read_bytes() == work.handlers[wasi].read_bytes(), f"{pulled.name} has other bytes"
            pulled_work = type(work)(work.program, {wasi: by_wash}, work.fresh("pulled"))
            with stock_wasmtime.host(49, wasi).serving(pulled_work, site, {}) as port:
                assert Client(port, site).get("/hello.txt").body == b"hello\n"
    return "both handlers"


CHECKS = [pushed_and_pulled]
