"""The demo's ERP moves to PostgreSQL while writers write: every acknowledged write is there, and every row is equal, by
a comparison that shares no code with schemasync."""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks import machine

from ..demo.demo import Demo
from ..demo.served import ask, served, until_written
from ..support import postgres
from ..support.postgres import USER, Database

WRITERS = 4
RELOADS = 3
AT_ONCE = 5_000  # rows
WRITER = """
import random, sqlite3, sys, time
link, me, seed, acked = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), open(sys.argv[4], "w", buffering=1)
chance, mine, number = random.Random(seed * 10 + me), [], 0
connection = sqlite3.connect(link, timeout=60, isolation_level=None)
connection.execute("PRAGMA foreign_keys = ON")
while True:
    number += 1
    kind, note = chance.random(), f"w{me}-{number}"
    try:
        connection.execute("BEGIN IMMEDIATE")
        if kind < 0.5 or not mine:
            values = (chance.randrange(1, 9), chance.randrange(1, 20), chance.randrange(1, 97) / 4, note)
            key = connection.execute("INSERT INTO TimeEntries (project_id, user_id, work_date, hours, activity, note)"
                " VALUES (?, ?, '2026-01-02', ?, 'support', ?)", values).lastrowid
            done = ["insert", key, note]
        elif kind < 0.85:
            key = chance.choice(mine)
            connection.execute("UPDATE TimeEntries SET note = ?, hours = ? WHERE entry_id = ?",
                (note, chance.randrange(1, 97) / 4, key))
            connection.execute("UPDATE Projects SET budget = ? WHERE project_id = ?", (number, 9 + me))
            done = ["update", key, note]
        else:
            key = mine.pop(chance.randrange(len(mine)))
            connection.execute("DELETE FROM TimeEntries WHERE entry_id = ?", (key,))
            done = ["delete", key, None]
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        print(error)
        sys.exit(0 if "has moved to pg" in str(error) else 1)
    if done[0] == "insert":
        mine.append(key)
    acked.write(f"{done[0]} {key} {note}\\n")
    time.sleep(0.003)
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long move", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--entries", type=int, default=1_000_000, help="rows of the largest table")
    given = parser.parse_args(arguments)
    when, _, where = machine.described()
    print(f"$ python -m tests.long move --seed {given.seed} --entries {given.entries}\n{when}\n{where}", flush=True)
    with tempfile.TemporaryDirectory(prefix="move-") as folder, server() as database:
        _run(Path(folder), database, given.seed, given.entries)
        for number in range(RELOADS):
            _reload(Path(folder) / f"served-{number}", database, f"served_{number}")
    return 0


@contextmanager
def server() -> Iterator[Database]:
    """A PostgreSQL server of this run."""
    with postgres.own_server() as folder:
        yield Database(f"host={folder} user={USER} dbname=postgres")


def _run(folder: Path, database: Database, seed: int, entries: int) -> None:
    demo = Demo(folder)
    demo.done("schemasync", fresh=True)
    demo.done("filldemo", "--entries", str(entries), fresh=True)
    print(f"built: {demo.link.stat().st_size:,} bytes", flush=True)
    variables = {"DEMO_POSTGRES": database.name, "PGHOST": database.params["HOST"], "PGUSER": USER}
    environment = os.environ | demo.environment | variables
    planned = _done(demo.command("schemasync", "move", "--to", "pg", "--plan", "--json"), environment)["estimate"]
    print(f"estimated: {json.dumps(planned)}", flush=True)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(demo.link), str(me), str(seed), str(folder / f"acked-{me}")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for me in range(WRITERS)
    ]
    time.sleep(1)
    begun = time.monotonic()
    moved = _done(demo.command("schemasync", "move", "--to", "pg", "--json", "--cutover-timeout", "900"), environment)
    seconds = time.monotonic() - begun
    said = [(writer.communicate(timeout=60)[0].strip(), writer.returncode) for writer in writers]
    assert all(code == 0 for _, code in said), said
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    rows = sum(moved["rows"].values())
    print(
        f"moved in {seconds:.1f} s: {rows:,} rows ({rows / seconds:,.0f} a second, start of Django, scan, indexes and proof"
        f" included); writers waited {moved['pause_ms']} ms; largest process {peak} MB",
        flush=True,
    )
    acknowledged = _check_acknowledged(folder, database)
    compared = _check_equal(demo.link, database)
    print(f"{acknowledged:,} acknowledged writes of {WRITERS} writers are there; {compared:,} rows are equal")


def _done(command: list[str], environment: dict[str, str]) -> Any:
    """Run a command, which must succeed, and return its JSON output."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def _reload(folder: Path, database: Database, name: str) -> None:
    """Print for how long a served site cannot write: from its last write on SQLite to its first one on PostgreSQL."""
    folder.mkdir()
    demo = Demo(folder)
    demo.done("schemasync", fresh=True)
    demo.done("filldemo", "--scale", "small", fresh=True)
    with database.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    variables = {"DEMO_POSTGRES": name, "PGHOST": database.params["HOST"], "PGUSER": USER}
    with served(demo, variables, folder) as (server, port):
        until_written(port, "sqlite")
        last = [0.0]
        client = threading.Thread(target=_write_on_sqlite, args=(port, last))
        client.start()
        time.sleep(0.5)
        environment = os.environ | demo.environment | variables
        command = demo.command("schemasync", "move", "--to", "pg")
        subprocess.run(command, env=environment, capture_output=True, check=True)
        os.kill(server.pid, signal.SIGHUP)
        first = until_written(port, "postgresql")
        client.join()
    print(f"a served site wrote on PostgreSQL {first - last[0]:.2f} s after its last write on SQLite", flush=True)


def _write_on_sqlite(port: int, last: list[float]) -> None:
    while ask(port) == (200, "sqlite"):
        last[0] = time.monotonic()
        time.sleep(0.005)


def _check_acknowledged(folder: Path, database: Database) -> int:
    """Check that the last acknowledged write of each key is there. Return the number of acknowledged writes."""
    count, last = 0, {}
    for path in folder.glob("acked-*"):
        for line in path.read_text().splitlines():
            kind, key, note = line.split()
            last[int(key), path.name] = None if kind == "delete" else note
            count += 1
    with database.connect() as connection:
        there = dict(connection.execute("SELECT entry_id, note FROM \"TimeEntries\" WHERE note LIKE 'w%-%'").fetchall())
    given_again = {key for (key, _), note in last.items() if note is not None}  # ids of deleted rows are used again
    wrong = [
        (key, note)
        for (key, _), note in last.items()
        if there.get(key) != note and not (note is None and key in given_again)
    ]
    assert not wrong, wrong[:5]
    return count


def _check_equal(link: Path, database: Database) -> int:
    """Compare each row of each table, in the order of the first column. Return the number of rows."""
    count = 0
    with closing(sqlite3.connect(link)) as here, database.connect() as there:
        tables = [name for (name,) in here.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            if table.startswith(("_schema", "sqlite_")):
                continue
            columns = [name for _, name, *_ in here.execute(f'PRAGMA table_info("{table}")')]
            listed = ", ".join(f'"{name}"' for name in columns)
            ours = here.execute(f'SELECT {listed} FROM "{table}" ORDER BY 1')
            with there.transaction(), there.cursor(name="compared") as theirs:
                theirs.itersize = AT_ONCE
                theirs.execute(f'SELECT {listed} FROM "{table}" ORDER BY 1'.encode())
                for row in ours:
                    other = theirs.fetchone()
                    assert other is not None and tuple(map(_plain, row)) == tuple(map(_plain, other)), (
                        table,
                        row,
                        other,
                    )
                    count += 1
                assert theirs.fetchone() is None, table
    return count


def _plain(value: Any) -> Any:
    """Return a value in a form that is equal for both drivers: numbers by value, moments as text in UTC."""
    match value:
        case bool():
            return int(value)
        case Decimal():
            return float(value)
        case datetime():
            moment = value.astimezone(UTC) if value.tzinfo else value
            return moment.replace(tzinfo=None).isoformat(" ")
        case date():
            return value.isoformat()
        case memoryview():
            return bytes(value)
        case _:
            return value
