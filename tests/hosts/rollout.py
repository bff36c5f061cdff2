"""A deployment: the site of deploy/wasmcloud on two wasmCloud hosts, a new version of it, and the end of a host.

The hosts get what the operator of wasmCloud would send them for the manifest. The operator itself needs Kubernetes.
"""

import threading
from collections import Counter
from contextlib import contextmanager

import yaml

import oci
import tools
import wasmcloud
from probes import HOST, Client
from process import wait_for

MANIFESTS = tools.REPOSITORY / "deploy" / "wasmcloud"
PAGE = "/version.txt"


def workload(manifest, image, site):
    """Translates a WorkloadDeployment to the workload of a host, with the image and the folder of this test."""
    spec = manifest["spec"]["template"]["spec"]
    components = []
    for component in spec["components"]:
        resources = component["localResources"]
        local = {"environment": resources["environment"]["config"], "volumeMounts": resources.get("volumeMounts", [])}
        parts = {"name": component["name"], "image": image, "poolSize": component["poolSize"]}
        components.append({**parts, "localResources": local})
    volumes = [{"name": volume["name"], "hostPath": {"localPath": str(site)}} for volume in spec.get("volumes", [])]
    interfaces = [{**interface, "config": {"host": HOST["Host"]}} for interface in spec["hostInterfaces"]]
    world = {"components": components, "hostInterfaces": interfaces}
    return {"namespace": "default", "name": manifest["metadata"]["name"], "witWorld": world, "volumes": volumes}


class Gate:
    """Lets requests to a host pass, as a load balancer does, until the host is out of service."""

    def __init__(self):
        self.changed, self.open, self.busy, self.ended = threading.Condition(), True, 0, False

    def enter(self):
        """Waits until the host is in service. Returns false at the end of the test."""
        with self.changed:
            self.changed.wait_for(lambda: self.open or self.ended)
            self.busy += not self.ended
            return not self.ended

    def leave(self):
        with self.changed:
            self.busy -= 1
            self.changed.notify_all()

    def close(self):
        """Takes the host out of service, and waits for the responses that it owes."""
        with self.changed:
            self.open = False
            self.changed.wait_for(lambda: self.busy == 0)

    def reopen(self):
        with self.changed:
            self.open = True
            self.changed.notify_all()

    def end(self):
        with self.changed:
            self.ended = True
            self.changed.notify_all()


class Visitors:
    """Clients that request a page of every host in service, and count what they get."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.counts = {host.name: Counter() for host in hosts}
        self.gates = {host.name: Gate() for host in hosts}

    def visit(self, host):
        client, counts, gate = Client(host.port, None), self.counts[host.name], self.gates[host.name]
        while gate.enter():
            try:
                response = client.get(PAGE)
                text = response.body.decode(errors="replace")
                counts[text if response.status == 200 else f"{response.status} {text[:80]}".strip()] += 1
            except OSError as error:
                counts[type(error).__name__] += 1
            finally:
                gate.leave()

    def wait_for(self, version):
        """Waits until every host in service has answered with a version."""
        hosts = [self.counts[name] for name, gate in self.gates.items() if gate.open]
        before = [counts[version] for counts in hosts]
        wait_for(f"version {version}", lambda: all(now[version] > then for now, then in zip(hosts, before)))

    def failures(self):
        counts = sum(self.counts.values(), Counter())
        return {what: count for what, count in counts.items() if what not in ("one", "two")}

    @contextmanager
    def visiting(self):
        threads = [threading.Thread(target=self.visit, args=(host,)) for host in self.hosts for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            for gate in self.gates.values():
                gate.end()
            for thread in threads:
                thread.join()


def site(work, version):
    directory = work.fresh(f"version-{version}") / "site"
    directory.mkdir()
    (directory / PAGE.lstrip("/")).write_text(version)
    return directory


def folder_image(work, cluster, version):
    """The handler, and a folder on the hosts."""
    return cluster.registry.push(oci.archive(work, "p3"), "glasshouse/handler:p3"), site(work, version)


def packed_image(work, cluster, version):
    """A packed site, which needs no folder."""
    archive = oci.packed(work, site(work, version))
    return cluster.registry.push(archive, f"site:{version}"), None


def roll_out(work, kind, image_of):
    """Starts version one on two hosts, replaces it by version two, and stops a host. No request fails."""
    manifest = yaml.safe_load((MANIFESTS / f"{kind}.yaml").read_text())
    directory = work.fresh(f"rollout-{kind}")
    with wasmcloud.cluster(directory) as cluster, cluster.host("one") as first, cluster.host("two") as second:
        hosts = [first, second]

        def start(host, version, image, folder):
            host.ask("start", {"workloadId": version, "workload": workload(manifest, image, folder)})

        image = image_of(work, cluster, "one")
        for host in hosts:
            start(host, "one", *image)
        with Visitors(hosts).visiting() as visitors:
            visitors.wait_for("one")
            image = image_of(work, cluster, "two")
            for host in hosts:
                # At the start of another workload with the same host name, wasmCloud may answer a request with an empty
                # 404. The stop aborts responses. So the host is out of service for both, and owes no response.
                visitors.gates[host.name].close()
                start(host, "two", *image)
                host.stop("one")
                visitors.gates[host.name].reopen()
            visitors.wait_for("two")
            answers = [Client(host.port, None).get(PAGE).body for host in hosts]
            assert answers == [b"two", b"two"], f"version one is still served: {answers}"
            visitors.gates[first.name].close()
            first.program.stop()
            visitors.wait_for("two")
        assert not visitors.failures(), f"requests failed: {visitors.failures()}"
        total = sum(sum(counts.values()) for counts in visitors.counts.values())
    return f"{total} requests during the replacement, none failed"


def folder(work):
    """wasmCloud: a folder, two versions, two hosts"""
    return roll_out(work, "folder", folder_image)


def packed(work):
    """wasmCloud: a packed site, two versions, two hosts"""
    return roll_out(work, "packed", packed_image)


CHECKS = [folder, packed]
