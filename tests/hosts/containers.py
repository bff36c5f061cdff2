"""Our container image in podman and in Docker, with the rights that a cluster would give it."""

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


class Engine:
    """The command of a container engine with a storage of its own."""

    def __init__(self, directory, command, environment):
        self.directory, self.command, self.environment = directory, command, environment

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
def podman(work):
    """Yields podman and the name of the loaded image."""
    program, directory = tools.system("podman"), root_directory(work, "podman")
    (directory / "containers.conf").write_text(CONFIG)
    places = ["--root", directory / "storage", "--runroot", directory / "run", "--storage-driver", "vfs"]
    variables = {"CONTAINERS_CONF": str(directory / "containers.conf")}
    engine = Engine(directory, [program, *places, "--cgroup-manager", "cgroupfs"], variables)
    engine.run("load", "-q", "-i", image(work))
    try:
        yield engine, json.loads(engine.run("images", "--format", "json"))[0]["Names"][0]
    finally:
        engine.run("rm", "--all", "--force", "--time", "5")


@contextmanager
def docker(work):
    """Yields Docker and the name of the loaded image."""
    programs, directory = [tools.system("dockerd"), tools.system("docker")], root_directory(work, "docker")
    socket = f"unix://{directory}/socket"
    places = ["--data-root", directory / "data", "--exec-root", directory / "exec", "--pidfile", directory / "pid"]
    engine = Engine(directory, [programs[1], "-H", socket], {})
    isolated = ["--bridge", "none", "--iptables=false"]
    with Program(directory / "log", programs[0], *isolated, *places, "-H", socket) as daemon:
        daemon.wait(lambda: (directory / "socket").exists())
        engine.run("load", "-q", "-i", image(work))
        yield engine, engine.run("images", "--format", "{{.Repository}}:{{.Tag}}").strip()


def root_directory(work, name):
    if os.geteuid() != 0:
        raise tools.Missing(f"{name} with a storage of its own needs root")
    return work.fresh(name)


def host(name, loaded, version):
    @contextmanager
    def serve(work, directory, options):
        with loaded(work) as (engine, image):
            port = free_port()
            rights = ["--read-only", "--cap-drop=all", "--security-opt", "no-new-privileges", "--network", "host"]
            variables = [word for pair in options.items() for word in ("--env", "=".join(pair))]
            volume, own = ["-v", f"{directory}:/srv:ro"], [port, "-b", "127.0.0.1", "--host", "*", "--require-harden"]
            command = [*engine.command, "run", "--rm", *rights, *volume, *variables, image, *own]
            with Program(engine.directory / "run.log", *command, environment=engine.environment) as program:
                program.wait(lambda: accepts(port))
                yield port

    return Host(f"the image in {name}", "", version, serve, COMMANDS.replace("podman", name.lower()))


def podman_version():
    return tools.run(tools.system("podman"), "--version").split()[2]


def docker_version():
    return tools.run(tools.system("docker"), "--version").split()[2].rstrip(",")


COMMANDS = """\
podman load -i target/dist/glasshouse-*.image.tar
podman run --read-only --cap-drop=all --security-opt no-new-privileges --network host -v "$PWD/site":/srv:ro \\
  glasshouse:0.1.0 8000 -b 127.0.0.1 --require-harden"""

HOSTS = [host("podman", podman, podman_version), host("Docker", docker, docker_version)]
