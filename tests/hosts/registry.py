"""An OCI registry on the loopback (Debian's docker-registry), filled by skopeo."""

from contextlib import contextmanager

import tools
from process import Program, free_port

CONFIG = """\
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: false}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


class Registry:
    def __init__(self, port):
        self.address = f"127.0.0.1:{port}"

    def push(self, archive, name):
        """Copies an OCI archive to the registry, and returns the reference that hosts pull."""
        skopeo = tools.system("skopeo")
        reference = f"{self.address}/{name}"
        command = [skopeo, "--insecure-policy", "copy", "-q", "--dest-tls-verify=false"]
        tools.run(*command, f"oci-archive:{archive}", f"docker://{reference}")
        return reference

    def pull(self, reference, directory):
        """Copies an image to a directory, which checks the digest of each blob."""
        command = [tools.system("skopeo"), "--insecure-policy", "copy", "-q", "--src-tls-verify=false"]
        tools.run(*command, f"docker://{reference}", f"dir:{directory}")


@contextmanager
def registry(directory):
    tools.system("skopeo")
    port, config = free_port(), directory / "registry.yaml"
    config.write_text(CONFIG.format(root=directory / "blobs", port=port))
    with Program(directory / "registry.log", tools.system("docker-registry"), "serve", config) as program:
        program.wait_for_port(port)
        yield Registry(port)
