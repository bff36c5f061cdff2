// Builds the component: `node build.js WIT OUTPUT`. WIT is a directory with the WIT packages of WASI 0.2, for example
// `wit/deps` of the crate wasmtime-wasi-http, or what `wkg wit fetch` writes.

import { componentize } from "@bytecodealliance/componentize-js";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [packages, output] = process.argv.slice(2);
const here = import.meta.dirname;
const wit = await mkdtemp(join(tmpdir(), "wit-"));
try {
  await cp(join(here, "wit"), wit, { recursive: true });
  await cp(packages, join(wit, "deps"), { recursive: true });
  // A middleware needs none of these. The host refuses some of them.
  const disableFeatures = ["clocks", "fetch-event", "http", "random", "stdio"];
  const options = { sourcePath: join(here, "token.js"), witPath: wit, worldName: "middleware", disableFeatures };
  const { component } = await componentize(options);
  await writeFile(output, component);
} finally {
  await rm(wit, { recursive: true });
}
