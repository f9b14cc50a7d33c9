"""The command line of the scripts in this folder. Each runs inside the environment of its program."""

import subprocess
import sys
from pathlib import Path


def main(version, make, write, read, maintain=lambda path: ""):
    """Run the command of sys.argv. `make` writes the file, `write` changes rows in it, `read` returns the same text for
    the same content, and `maintain` does the program's own upkeep."""
    what, path = sys.argv[1], Path(sys.argv[2])
    if what == "version":
        print(version())
    else:
        reported = {"make": make, "write": write, "read": read, "maintain": maintain}[what](path)
        print(reported or "")


def run(*command, stdin=None, **how):
    """Run a command and return its stdout. If it fails, exit with its output."""
    ended = subprocess.run(
        [str(word) for word in command], input=stdin, capture_output=True, text=True, check=False, **how
    )
    if ended.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout
