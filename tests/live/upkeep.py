"""What else goes on in a database beside a run: upkeep, backups, pragmas, cursors that stay open, drawn by a seed.

None of it changes a row for good, so that the ledger's sums say whether anything was lost. Every snapshot that a backup
takes holds together, too.
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

PAUSES = (0.01, 0.2)  # seconds between two of them, at least and at most
EXPECTED = (SUPERSEDED, "locked", "schema has changed", "interrupted")


class Upkeep:
    """Work in a process until the flag is set; returns how often each was done. `done` counts them meanwhile."""

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

    # --- what is done ---------------------------------------------------------------------------------------------

    def analyze(self, connection: sqlite3.Connection) -> None:
        """Now and then as if for the first time, which moves schema_version."""
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
        """A writer with settings of its own: what it writes leaves each row what it was."""
        for pragma in ("foreign_keys", "recursive_triggers", "secure_delete", "reverse_unordered_selects"):
            connection.execute(f"PRAGMA {pragma}={self.chance.choice(['ON', 'OFF'])}").fetchall()
        connection.execute(f"PRAGMA synchronous={self.chance.choice(['OFF', 'NORMAL', 'FULL', 'EXTRA'])}")
        account = self.chance.randrange(ACCOUNTS)
        connection.execute("INSERT OR REPLACE INTO accounts SELECT * FROM accounts WHERE id = ?", (account,))
        connection.execute("UPDATE accounts SET balance = balance WHERE id > ?", (account,))

    def move_away_and_back(self, connection: sqlite3.Connection) -> None:
        """A row that has another key for a moment, in two transactions; the counter stays where it is."""
        account = 10**12 + self.chance.randrange(ACCOUNTS)
        connection.execute("PRAGMA foreign_keys=OFF")
        # an earlier one is still there if its DELETE was refused
        connection.execute("INSERT OR IGNORE INTO accounts VALUES (?, 0)", (account,))
        time.sleep(self.chance.random() * 0.1)
        with closing(_open(self.link)) as other:
            other.execute("DELETE FROM accounts WHERE id >= ?", (10**12,))

    def backup(self, connection: sqlite3.Connection) -> None:
        """By the backup API, a few pages at a time."""
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
        """It is read a little, and later on; in between its own connection writes."""
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
"""How often, by the side of the others, and what."""


def _open(link: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{link}?mode=rw", uri=True, isolation_level=None, timeout=30)


def _check(copy: sqlite3.Connection) -> None:
    """A backup is a snapshot that holds together."""
    balance, moved, _ = copy.execute(f"SELECT ({BALANCE}), ({MOVED}), ({TIME})").fetchone()
    assert balance == moved, f"a backup has {balance} beside {moved}"
    check_mirror(copy)


def check_mirror(connection: sqlite3.Connection) -> None:
    """The table without ids holds exactly the rows that it should."""
    mirrored = sorted(connection.execute("SELECT key, amount FROM mirror"))
    wanted = sorted(connection.execute("SELECT key, amount FROM moves WHERE id % 8 = 0"))
    lost, extra = set(wanted) - set(mirrored), set(mirrored) - set(wanted)
    assert mirrored == wanted, f"of rows without ids {len(lost)} are lost, {len(extra)} are there that nobody wrote"
