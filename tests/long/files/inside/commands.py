"""The commands of the scripts beside this one, each of which runs inside the environment of its program."""

import subprocess
import sys
from pathlib import Path


def main(version, make, write, read, maintain=lambda path: ""):
    """`make` writes the file, `write` changes rows in it, `read` returns the same text for the same content, and `maintain`
    is what the program offers for its upkeep."""
    what, path = sys.argv[1], Path(sys.argv[2])
    if what == "version":
        print(version())
    else:
        reported = {"make": make, "write": write, "read": read, "maintain": maintain}[what](path)
        print(reported or "")


def run(*command, stdin=None, **how):
    """What the command prints; fails with what it printed."""
    ended = subprocess.run(
        [str(word) for word in command], input=stdin, capture_output=True, text=True, check=False, **how
    )
    if ended.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout
