"""A PostgreSQL for the measurement: its own folder, a socket and no port, and each commit on the disk (fsync)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..process import ProcessFailed

USER = "benchmark"
OWNER = "postgres"  # who runs the server if the measurement is root's, which PostgreSQL refuses to be
SETTINGS = "-c listen_addresses='' -c max_connections=120"  # all else is PostgreSQL's default, fsync=on among it


@contextmanager
def server() -> Iterator[Path]:
    """Start a server; yields the folder of its socket. Raises ProcessFailed without PostgreSQL."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        if os.geteuid() == 0:
            shutil.chown(folder, OWNER)
        data, log = folder / "data", folder / "log"
        _run(programs / "initdb", "--no-sync", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-U", USER, "-D", data)
        _run(programs / "pg_ctl", "-D", data, "-l", log, "-o", f"{SETTINGS} -k {folder}", "-w", "start")
        try:
            yield folder
        finally:
            _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _programs() -> Path:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = shutil.which("pg_ctl")
    places = [*reversed(debian), *([Path(found).resolve().parent] if found else [])]
    for place in places:
        if (place / "initdb").exists():
            return place
    raise ProcessFailed("there is no PostgreSQL to compare with: apt-get install postgresql")


def _run(*words: Path | str) -> None:
    command: Sequence[str] = [str(word) for word in words]
    if os.geteuid() == 0:
        command = ["runuser", "-u", OWNER, "--", *command]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True)
    if done.returncode:
        raise ProcessFailed(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
