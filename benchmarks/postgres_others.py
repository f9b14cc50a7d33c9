"""Other programs that copy rows from SQLite into an existing table of PostgreSQL: pgloader, and DuckDB with its
scanners. A program that is not installed is left out: `apt-get install pgloader`, and `pip install` the PACKAGES."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

PGLOADER, DUCKDB = "pgloader", "DuckDB's scanners"
PACKAGES = ("duckdb==1.5.5", "duckdb-extension-sqlite-scanner==1.5.5", "duckdb-extension-postgres-scanner==1.5.5")
_LOAD = """LOAD DATABASE FROM sqlite://{path} INTO pgsql://schemasync@unix:{socket}:5432/postgres
WITH data only, no truncate, disable triggers
INCLUDING ONLY TABLE NAMES LIKE 'item';
"""
# DuckDB writes in PostgreSQL's binary format, so that each column needs its type.
_COLUMNS = (
    "id, name, note, quantity, price::DECIMAL(10, 2), ratio, active::BOOLEAN, created::TIMESTAMP, day::DATE,"
    " meta::JSON, ref::UUID, data, other"
)
_DUCK = """
import duckdb, sys
path, socket, *extensions = sys.argv[1:]
duck = duckdb.connect(config={"allow_unsigned_extensions": True})
for one in extensions:
    duck.execute(f"LOAD '{one}'")
duck.execute("SET TimeZone = 'UTC'")
duck.execute(f"ATTACH '{path}' AS lite (TYPE sqlite)")
duck.execute(f"ATTACH 'host={socket} user=schemasync dbname=postgres' AS pg (TYPE postgres)")
duck.execute("INSERT INTO pg.public.item SELECT COLUMNS FROM lite.item")
"""


def others(path: Path, socket: str) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
    """Yield the name of each installed program, and a function that copies the table and returns its figures."""
    if shutil.which("pgloader") is not None:
        yield PGLOADER, lambda: _pgloader(path, socket)
    if extensions := _extensions():
        code = _DUCK.replace("COLUMNS", _COLUMNS)
        yield DUCKDB, lambda: _timed([sys.executable, "-c", code, str(path), socket, *extensions])


def _pgloader(path: Path, socket: str) -> dict[str, float]:
    with tempfile.NamedTemporaryFile("w", suffix=".load") as script:
        script.write(_LOAD.format(path=path, socket=socket))
        script.flush()
        return _timed(["pgloader", "--no-ssl-cert-verification", script.name])


def _extensions() -> list[str]:
    found = []
    for name in ("sqlite", "postgres"):
        package = find_spec(f"duckdb_extension_{name}_scanner")
        places = list(package.submodule_search_locations or ()) if package else []
        found += [str(one) for place in places for one in Path(place).rglob("*.duckdb_extension")]
    return found if len(found) == 2 and find_spec("duckdb") else []


def _timed(command: list[str]) -> dict[str, float]:
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or re.search(r"\b(ERROR|FATAL)\b", done.stdout):
        raise ValueError(f"{command[0]}: {(done.stdout + done.stderr)[-1000:]}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": time.perf_counter() - began, "processor": processor}
