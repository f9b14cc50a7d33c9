"""Processes as a container engine runs them, without an engine: PID and mount namespaces of their own, read-only root
and code, one writable volume, and a user without privileges.

The user may read all files, whatever their mode (CAP_DAC_READ_SEARCH), as these tests may be in a folder of root's. It
may write only to its own files.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USER = 1000
_SCRIPT = """
volume=$1; code=$2; shift 2
mount --make-rprivate / && mount --bind "$volume" "$volume" && mount --bind "$code" "$code" &&
  mount -o remount,bind,ro "$code" && mount -o remount,bind,ro / || exit 125
cd "$code" && exec setpriv --reuid %d --regid %d --clear-groups --inh-caps +dac_read_search --ambient-caps +dac_read_search "$@"
""" % (USER, USER)


def command(volume: Path, code: Path, *words: object) -> list[str]:
    """Return the command that runs the words in a container with `volume`, in the folder `code`. A signal to the
    container reaches only the program, which has PID 1."""
    namespaces = ["unshare", "--pid", "--mount", "--fork", "--mount-proc"]
    return [*namespaces, "sh", "-c", _SCRIPT, "container", str(volume), str(code), *map(str, words)]


def can_run() -> bool:
    """Return True if this machine can run such containers."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv", "mount"))):
        return False
    return (
        subprocess.run(["unshare", "--pid", "--mount", "--fork", "true"], capture_output=True, check=False).returncode
        == 0
    )


def make_volume(path: Path) -> Path:
    """Make an empty volume that belongs to the user of the image, as an engine does."""
    path.mkdir(mode=0o700)
    os.chown(path, USER, USER)
    return path


@contextmanager
def at_work(volume: Path, code: Path, *words: object, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a container during the block."""
    process = subprocess.Popen(command(volume, code, *words), **options)
    try:
        yield process
    finally:
        for inside in _children(process.pid):
            os.kill(inside, signal.SIGKILL)  # the kernel then ends all processes of its namespace
        process.kill()
        process.wait()


def stop(process: subprocess.Popen[bytes], patience: float = 30.0) -> int:
    """Send SIGTERM to the program of the container, as engines do, and return its exit code."""
    (inside,) = _children(process.pid)
    os.kill(inside, signal.SIGTERM)
    return process.wait(patience)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []  # it has ended
