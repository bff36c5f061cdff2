"""The results: what surprises, and the table in docs/hosts.md."""

import sys
from dataclasses import dataclass, field

import probes
import rows
import tools

PAGE = tools.REPOSITORY / "docs" / "hosts.md"
BEGIN, END = "<!-- begin: `make {}` writes this part -->\n", "<!-- end -->\n"


def skip(what):
    print(f"\n==== NOT TESTED: {what} ====\n", file=sys.stderr, flush=True)


@dataclass
class Result:
    """What a host has answered, or why it has not."""

    host: object
    version: str = ""
    of_probes: dict = field(default_factory=dict)
    of_rows: dict = None
    missing: str = ""
    error: str = ""

    def summary(self):
        if self.missing:
            skip(f"{self.host.title}: {self.missing}")
            return "not tested"
        if self.error:
            return f"does not serve: {self.error}"
        met = f"{len(probes.PROBES) - len(self.of_probes)} of {len(probes.PROBES)} probes"
        if self.of_rows is None:
            return met
        return f"{met}, {rows.total() - len(self.of_rows)} of {rows.total()} rows"

    def failures(self):
        return {**self.of_probes, **(self.of_rows or {})}

    def surprises(self):
        """Failures that are not known, and known ones that did not happen."""
        if self.missing or self.error:
            return []
        failures, known = self.failures(), self.host.known
        new = [f"FAILED {name}: {what}" for name, what in failures.items() if name not in known]
        probed = {probe.name for probe in probes.PROBES}
        is_run = lambda name: name in probed or self.of_rows is not None
        met = [f"MET {name}: remove it from the known failures" for name in known if is_run(name)]
        return new + [line for line, name in zip(met, filter(is_run, known)) if name not in failures]

    def failed(self):
        return bool(self.error or self.surprises() or (self.missing and tools.IN_CI))


def table(results, kind):
    lines = [f"| {kind} | version | probes | rows |", "|---|---|---|---|"]
    for result in results:
        if result.missing or result.error:
            lines.append(f"| {result.host.title} | | not tested | |")
            continue
        of_probes = f"{len(probes.PROBES) - len(result.of_probes)} of {len(probes.PROBES)}"
        of_rows = "" if result.of_rows is None else f"{rows.total() - len(result.of_rows)} of {rows.total()}"
        lines.append(f"| {result.host.title} | {result.version} | {of_probes} | {of_rows} |")
    return "\n".join(lines) + "\n"


def cases(results):
    """The table of probes: a column for each host."""
    run = [result for result in results if not (result.missing or result.error)]
    lines = ["| probe | " + " | ".join(result.host.title for result in run) + " |", "|---|" + "---|" * len(run)]
    for probe in probes.PROBES:
        cells = ["**no**" if probe.name in result.of_probes else "yes" for result in run]
        lines.append(f"| {probe.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def reasons(results, kind):
    """What each host does not meet, with the reason."""
    lines = [f"| {kind} | probe or row | reason |", "|---|---|---|"]
    for result in results:
        for name in result.failures():
            lines.append(f"| {result.host.title} | {name} | {result.host.known.get(name, 'unknown')} |")
    return "\n".join(lines) + "\n"


def commands(results):
    """The commands, each with the hosts that it is for."""
    titles = {}
    for result in results:
        titles.setdefault(result.host.commands, []).append(result.host.title)
    return "\n".join(f"{'; '.join(hosts)}:\n\n```text\n{text}\n```\n" for text, hosts in titles.items())


def write_hosts(results):
    parts = [table(results, "host"), reasons(results, "host"), cases(results), commands(results)]
    write("hosts", parts)


def write_ports(results):
    missed = any(result.failures() for result in results)
    parts = [table(results, "target"), *([reasons(results, "target")] if missed else []), commands(results)]
    write("ports", parts)


def write(command, parts):
    """Replaces the part of the page that a command writes."""
    begin = BEGIN.format(command)
    before, rest = PAGE.read_text().split(begin)
    _, after = rest.split(END, 1)
    PAGE.write_text(before + begin + "\n" + "\n".join(parts) + "\n" + END + after)
