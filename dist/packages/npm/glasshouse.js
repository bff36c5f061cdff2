#!/usr/bin/env node
// Runs the program of the package for this platform. Signals and the exit code pass through.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");

const platform = `${process.platform}-${process.arch}`;
const name = `@glasshouse-server/${platform}/bin/glasshouse`;
const args = process.argv.slice(2);

let program;
try {
  program = require.resolve(name);
} catch {
  console.error(`glasshouse: no program for ${platform}: the optional dependency of glasshouse-server is missing`);
  process.exit(1);
}

// Replaces this process where node can do so (version 23.11).
process.execve?.(program, ["glasshouse", ...args]);

const child = spawn(program, args, { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]) {
  process.on(signal, () => child.kill(signal));
}
child.on("error", (error) => {
  console.error(`glasshouse: cannot start the program: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
