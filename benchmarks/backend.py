"""Compare the cost of a statement on our backend, with METRICS on and off, and on Django's own with the same settings.
No run is at work meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from . import figures, machine

OURS, OFF, STOCK = "ours", "off", "stock"
ENGINES = {
    OURS: "schemasync.backends.sqlite3",
    OFF: "schemasync.backends.sqlite3",
    STOCK: "django.db.backends.sqlite3",
}
COUNT = 20_000  # statements a round
BATCH = 500  # statements on one alias, then on the next one, so that other work on the machine disturbs all alike
TABLES = 50  # of the database, each with an index
STATEMENTS = ("SELECT 1", "SELECT 1, with a cursor of its own", "an INSERT in autocommit", "a transaction of an INSERT")


def configure(folder: Path) -> None:
    """Configure Django with one database under three aliases, and create the database."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    options = {
        OURS: {},
        OFF: {},
        STOCK: {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    settings.configure(
        INSTALLED_APPS=["schemasync"],
        SCHEMASYNC={"SCHEMA": folder / "schema.json"},
        USE_TZ=True,
        DATABASES={
            "default" if name == OURS else name: {
                "ENGINE": engine,
                "NAME": folder / "db.sqlite3",
                "OPTIONS": options[name],
            }
            for name, engine in ENGINES.items()
        },
    )
    django.setup()
    table = {"id": "INTEGER PRIMARY KEY", "a": "TEXT", "_indexes": ["a"]}
    (folder / "schema.json").write_text(json.dumps({f"t{number}": table for number in range(TABLES)}))
    call_command("schemasync", verbosity=0)


def _work(connection: Any, what: str, count: int) -> None:
    from django.db import transaction

    insert = "INSERT INTO t0 (a) VALUES (%s)"
    kept = connection.cursor()
    for _ in range(count):
        if what == STATEMENTS[0]:
            kept.execute("SELECT 1").fetchone()
        elif what == STATEMENTS[1]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1").fetchone()
        elif what == STATEMENTS[2]:
            kept.execute(insert, ["x"])
        else:
            with transaction.atomic(using=connection.alias):
                kept.execute(insert, ["x"])


def measure(rounds: int, say: Callable[[str], object]) -> dict[str, dict[str, list[float]]]:
    """Return the microseconds of the processor for a statement, by statement and by name of the backend.

    The backends take turns, after a round as a warm-up.
    """
    from django.db import connections

    aliases = {OURS: "default", OFF: OFF, STOCK: STOCK}
    off: Any = connections[OFF]
    off.ensure_connection()
    off.measured = None  # like METRICS off, but for one alias: the setting is for all databases of a process
    found: dict[str, dict[str, list[float]]] = {what: {name: [] for name in ENGINES} for what in STATEMENTS}
    for number in range(rounds + 1):
        for what in STATEMENTS:
            spent = _round({name: connections[aliases[name]] for name in ENGINES}, what)
            for name in ENGINES if number > 0 else ():
                found[what][name].append(spent[name] / COUNT * 1e6)
    say(f"{rounds} rounds")
    return found


def _round(on: dict[str, Any], what: str) -> dict[str, float]:
    """Return the seconds of the processor for COUNT statements on each connection, in batches that take turns."""
    spent = dict.fromkeys(on, 0.0)
    for number in range(COUNT // BATCH):
        for name in on if number % 2 else reversed(on):
            began = time.process_time()
            _work(on[name], what, BATCH)
            spent[name] += time.process_time() - began
    return spent


def report(found: dict[str, dict[str, list[float]]]) -> list[str]:
    """Return the figures as Markdown."""
    rows = [
        [
            what,
            figures.spread(both[STOCK], ".1f"),
            figures.spread(both[OURS], ".1f"),
            f"{median(both[OURS]) - median(both[STOCK]):.1f}",
            figures.spread([ours / stock for ours, stock in zip(both[OURS], both[STOCK], strict=True)]),
            figures.spread([on / off for on, off in zip(both[OURS], both[OFF], strict=True)], ".3f"),
        ]
        for what, both in found.items()
    ]
    rounds = len(found[STATEMENTS[0]][OURS])
    return [
        f"{COUNT:,} of each on a database of {TABLES} tables, no run at work; {rounds} rounds after a warm-up, in "
        f"turns of {BATCH}. Microseconds of the processor, medians (smallest to largest). The goal for METRICS is "
        "at most 1.02 times the time without.",
        "",
        *figures.table(("", "Django's own", "ours", "added", "times", "times METRICS off"), rows),
    ]


def run(folder: Path, rounds: int, say: Callable[[str], object]) -> Sequence[str]:
    head = machine.described()
    configure(folder / "backend")
    return ["  \n".join(head), "", *report(measure(rounds, say))]
