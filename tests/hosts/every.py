"""All hosts, in the order of the table, and all checks of deployments."""

import containers
import jco
import manifests
import oci
import rollout
import stock_wasmtime
import wasmcloud

HOSTS = [*stock_wasmtime.HOSTS, *wasmcloud.HOSTS, *jco.HOSTS, *containers.HOSTS]
# These run in CI too.
CHECKS = [*manifests.CHECKS, *oci.CHECKS, *rollout.CHECKS]
LONG_CHECKS = [*manifests.PLAYED]
