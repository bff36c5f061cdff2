#!/usr/bin/env -S python3 -B
"""Reads an image (OCI image layout) from its tarball.

    dist/packages/image.py IMAGE ARCHITECTURE layer    writes the layer, which is compressed with gzip
    dist/packages/image.py IMAGE ARCHITECTURE KEY      prints a value of the configuration
"""

import json
import sys
import tarfile


class Image:
    """An image, in memory. `files` has the contents of its files, by path."""

    def __init__(self, path):
        with tarfile.open(path) as archive:
            entries = [entry for entry in archive if entry.isfile()]
            self.files = {entry.name.removeprefix("./"): archive.extractfile(entry).read() for entry in entries}

    def blob(self, entry):
        """The content to which an entry of a list refers."""
        return self.files["blobs/" + entry["digest"].replace(":", "/")]

    def entries(self):
        """The entry of each architecture."""
        [entry] = json.loads(self.files["index.json"])["manifests"]
        return json.loads(self.blob(entry))["manifests"] if "index" in entry["mediaType"] else [entry]

    def manifest(self, architecture):
        """The manifest for one architecture."""
        [entry] = [entry for entry in self.entries() if entry["platform"]["architecture"] == architecture]
        return json.loads(self.blob(entry))

    def layer(self, architecture):
        """The layer for one architecture, compressed with gzip."""
        return self.blob(self.manifest(architecture)["layers"][0])


def main(path, architecture, key):
    image = Image(path)
    if key == "layer":
        sys.stdout.buffer.write(image.layer(architecture))
        return
    value = json.loads(image.blob(image.manifest(architecture)["config"]))["config"][key]
    print(value if isinstance(value, str) else " ".join(value))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
