"""Our container image in podman, hardened as a cluster would run it, and Kubernetes manifests in `podman kube play`."""

import json
import os
from contextlib import contextmanager

import tools
from hosts import Host
from process import Program, accepts, free_port

# Only what a machine without the right to raise limits (CAP_SYS_RESOURCE) needs. Debian's crun supports no cgroups v1.
CONFIG = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
"""


class Podman:
    """podman with a storage of its own."""

    def __init__(self, directory):
        self.directory = directory
        (directory / "containers.conf").write_text(CONFIG)
        self.environment = {"CONTAINERS_CONF": str(directory / "containers.conf")}
        places = ["--root", directory / "storage", "--runroot", directory / "run", "--storage-driver", "vfs"]
        self.command = [tools.system("podman"), *places, "--cgroup-manager", "cgroupfs"]

    def run(self, *arguments):
        return tools.run(*self.command, *arguments, env={**os.environ, **self.environment})


def image(work):
    """Returns the archive of the image of `make dist`, built from the program."""
    archive = work.directory / "image.tar"
    if not archive.exists():
        version = tools.run(work.program, "--version").split()[1]
        tools.run(tools.REPOSITORY / "dist" / "image", work.program, version, archive)
    return archive


@contextmanager
def loaded(work):
    """Yields podman and the name of the loaded image."""
    podman = Podman(work.fresh("podman"))
    if os.geteuid() != 0:
        raise tools.Missing("podman with a storage of its own needs root here")
    podman.run("load", "-q", "-i", image(work))
    name = json.loads(podman.run("images", "--format", "json"))[0]["Names"][0]
    try:
        yield podman, name
    finally:
        podman.run("rm", "--all", "--force", "--time", "5")


@contextmanager
def serve(work, directory, options):
    with loaded(work) as (podman, name):
        port = free_port()
        rights = ["--read-only", "--cap-drop=all", "--security-opt", "no-new-privileges", "--network", "host"]
        volume = ["-v", f"{directory}:/srv:ro"]
        variables = [word for pair in options.items() for word in ("--env", "=".join(pair))]
        own = [port, "-b", "127.0.0.1", "--require-harden"]
        command = [*podman.command, "run", "--rm", *rights, *volume, *variables, name, *own]
        log = podman.directory / "log"
        with Program(log, *command, environment=podman.environment) as program:
            program.wait(lambda: accepts(port))
            yield port


def version():
    return tools.run(tools.system("podman"), "--version").split()[2]


COMMANDS = """\
podman load -i target/dist/glasshouse-*.image.tar
podman run --read-only --cap-drop=all --security-opt no-new-privileges --network host -v "$PWD/site":/srv:ro \\
  glasshouse:0.1.0 8000 -b 127.0.0.1 --require-harden"""

HOSTS = [Host("the image in podman", "", version, serve, COMMANDS)]
