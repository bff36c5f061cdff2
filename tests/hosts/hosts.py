"""What the hosts have in common: a host serves a directory with one of the two handlers, or a component without one."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from probes import PROBES

# All hosts get this option, so that a probe can show that variables arrive.
OPTIONS = {"GLASSHOUSE_CLEAN_URLS": "1"}


@dataclass
class Work:
    """The input of a run: the program, both handlers, and a directory for logs and other files."""

    program: Path
    handlers: dict
    directory: Path
    counter: list = field(default_factory=lambda: [0])

    def fresh(self, name):
        """Returns a new directory."""
        self.counter[0] += 1
        directory = self.directory / f"{self.counter[0]:02}-{name}"
        directory.mkdir(parents=True)
        return directory


@dataclass
class Host:
    """A host of a component.

    `serve` is a context manager. It gets the work, the directory to serve and the variables of the handler, and yields
    the port.
    """

    name: str
    wasi: str
    versions: Callable
    serve: Callable
    commands: str
    # Probes and rows that the host fails, each with the reason.
    known: dict = field(default_factory=dict)
    in_ci: bool = False
    # Rows take minutes in hosts that are slow to start an instance.
    rows_in_ci: bool = True
    probes: list = field(default_factory=lambda: PROBES)

    @property
    def title(self):
        return f"{self.name}, WASI 0.{self.wasi[1]}" if self.wasi else self.name

    @contextmanager
    def serving(self, work, directory, options):
        with self.serve(work, directory, {**OPTIONS, **options}) as port:
            yield port
