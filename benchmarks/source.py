"""The database that everything is measured on: made by Django's migrations, filled the same way every time."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from . import process

ROWS = 900_000  # of the table that changes: with the two others some 300 MB
ORDERS_OF_ONE = 9  # customer
BEGINNING = datetime(2020, 1, 1, 8)
WORDS = (
    "please leave it at the door ring twice the neighbour takes parcels too call before you come thank you in the "
    "afternoon only not on a monday second floor on the left handle with care gift wrapping would be nice"
).split()

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """`plain`: a file that migrations made. `adopted`: a folder that holds the same as `db.sqlite3`, taken over.

    `schema`: a schema.json that asks for just what the next migration does.
    """

    plain: Path
    adopted: Path
    schema: Path

    @property
    def bytes(self) -> int:
        return self.plain.stat().st_size


def source(folder: Path, rows: int) -> Source:
    """The source in that folder, made if it is not there yet."""
    found = Source(folder / f"{rows}.sqlite3", folder / f"{rows}.adopted", folder / f"{rows}.json")
    if not found.adopted.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _make(found, rows)
    return found


def copy_of_plain(source: Source, folder: Path) -> Path:
    """A copy of the file that migrations made, in a new folder."""
    folder.mkdir()
    database = folder / "db.sqlite3"
    shutil.copy(source.plain, database)
    settle(database)
    return database


def copy_of_adopted(source: Source, folder: Path) -> Path:
    """A copy of the database that was taken over, as a new folder."""
    shutil.copytree(source.adopted, folder, symlinks=True)
    database = folder / "db.sqlite3"
    settle(database)
    return database


def settle(path: Path) -> None:
    """Wait until a file is on the disk, so that what is measured next does not pay for it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _make(found: Source, rows: int) -> None:
    scratch = found.adopted.with_suffix(".making")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    found.plain.unlink(missing_ok=True)
    process.manage("migrate", database=found.plain)
    process.manage("migrate", "shop", "0001", database=found.plain)
    with closing(sqlite3.connect(found.plain)) as connection, connection:
        _fill(connection, rows)
    database = scratch / "db.sqlite3"
    shutil.copy(found.plain, database)
    process.manage("schemasync", "adopt", database=database)
    _write_schema(found.schema, scratch / "migrated.sqlite3")
    scratch.rename(found.adopted)  # last: the whole is there, or it is made again


def _write_schema(schema: Path, database: Path) -> None:
    """schema.json as `inspect` reads it from an empty database that has every migration behind it."""
    process.manage("migrate", database=database)
    process.manage("schemasync", "inspect", str(database), "-o", str(schema), "--noinput", database=database)
    database.unlink()


def _fill(connection: sqlite3.Connection, rows: int) -> None:
    random = Random(1)
    customers = max(1, rows // ORDERS_OF_ONE)
    connection.executemany("INSERT INTO shop_customer VALUES (?, ?, ?)", _customers(random, customers))
    connection.executemany(
        "INSERT INTO shop_order (id, customer_id, placed_on, total, comment) VALUES (?, ?, ?, ?, ?)",
        _orders(random, rows, customers),
    )
    connection.executemany("INSERT INTO shop_event (id, order_id, at, text) VALUES (?, ?, ?, ?)", _events(random, rows))


def _customers(random: Random, count: int) -> Iterator[Row]:
    for number in range(1, count + 1):
        yield number, f"{_words(random, 2).title()} {number}", f"{number % 200} {_words(random, 4).title()}"


def _orders(random: Random, count: int, customers: int) -> Iterator[Row]:
    for number in range(1, count + 1):
        placed_on = (BEGINNING + timedelta(minutes=3 * number)).date().isoformat()
        total = round(random.random() * 500, 2)
        yield number, int(random.random() * customers) + 1, placed_on, total, _words(random, 14)[:100]


def _events(random: Random, orders: int) -> Iterator[Row]:
    for number in range(1, orders + 1):
        at = (BEGINNING + timedelta(minutes=3 * number, seconds=int(random.random() * 170))).isoformat(" ")
        yield number, int(random.random() * orders) + 1, at, _words(random, 19)


def _words(random: Random, count: int) -> str:
    return " ".join([WORDS[int(random.random() * len(WORDS))] for _ in range(count)])
