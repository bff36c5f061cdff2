#!/usr/bin/env node
// Runs the program of the package for this platform. Signals and the exit code pass through.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const { isatty } = require("node:tty");
const { version } = require("./package.json");

const windows = process.platform === "win32";
const platform = `${process.platform}-${process.arch}`;
const args = process.argv.slice(2);

// The names of the packages with a program for this platform, the best first. The one for musl is linked statically, so
// it also runs where glibc is the C library.
function candidates() {
  if (process.platform !== "linux") return [platform];
  // The names of network interfaces, which the report would resolve, take seconds.
  process.report.excludeNetwork = true;
  const glibc = process.report.getReport().header.glibcVersionRuntime;
  return glibc ? [platform, `${platform}-musl`] : [`${platform}-musl`];
}

function find(names) {
  for (const name of names) {
    try {
      return require.resolve(`@glasshouse-server/${name}/bin/glasshouse${windows ? ".exe" : ""}`);
    } catch {
      // The next one may be installed.
    }
  }
  console.error(
    `glasshouse: the package with the program for ${names[0]} is missing.\n` +
      "If npm ran with --omit=optional or on another platform, install it again here without this option, or add it\n" +
      "(with -g if this package was installed with -g):\n" +
      `  npm install @glasshouse-server/${names[0]}@${version}\n` +
      "If npm does not find this package, no program for this platform was published: build it from source.",
  );
  process.exit(1);
}

const program = find(candidates());

// Replaces this process where node can do so (version 23.11, not on Windows).
if (!windows) process.execve?.(program, ["glasshouse", ...args]);

const child = spawn(program, args, { stdio: "inherit" });
const signals = windows
  ? ["SIGINT", "SIGBREAK", "SIGHUP"]
  : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];
// A terminal sends these to both processes, as the console of Windows sends all events. A second SIGINT would abort the
// responses that the first one lets end.
const fromTerminal = [0, 1, 2].some(isatty) ? ["SIGINT", "SIGQUIT"] : [];
for (const signal of signals) {
  process.on(signal, () => windows || fromTerminal.includes(signal) || child.kill(signal));
}
child.on("error", (error) => {
  console.error(`glasshouse: cannot start the program: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
