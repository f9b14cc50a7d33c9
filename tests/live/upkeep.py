"""Other work in a database during a run: upkeep, backups, pragmas and open cursors, at random by a seed.

None of it changes a row for good, so the ledger's sums show whether a row was lost. Each backup must be a consistent
snapshot, too.
"""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from .writers import ACCOUNTS, BALANCE, MOVED, SUPERSEDED, TIME

PAUSES = (0.01, 0.2)  # seconds between two operations, at least and at most
EXPECTED = (SUPERSEDED, "locked", "schema has changed", "interrupted")


class Upkeep:
    """Work in a process until the flag is set. A call returns the count of each operation; `done` is the sum so far."""

    def __init__(self, link: Path, folder: Path, stop: Callable[[], bool], seed: int) -> None:
        self.link, self.folder, self.stop = link, folder, stop
        self.chance = random.Random(seed)
        self.done = multiprocessing.RawValue("q", 0)

    def __call__(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        names = list(MAINTENANCE)
        weights = [MAINTENANCE[name][0] for name in names]
        while not self.stop():
            (name,) = self.chance.choices(names, weights)
            try:
                with closing(_open(self.link)) as connection:
                    MAINTENANCE[name][1](self, connection)
                counts[name] += 1
                self.done.value += 1
            except sqlite3.OperationalError as error:
                assert any(part in str(error) for part in EXPECTED), f"{name}: {error}"
                counts[f"{name}, refused"] += 1
            time.sleep(self.chance.uniform(*PAUSES))
        return counts

    # --- operations -----------------------------------------------------------------------------------------------

    def analyze(self, connection: sqlite3.Connection) -> None:
        """Run ANALYZE, sometimes without earlier statistics, so that it changes schema_version."""
        if self.chance.random() < 0.5:
            connection.execute("DROP TABLE IF EXISTS sqlite_stat1")
        connection.execute(self.chance.choice(["ANALYZE", "PRAGMA optimize", "ANALYZE moves"])).fetchall()

    def reindex(self, connection: sqlite3.Connection) -> None:
        connection.execute(self.chance.choice(["REINDEX", "REINDEX moves"]))

    def vacuum(self, connection: sqlite3.Connection) -> None:
        connection.execute("VACUUM")

    def checkpoint(self, connection: sqlite3.Connection) -> None:
        mode = self.chance.choice(["PASSIVE", "FULL", "RESTART", "TRUNCATE"])
        connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()

    def pragmas(self, connection: sqlite3.Connection) -> None:
        """Write with settings of its own, and leave each row with its old values."""
        for pragma in ("foreign_keys", "recursive_triggers", "secure_delete", "reverse_unordered_selects"):
            connection.execute(f"PRAGMA {pragma}={self.chance.choice(['ON', 'OFF'])}").fetchall()
        connection.execute(f"PRAGMA synchronous={self.chance.choice(['OFF', 'NORMAL', 'FULL', 'EXTRA'])}")
        account = self.chance.randrange(ACCOUNTS)
        connection.execute("INSERT OR REPLACE INTO accounts SELECT * FROM accounts WHERE id = ?", (account,))
        connection.execute("UPDATE accounts SET balance = balance WHERE id > ?", (account,))

    def move_away_and_back(self, connection: sqlite3.Connection) -> None:
        """Insert a row with a very high id and delete it, in two transactions."""
        account = 10**12 + self.chance.randrange(ACCOUNTS)
        connection.execute("PRAGMA foreign_keys=OFF")
        # an earlier one is still there if its DELETE was refused
        connection.execute("INSERT OR IGNORE INTO accounts VALUES (?, 0)", (account,))
        time.sleep(self.chance.random() * 0.1)
        with closing(_open(self.link)) as other:
            other.execute("DELETE FROM accounts WHERE id >= ?", (10**12,))

    def backup(self, connection: sqlite3.Connection) -> None:
        """Copy with the backup API, at once or 50 pages at a time, and check the copy."""
        place = self._place()
        with closing(sqlite3.connect(place)) as copy:
            connection.backup(copy, pages=self.chance.choice([-1, 50]), sleep=0.001)
            _check(copy)
        place.unlink()

    def vacuum_into(self, connection: sqlite3.Connection) -> None:
        place = self._place()
        connection.execute("VACUUM INTO ?", (str(place),))
        with closing(sqlite3.connect(place)) as copy:
            _check(copy)
        place.unlink()

    def keep_a_cursor(self, connection: sqlite3.Connection) -> None:
        """Read a part of a cursor, then the rest. In between, its connection sometimes writes."""
        cursor = connection.execute("SELECT key, amount FROM moves ORDER BY id")
        cursor.fetchmany(3)
        time.sleep(self.chance.random() * 0.3)
        if self.chance.random() < 0.5:
            connection.execute("UPDATE accounts SET balance = balance WHERE id = 1")
        cursor.fetchall()

    def _place(self) -> Path:
        place = self.folder / f"copy-{self.chance.randrange(10**9)}.sqlite3"
        place.unlink(missing_ok=True)
        return place


MAINTENANCE: dict[str, tuple[float, Callable[[Upkeep, sqlite3.Connection], None]]] = {
    "VACUUM": (0.4, Upkeep.vacuum),
    "ANALYZE": (1, Upkeep.analyze),
    "REINDEX": (1, Upkeep.reindex),
    "checkpoints": (2, Upkeep.checkpoint),
    "writes with other pragmas": (3, Upkeep.pragmas),
    "keys moved away and back": (1, Upkeep.move_away_and_back),
    "backups": (1, Upkeep.backup),
    "VACUUM INTO": (1, Upkeep.vacuum_into),
    "kept cursors": (2, Upkeep.keep_a_cursor),
}
"""By name: the relative frequency of an operation, and its method."""


def _open(link: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{link}?mode=rw", uri=True, isolation_level=None, timeout=30)


def _check(copy: sqlite3.Connection) -> None:
    """Check that a backup is a consistent snapshot."""
    balance, moved, _ = copy.execute(f"SELECT ({BALANCE}), ({MOVED}), ({TIME})").fetchone()
    assert balance == moved, f"a backup has {balance} beside {moved}"
    check_mirror(copy)


def check_mirror(connection: sqlite3.Connection) -> None:
    """Check that the table without ids holds exactly the rows of every eighth move."""
    mirrored = sorted(connection.execute("SELECT key, amount FROM mirror"))
    wanted = sorted(connection.execute("SELECT key, amount FROM moves WHERE id % 8 = 0"))
    lost, extra = set(wanted) - set(mirrored), set(mirrored) - set(wanted)
    assert mirrored == wanted, f"of rows without ids {len(lost)} are lost, {len(extra)} are there that nobody wrote"
