"""Runs the program that this package has installed, with the same arguments."""

import os
import signal
import subprocess
import sys
import sysconfig

NAME = "glasshouse.exe" if os.name == "nt" else "glasshouse"


def user_scheme():
    """The installation scheme of `pip install --user`."""
    # Python 3.10 added the function.
    if hasattr(sysconfig, "get_preferred_scheme"):
        return sysconfig.get_preferred_scheme("user")
    return f"{os.name}_user"


def program():
    """The path of the program: in the directory for scripts of this interpreter, of the user or of `pip --target`."""
    package = os.path.dirname(os.path.abspath(__file__))
    directories = [
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", scheme=user_scheme()),
        os.path.join(os.path.dirname(package), "bin"),
    ]
    for directory in directories:
        path = os.path.join(directory, NAME)
        if os.path.isfile(path):
            return path
    sys.exit(f"{NAME}: the program is not in {' or '.join(directories)}; install the package again")


if __name__ == "__main__":
    path = program()
    if os.name == "nt":
        # The console sends Ctrl-C and Ctrl-Break to both processes. This one waits for the program.
        for event in signal.SIGINT, signal.SIGBREAK:
            signal.signal(event, lambda *_: None)
        # There, execv returns to the shell while the program runs.
        sys.exit(subprocess.run([path, *sys.argv[1:]]).returncode)
    os.execv(path, [path, *sys.argv[1:]])
