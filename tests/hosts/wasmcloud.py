"""wasmCloud: `wash dev`, and a lattice of two `wash host` with NATS and an OCI registry, as in production."""

import asyncio
import http.client
import json
import re
from contextlib import contextmanager

import oci
import tools
from hosts import Host
from probes import HOST, Client
from process import Program, free_port
from registry import registry

# The interface of each version of WASI that a host forwards requests to.
INTERFACES = {"p3": "handler", "p2": "incoming-handler"}
NO_HOST_DEV = "wasmtime's `wasi:http` 0.2 answers a request without an authority with 500"
NO_HOST = "a host selects the workload by `Host`, and answers 400 without one"
# The rows whose target is `http://other/…`.
ABSOLUTE = ["PY-24 absolute form", "PY-24 absolute form without a path"]
OTHER_HOST = "the authority of the target selects the workload, and it differs from `Host`: 400"


def version():
    return tools.run(tools.python() / "wash", "--version").split()[1]


DEV = """\
build: {{command: "true", component_path: {component}}}
dev:
  command: "true"
  component_path: {component}
  address: 127.0.0.1:{port}
  volumes: [{{host_path: {site}, guest_path: /}}]
workload: {{environment: {{config: {options}}}}}
"""


@contextmanager
def dev(work, directory, options, wasi):
    """`wash dev`. Its volumes are read-write."""
    project, port = work.fresh(f"wash-dev-{wasi}"), free_port()
    (project / ".wash").mkdir()
    texts = {"component": work.handlers[wasi], "port": port, "site": directory, "options": json.dumps(options)}
    (project / ".wash" / "config.yaml").write_text(DEV.format(**texts))
    command = [tools.python() / "wash", "--non-interactive", "dev"]
    with Program(project / "log", *command, directory=project) as program:
        # It listens before it has a workload, and answers 404.
        program.wait(lambda: serves(port))
        yield port


def serves(port):
    try:
        return Client(port, None).get("/").status == 200
    except (OSError, http.client.HTTPException):
        return False


class Cluster:
    """NATS, a registry and hosts. The hosts get their workloads over NATS, as the operator of wasmCloud sends them."""

    def __init__(self, directory, nats_port, registry):
        self.directory, self.nats, self.registry = directory, f"nats://127.0.0.1:{nats_port}", registry

    @contextmanager
    def host(self, name):
        """Starts a host, and yields its port."""
        port = free_port()
        wash = [tools.python() / "wash", "--non-interactive", "host", "--host-name", name, "--environment", "local"]
        nats = ["--scheduler-nats-url", self.nats, "--data-nats-url", self.nats]
        images = ["--allow-insecure-registries", "--oci-cache-dir", self.directory / f"{name}-images"]
        http = ["--http-addr", f"127.0.0.1:{port}"]
        with Program(self.directory / f"{name}.log", *wash, *nats, *images, *http) as program:
            program.wait_for_port(port)
            yield ClusterHost(self, name, port, program)

    def ask(self, subject, message):
        """Sends a request over NATS and returns the answer."""

        async def send():
            import nats

            connection = await nats.connect(self.nats)
            try:
                answer = await connection.request(subject, json.dumps(message).encode(), timeout=120)
                return json.loads(answer.data)
            finally:
                await connection.close()

        return asyncio.run(send())


class ClusterHost:
    def __init__(self, cluster, name, port, program):
        self.cluster, self.name, self.port, self.program = cluster, name, port, program
        # The heartbeats of a host have its identifier too, but they come every 30 seconds.
        self.identity = program.wait(lambda: re.search(r'Host started host_id="([^"]+)"', program.log.read_text()))[1]

    def ask(self, operation, message):
        answer = self.cluster.ask(f"runtime.host.{self.identity}.workload.{operation}", message)
        status = answer.get("workloadStatus", answer)
        if "ERROR" in str(status.get("workloadState", "")):
            raise RuntimeError(f"{self.name}, workload.{operation}: {answer}")
        return answer

    def start(self, workload, image, wasi, options, site=None, pool=4):
        """Starts a component from an image. With a site, the component gets it as a read-only volume."""
        mounts = [{"name": "site", "mountPath": "/", "readOnly": True}] if site else []
        component = {
            "name": "glasshouse",
            "image": image,
            "poolSize": pool,
            "localResources": {"environment": options, "volumeMounts": mounts},
        }
        http = {
            "namespace": "wasi",
            "package": "http",
            "interfaces": [INTERFACES[wasi]],
            "config": {"host": HOST["Host"]},
        }
        self.ask(
            "start",
            {
                "workloadId": workload,
                "workload": {
                    "namespace": "default",
                    "name": "glasshouse",
                    "witWorld": {"components": [component], "hostInterfaces": [http]},
                    "volumes": [{"name": "site", "hostPath": {"localPath": str(site)}}] if site else [],
                },
            },
        )

    def stop(self, workload):
        self.ask("stop", {"workloadId": workload})


@contextmanager
def cluster(directory):
    nats_port = free_port()
    nats = [tools.python() / "nats-server", "-a", "127.0.0.1", "-p", nats_port]
    with registry(directory) as images, Program(directory / "nats.log", *nats) as server:
        server.wait_for_port(nats_port)
        yield Cluster(directory, nats_port, images)


@contextmanager
def distributed(work, directory, options, wasi):
    """Two hosts with the same workload. The probes go to the second, which pulls the image by itself."""
    place = work.fresh(f"wasmcloud-{wasi}")
    archive = oci.archive(work, wasi)
    with cluster(place) as lattice, lattice.host("one") as one, lattice.host("two") as two:
        image = lattice.registry.push(archive, f"glasshouse/handler:{wasi}")
        for host in (one, two):
            host.start(f"glasshouse-{host.name}", image, wasi, options, site=directory)
        yield two.port


def pair(wasi, name, serve, known, commands, in_ci):
    return Host(
        name=name,
        wasi=wasi,
        versions=version,
        serve=lambda work, directory, options: serve(work, directory, options, wasi),
        commands=commands,
        known={**dict.fromkeys(ABSOLUTE, OTHER_HOST), **({"HTTP/1.0 without Host": known} if known else {})},
        in_ci=in_ci,
    )


DEV_COMMANDS = "wash --non-interactive dev   # .wash/config.yaml: dev.component_path, dev.address, dev.volumes"
HOST_COMMANDS = """\
nats-server -a 127.0.0.1 -p 4222
skopeo copy oci-archive:handler-{0}.oci.tar docker://127.0.0.1:5000/glasshouse/handler:{0}
wash host --host-name one --http-addr 127.0.0.1:8001 --allow-insecure-registries   # and a second host
# A request with the workload goes to the NATS subject runtime.host.ID.workload.start."""

HOSTS = [
    pair("p3", "wasmCloud, `wash dev`", dev, "", DEV_COMMANDS, False),
    pair("p2", "wasmCloud, `wash dev`", dev, NO_HOST_DEV, DEV_COMMANDS, False),
    pair("p3", "wasmCloud, two hosts", distributed, NO_HOST, HOST_COMMANDS.format("p3"), True),
    pair("p2", "wasmCloud, two hosts", distributed, NO_HOST, HOST_COMMANDS.format("p2"), True),
]
