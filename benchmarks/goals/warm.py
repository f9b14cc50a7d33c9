"""A sync with nothing to do in a warm process: `python -m benchmarks.goals.warm FOLDER TABLES ROUNDS` prints, as pairs
in JSON, the seconds of `call_command("schemasync")` and of a new connection that reads the newest history row.

Each figure is the median of several calls, taken in turn.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

from benchmarks.tables import schema

CALLS = 20
NEWEST = "SELECT * FROM _schema_versions ORDER BY id DESC LIMIT 1"


def main(folder: Path, tables: int, rounds: int) -> None:
    import django
    from django.conf import settings
    from django.core.management import call_command

    folder.mkdir(parents=True, exist_ok=True)
    database, wanted = folder / "db.sqlite3", folder / "schema.json"
    settings.configure(
        INSTALLED_APPS=["schemasync"],
        SCHEMASYNC={"SCHEMA": wanted},
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "schemasync.backends.sqlite3", "NAME": database}},
    )
    django.setup()
    wanted.write_text(schema(tables), "utf-8")
    call_command("schemasync", verbosity=0)
    generation = database.readlink()

    def sync() -> None:
        call_command("schemasync", verbosity=0)

    def read() -> None:
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute(NEWEST).fetchone()

    taken = [_round(sync, read) for _ in range(rounds + 1)]
    assert database.readlink() == generation
    print(json.dumps(taken[1:]))  # the first one was the warm-up


def _round(sync: Callable[[], None], read: Callable[[], None]) -> tuple[float, float]:
    pairs = [(_seconds(sync), _seconds(read)) for _ in range(CALLS)]
    return median(ours for ours, _ in pairs), median(theirs for _, theirs in pairs)


def _seconds(call: Callable[[], None]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), int(sys.argv[2]), int(sys.argv[3]))
