"""Create the database that all goals are measured on: by Django's migrations, with the same rows every time."""

from __future__ import annotations

import hashlib
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

ROWS_PER_MB = 3_000  # of the table that changes: 900,000 in some 300 MB, with the two other tables
ORDERS_OF_ONE = 9  # customer
USERS = 1_000
STATES = ("new", "paid", "sent", "received")
TEXTS = 4_096  # different comments and texts
BEGINNING = datetime(2020, 1, 1, 8)
WORDS = (
    "please leave it at the door ring twice the neighbour takes parcels too call before you come thank you in the "
    "afternoon only not on a monday second floor on the left handle with care gift wrapping would be nice"
).split()

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The measured database: `plain` is a file that migrations created, `adopted` a folder with the same database as
    `db.sqlite3`, adopted.

    `schema`: its schema.json.
    """

    plain: Path
    adopted: Path

    @property
    def schema(self) -> Path:
        return self.adopted / "schema.json"

    def copied(self, folder: Path) -> Source:
        """Copy this source into another folder. Return the copy."""
        found = Source(folder / self.plain.name, folder / self.adopted.name)
        shutil.copy(self.plain, found.plain)
        shutil.copytree(self.adopted, found.adopted, symlinks=True)
        settle(found.plain)
        settle(found.adopted / "db.sqlite3")
        return found

    @property
    def bytes(self) -> int:
        return self.plain.stat().st_size


def made_by() -> str:
    """Return a digest of the code that creates a source: figures from a source of other code cannot be compared."""
    migration = process.ROOT / "benchmarks" / "shop" / "migrations" / "0001_initial.py"
    return hashlib.sha256(Path(__file__).read_bytes() + migration.read_bytes()).hexdigest()[:8]


def source(folder: Path, rows: int) -> Source:
    """Return the source in that folder. Create it if it is not there yet."""
    found = Source(folder / f"{rows}.sqlite3", folder / f"{rows}.adopted")
    if not found.adopted.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _make(found, rows)
    return found


def copy_of_plain(source: Source, folder: Path) -> Path:
    """Copy the file that migrations created into a new folder. Return the path of the copy."""
    folder.mkdir()
    database = folder / "db.sqlite3"
    shutil.copy(source.plain, database)
    settle(database)
    return database


def copy_of_adopted(source: Source, folder: Path) -> Path:
    """Copy the adopted database as a new folder. Return the path of the copy."""
    shutil.copytree(source.adopted, folder, symlinks=True)
    database = folder / "db.sqlite3"
    settle(database)
    return database


def settle(path: Path) -> None:
    """Wait until a file is on the disk, so that the next measurement does not include that."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _make(found: Source, rows: int) -> None:
    scratch = found.adopted.with_suffix(".making")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    found.plain.unlink(missing_ok=True)
    process.manage("migrate", database=found.plain, change="none")
    with closing(sqlite3.connect(found.plain)) as connection, connection:
        connection.execute("DELETE FROM django_migrations WHERE app = 'shop' AND name = '0002_change'")
        _fill(connection, rows)
    database = scratch / "db.sqlite3"
    shutil.copy(found.plain, database)
    process.manage("schemasync", "adopt", database=database)  # this also writes schema.json
    settle(found.plain)
    scratch.rename(found.adopted)  # last, so that an incomplete source is created again


def _fill(connection: sqlite3.Connection, rows: int) -> None:
    random = Random(1)
    customers = max(1, rows // ORDERS_OF_ONE)
    connection.executemany("INSERT INTO shop_customer VALUES (?, ?, ?)", _customers(random, customers))
    connection.executemany(
        "INSERT INTO shop_order (id, customer_id, recommended_by_id, placed_on, total, quantity, weight, state, "
        "comment) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        _orders(random, rows, customers),
    )
    connection.executemany("INSERT INTO shop_event (id, order_id, at, text) VALUES (?, ?, ?, ?)", _events(random, rows))
    connection.executemany(
        "INSERT INTO auth_user (password, is_superuser, username, last_name, email, is_staff, is_active, date_joined, "
        "first_name) VALUES ('!', 0, 'user ' || ?1, '', '', 0, 1, ?2, '')",
        ((number, BEGINNING.isoformat(" ")) for number in range(USERS)),
    )


def _customers(random: Random, count: int) -> Iterator[Row]:
    for number in range(1, count + 1):
        yield number, f"{_words(random, 2).title()} {number}", f"{number % 200} {_words(random, 4).title()}"


def _orders(random: Random, count: int, customers: int) -> Iterator[Row]:
    comments = [_words(random, 15)[:100] for _ in range(TEXTS)]
    for number in range(1, count + 1):
        customer, by = int(random.random() * customers) + 1, int(random.random() * customers) + 1
        placed_on = (BEGINNING + timedelta(minutes=3 * number)).date().isoformat()
        total, quantity, weight = round(random.random() * 500, 2), number % 7 + 1, int(random.random() * 9000)
        comment = comments[int(random.random() * TEXTS)]
        yield number, customer, by, placed_on, total, quantity, weight, STATES[number % len(STATES)], comment


def _events(random: Random, orders: int) -> Iterator[Row]:
    texts = [_words(random, 15) for _ in range(TEXTS)]
    for number in range(1, orders + 1):
        at = (BEGINNING + timedelta(minutes=3 * number, seconds=int(random.random() * 170))).isoformat(" ")
        yield number, int(random.random() * orders) + 1, at, texts[int(random.random() * TEXTS)]


def _words(random: Random, count: int) -> str:
    return " ".join([WORDS[int(random.random() * len(WORDS))] for _ in range(count)])
