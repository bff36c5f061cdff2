"""The manifests in deploy/: validated offline, and played by podman."""

import shutil
import tomllib

import jsonschema
import kubernetes_validate
import yaml

import containers
import tools
from probes import Client
from process import free_port, wait_for

DEPLOY = tools.REPOSITORY / "deploy"
KUBERNETES = "1.37"
TEXT, LIST = {"type": "string"}, {"type": "array"}


def closed(required, **optional):
    """The schema of an object with these keys and no others."""
    properties = {**required, **optional}
    return {"type": "object", "required": [*required], "properties": properties, "additionalProperties": False}


def several(item):
    return {"type": "array", "minItems": 1, "items": item}


METADATA = closed({"name": TEXT})
TEXTS = {"type": "object", "additionalProperties": TEXT}
# The part of each format that the manifests use.
WORKLOAD_DEPLOYMENT = closed(
    {
        "apiVersion": {"const": "runtime.wasmcloud.dev/v1alpha1"},
        "kind": {"const": "WorkloadDeployment"},
        "metadata": METADATA,
        "spec": closed(
            {
                "replicas": {"type": "integer"},
                "template": closed(
                    {
                        "spec": closed(
                            {
                                "hostSelector": TEXTS,
                                "components": several(
                                    closed(
                                        {"name": TEXT, "image": TEXT},
                                        poolSize={"type": "integer"},
                                        localResources=closed(
                                            {"environment": closed({"config": TEXTS}), "allowedHosts": LIST},
                                            volumeMounts=several(
                                                closed({"name": TEXT, "mountPath": TEXT, "readOnly": {"const": True}})
                                            ),
                                        ),
                                    )
                                ),
                                "hostInterfaces": several(
                                    closed(
                                        {
                                            "namespace": {"const": "wasi"},
                                            "package": {"const": "http"},
                                            "interfaces": several({"enum": ["handler", "incoming-handler"]}),
                                            "config": closed({"host": TEXT}),
                                        }
                                    )
                                ),
                            },
                            volumes=several(closed({"name": TEXT, "hostPath": closed({"path": TEXT})})),
                        )
                    }
                ),
            }
        ),
    }
)
SPIN_APP = closed(
    {
        "apiVersion": {"const": "core.spinkube.dev/v1alpha1"},
        "kind": {"const": "SpinApp"},
        "metadata": METADATA,
        "spec": closed({"image": TEXT, "executor": {"const": "containerd-shim-spin"}, "replicas": {"type": "integer"}}),
    }
)
SPIN = closed(
    {
        "spin_manifest_version": {"const": 2},
        "application": closed({"name": TEXT, "version": TEXT}),
        "trigger": closed({"http": several(closed({"route": {"const": "/..."}, "component": TEXT}))}),
        "component": {
            "type": "object",
            "additionalProperties": closed(
                {"source": TEXT, "environment": TEXTS, "allowed_outbound_hosts": {"const": []}},
                files=several(closed({"source": TEXT, "destination": {"const": "/"}})),
            ),
        },
    }
)


def documents(path):
    return list(yaml.safe_load_all(path.read_text()))


def kubernetes(work):
    """Kubernetes manifests: validated against Kubernetes 1.37"""
    found = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for path in found:
        kinds = []
        for document in documents(path):
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
            kinds.append(document["kind"])
        assert kinds == ["Deployment", "Service", "HorizontalPodAutoscaler"], f"{path}: {kinds}"
    assert len(found) == 2, found
    return "valid"


def custom_resources(work):
    """wasmCloud, SpinKube, Spin: checked against the part of their formats that is used"""
    for directory, schema in (("wasmcloud", WORKLOAD_DEPLOYMENT), ("spinkube", SPIN_APP)):
        for kind in ("folder", "packed"):
            (document,) = documents(DEPLOY / directory / f"{kind}.yaml")
            jsonschema.validate(document, schema)
    for kind in ("folder", "packed"):
        manifest = tomllib.loads((DEPLOY / "spin" / kind / "spin.toml").read_text())
        jsonschema.validate(manifest, SPIN)
        assert manifest["trigger"]["http"][0]["component"] in manifest["component"], manifest
    return "parsed, not run"


def compose(work):
    """Compose files: `docker-compose config`"""
    program = tools.system("docker-compose")
    for kind in ("folder", "packed"):
        tools.run(program, "-f", DEPLOY / "compose" / f"{kind}.yaml", "config", "-q")
    return "valid"


def systemd(work):
    """systemd units with the drop-in of a packed site: `systemd-analyze verify`"""
    program, directory = tools.system("systemd-analyze"), work.fresh("units")
    for unit in ("glasshouse.service", "glasshouse.socket"):
        text = (tools.REPOSITORY / "dist" / unit).read_text()
        (directory / unit).write_text(text.replace("/usr/bin/glasshouse", str(work.program)))
    drop_ins = directory / "glasshouse.service.d"
    drop_ins.mkdir()
    shutil.copy(DEPLOY / "systemd" / "packed.conf", drop_ins)
    tools.run(program, "verify", "--man=no", directory / "glasshouse.service")
    return "valid"


def played(work):
    """The Kubernetes manifest of a folder in podman"""
    deployment, *_ = documents(DEPLOY / "kubernetes" / "folder.yaml")
    # The replicas of one machine cannot share a port of the host.
    deployment["spec"]["replicas"] = 1
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    ports = {}
    for port in container["ports"]:
        ports[port["name"]] = port["hostPort"] = free_port()
        port["hostIP"] = "127.0.0.1"
    with containers.podman(work) as (engine, image):
        engine.run("tag", image, container["image"])
        engine.run("volume", "create", "site")
        volume = engine.run("volume", "inspect", "--format", "{{.Mountpoint}}", "site").strip()
        with open(f"{volume}/hello.txt", "w") as file:
            file.write("hello\n")
        manifest = engine.directory / "site.yaml"
        manifest.write_text(yaml.safe_dump(deployment))
        # Without this option, podman builds an image from a directory with the name of the image.
        engine.run("kube", "play", "--build=false", manifest)
        try:
            admin, site = Client(ports["admin"], None), Client(ports["http"], None)
            wait_for("the pod", lambda: status(admin, "/readyz") == 200)
            assert site.get("/hello.txt").body == b"hello\n"
        finally:
            engine.run("kube", "play", "--down", manifest)
    return "served, ready"


def status(client, path):
    try:
        return client.get(path).status
    except OSError:
        return None


CHECKS = [kubernetes, custom_resources, compose, systemd]
PLAYED = [played]
