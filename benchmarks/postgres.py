"""Compare the copy of rows from SQLite to PostgreSQL, their scan and their proof with `psql \\copy` of a ready file and
with other programs, in turn on one server."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from schemasync.engines.postgres.columns import columns_of
from schemasync.engines.postgres.connection import Target
from schemasync.engines.postgres.copy import copy_table
from schemasync.engines.postgres.moved import MovedTable, moved_tables
from schemasync.engines.postgres.processes import parts_of, started, useful
from schemasync.engines.postgres.types import FieldKind, PgColumn
from schemasync.engines.postgres.verify.tables import compare_table
from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.for_postgres.reading import Changes
from schemasync.engines.sqlite.for_postgres.scan import scan
from schemasync.engines.sqlite.inspect import inspect
from schemasync.schema.names import quote

from . import figures, machine
from .postgres_others import DUCKDB, PACKAGES, PGLOADER, others
from .process import ROOT

PSQL, COPY, COPIES, SCAN = "psql \\copy of a ready file", "copy", "copy, processes", "scan of values"
PROOF, PROOFS = "proof", "proof, processes"
DDL = """CREATE TABLE item (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(100) NOT NULL, note TEXT, quantity INTEGER NOT NULL,
    price DECIMAL(10, 2) NOT NULL, ratio REAL, active BOOL NOT NULL, created DATETIME NOT NULL, day DATE,
    meta TEXT CHECK (json_valid(meta)), ref CHAR(32) NOT NULL, data BLOB, other BIGINT
)"""
FIELDS = {
    "item": {
        "active": FieldKind("BooleanField"),
        "created": FieldKind("DateTimeField"),
        "day": FieldKind("DateField"),
        "meta": FieldKind("JSONField"),
        "ref": FieldKind("UUIDField"),
    }
}
EXPLAINED = (
    "The last two columns: the rate of a copy beside psql's, and the time of scan and proof beside the copy's; by the "
    "clock, and by the processor seconds of whoever needs more, ours or PostgreSQL, which other work on the machine "
    "disturbs less."
)


def make(path: Path, rows: int) -> None:
    """Create a database with a table of mixed columns. Its rows are the same in each run."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; {DDL}")
        marks = ", ".join("?" * 12)
        connection.execute("BEGIN")
        connection.executemany(f"INSERT INTO item VALUES (NULL, {marks})", _rows(rows))
        connection.execute("COMMIT")


def _rows(count: int) -> Iterator[tuple[Any, ...]]:
    chosen = random.Random(1)
    for number in range(count):
        day = f"20{chosen.randrange(10, 26)}-0{chosen.randrange(1, 10)}-1{chosen.randrange(10)}"
        yield (
            f"Item {number} é{chosen.randrange(1000)}",
            "some words of a note " * chosen.randrange(1, 6) if number % 7 else None,
            chosen.randrange(1000),
            chosen.randrange(100_000) / 100,
            chosen.random() if number % 5 else None,
            chosen.randrange(2),
            f"{day} 1{chosen.randrange(10)}:30:0{chosen.randrange(10)}.{chosen.randrange(1_000_000):06d}",
            day,
            json.dumps({"a": number, "tags": ["x", "y"], "f": 1.5}),
            f"{chosen.getrandbits(128):032x}",
            chosen.randbytes(16) if number % 3 == 0 else None,
            chosen.getrandbits(60),
        )


def _table(connection: sqlite3.Connection) -> MovedTable:
    schema = inspect(connection).schema
    (table,) = moved_tables(schema, columns_of(schema, FIELDS))
    return table


def step(what: str, path: Path, socket: str) -> dict[str, float]:
    """Run one step in this process. Return its seconds, its seconds of the processor, and its peak memory in MiB."""
    target = Target({"host": socket, "user": "schemasync", "dbname": "postgres"})
    with target.connection() as there, closing(Opener().read(path)) as source:
        table = _table(source)
        began, processor = time.perf_counter(), time.process_time()
        match what:
            case "scan":
                assert scan(source, table) == ()
            case "copy":
                copy_table(source, there, table, Changes(), judged=())
            case "copies":
                with started(path, target, useful()) as processes:
                    processes.copy(parts_of(source, [table], {}), Changes())
            case "proof":
                assert compare_table(source, there, table, judged=()).is_equal
            case "proofs":
                with started(path, target, useful()) as processes:
                    assert processes.compare(parts_of(source, [table], {}))["item"].is_equal
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - processor + used.ru_utime + used.ru_stime,
        "memory": max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, used.ru_maxrss) / 1024,
    }


@contextmanager
def server() -> Iterator[str]:
    """Run a PostgreSQL of its own without fsync. Yield the folder of its socket."""
    from tests.support.postgres import own_server

    with own_server() as folder:
        yield str(folder)


def _psql(socket: str, sql: str) -> dict[str, float]:
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["psql", "-X", "-q", "-h", socket, "-U", "schemasync", "-d", "postgres", "-c", sql], check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": time.perf_counter() - began, "processor": processor}


def _with_server(socket: str, work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Do some work. Return its figures, and the processor seconds of PostgreSQL's processes that ended with it."""
    before = _of_ended_backends(socket)
    found = work()
    time.sleep(0.2)  # until the server has noticed their end
    return {**found, "server": _of_ended_backends(socket) - before}


def _of_ended_backends(socket: str) -> float:
    postmaster = (Path(socket) / "data" / "postmaster.pid").read_text().split()[0]
    fields = Path(f"/proc/{postmaster}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def _step(what: str, path: Path, socket: str) -> dict[str, float]:
    code = "import sys; from pathlib import Path; from benchmarks.postgres import step; import json; "
    code += "print(json.dumps(step(sys.argv[1], Path(sys.argv[2]), sys.argv[3])))"
    done = subprocess.run(
        [sys.executable, "-c", code, what, path, socket], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(folder: Path, rows: int, rounds: int, say: Callable[[str], object]) -> dict[str, list[dict[str, float]]]:
    """Run the steps in turn on one server. Return the figures of each round by step."""
    folder.mkdir(parents=True, exist_ok=True)
    path, ready = folder / f"{rows}.sqlite3", folder / f"{rows}.tsv"
    make(path, rows)
    order = (PSQL, COPY, COPIES, PGLOADER, DUCKDB, SCAN, PROOF, PROOFS)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in order}
    with server() as socket, Target({"host": socket, "user": "schemasync", "dbname": "postgres"}).connection() as there:
        with closing(Opener().read(path)) as source:
            there.execute(_create(_table(source)).encode())
        _step("copy", path, socket)
        _psql(socket, f"\\copy item TO '{ready}'")

        def take(name: str, work: Callable[[], dict[str, float]]) -> None:
            found[name].append(_with_server(socket, work))

        def empty() -> None:
            there.execute("TRUNCATE item")
            there.execute("CHECKPOINT")

        for number in range(rounds):
            empty()
            take(PSQL, lambda: _psql(socket, f"\\copy item FROM '{ready}'"))
            empty()
            take(COPIES, lambda: _step("copies", path, socket))
            empty()
            take(COPY, lambda: _step("copy", path, socket))
            there.execute("ALTER TABLE item ADD PRIMARY KEY (id)")
            take(PROOF, lambda: _step("proof", path, socket))
            take(PROOFS, lambda: _step("proofs", path, socket))
            there.execute("ALTER TABLE item DROP CONSTRAINT item_pkey")
            take(SCAN, lambda: _step("scan", path, socket))
            for name, copied in others(path, socket):
                empty()
                take(name, copied)
                _check_count(there, name, rows)
            say(f"{rows:,} rows, round {number + 1} of {rounds}")
    return {name: taken for name, taken in found.items() if taken}


def _check_count(there: Any, name: str, rows: int) -> None:
    """Raise ValueError if rows are missing: exit code 0 is no proof."""
    (count,) = there.execute("SELECT count(*) FROM item").fetchone()
    if count != rows:
        raise ValueError(f"{name} has copied {count:,} of {rows:,} rows")


def _create(table: MovedTable) -> str:
    columns = ", ".join(map(_column, table.columns))
    return f"CREATE TABLE item ({columns})"


def _column(column: PgColumn) -> str:
    collation = ' COLLATE "C"' if column.collation else ""
    return f"{quote(column.name)} {column.type.sql}{collation}{' NOT NULL' if column.not_null else ''}"


def report(found: dict[int, dict[str, list[dict[str, float]]]]) -> list[str]:
    """Return the figures as Markdown."""
    lines = []
    for rows, steps in found.items():
        table = [_line(name, rows, steps) for name in steps]
        headings = (
            "",
            "seconds",
            "rows a second",
            "processor: ours",
            "PostgreSQL's",
            "peak MiB",
            "in time",
            "in processor",
        )
        lines += [
            f"{rows:,} rows of 13 mixed columns; medians of {len(steps[COPY])}. {EXPLAINED}",
            "",
            *figures.table(headings, table),
            "",
        ]
    return lines


def _line(name: str, rows: int, steps: dict[str, list[dict[str, float]]]) -> list[str]:
    several = steps[name]

    def middle(key: str) -> float:
        return median([one[key] for one in several])

    ratios = ["", ""]
    if name != PSQL:
        is_copy = name in (COPY, COPIES, PGLOADER, DUCKDB)
        pairs = list(zip(several, steps[PSQL if is_copy else COPY], strict=True))
        ratios[0] = _ratio([(one["seconds"], other["seconds"]) for one, other in pairs], is_rate=is_copy)
        if name not in (COPIES, PROOFS):  # their processes spend these seconds at the same time
            ratios[1] = _ratio([(_busiest(one), _busiest(other)) for one, other in pairs], is_rate=is_copy)
    memory = f"{middle('memory'):.0f}" if "memory" in several[0] else ""
    seconds = figures.spread([one["seconds"] for one in several], ".1f")
    rate = f"{rows / middle('seconds'):,.0f}"
    return [name, seconds, rate, f"{middle('processor'):.1f}", f"{middle('server'):.1f}", memory, *ratios]


def _ratio(pairs: Sequence[tuple[float, float]], *, is_rate: bool) -> str:
    return figures.spread([other / one if is_rate else one / other for one, other in pairs])


def _busiest(one: dict[str, float]) -> float:
    return max(one["processor"], one["server"])


def run(folder: Path, rows: Sequence[int], rounds: int, say: Callable[[str], object]) -> Sequence[str]:
    if shutil.which("psql") is None:
        raise ValueError("psql is not here: apt-get install postgresql-client")
    head = [
        *machine.described(),
        f"{useful()} processes copy at once, on {os.cpu_count()} cores that PostgreSQL shares; pgloader and DuckDB "
        f"({', '.join(PACKAGES)}) copy without a scan or a proof",
    ]
    found = {count: measure(folder / "postgres", count, rounds, say) for count in rows}
    return ["  \n".join(head), "", *report(found)]
