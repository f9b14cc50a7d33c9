"""Bookkeeping under load: what every writer was told is noted outside the database, and holds in the end.

Each transaction changes two tables so that their sums stay equal; readers ask for that in every snapshot, and that
time does not go back. Runs of schemasync come and go meanwhile, and are killed, and so are writers.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from schemasync.files.door import Door, Label
from schemasync.schema import document
from schemasync.sync.limits import Limits
from schemasync.sync.preflight import Wishes
from schemasync.sync.runner import sync
from schemasync.sync.target import Target, target
from tests.crash.processes import Child, Ended
from tests.crash.worlds import fence_of, recovery, traces, whole

ACCOUNTS = 50
PATIENT = Wishes(back=True, limits=Limits(max_pause=1.0, give_up=120.0))
SUPERSEDED = "schemasync: superseded"


def schema(version: int) -> Any:
    """Every version writes the moves again; every third one gives the accounts another shape, too."""
    tree = {
        "accounts": {
            "id": "INTEGER PRIMARY KEY",
            "balance": f"INTEGER NOT NULL CHECK (balance > {-(10**15) - version // 3})",
        },
        "moves": {
            "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
            "key": f"TEXT NOT NULL UNIQUE CHECK (length(key) < {100 + version})",
            "account": "INTEGER NOT NULL REFERENCES accounts (id)",
            "amount": "INTEGER NOT NULL",
            "_indexes": ["account"],
        },
    }
    return document.read(json.dumps(tree).encode())


@dataclass(frozen=True)
class Flag:
    """A file that is there or not: an event of multiprocessing has a lock, which a process that is killed keeps."""

    path: Path

    def set(self) -> None:
        self.path.touch()

    def is_set(self) -> bool:
        return self.path.exists()


@dataclass
class Ledger:
    """One database under load. `counts` tells what happened; `check` fails where it does not add up."""

    folder: Path
    seed: int
    keep_open: bool = True
    only_inserts: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    version: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.link = self.folder / "db.sqlite3"
        self.chance = random.Random(self.seed)
        self.stop = Flag(self.folder / "stop")
        self.writers: list[tuple[Child, Path]] = []
        self.readers: list[Child] = []
        self.notes: list[Path] = []
        sync(self.target(), schema(0))
        with closing(sqlite3.connect(self.link)) as connection, connection:
            connection.executemany("INSERT INTO accounts VALUES (?, 0)", [(n,) for n in range(ACCOUNTS)])

    def target(self, observer: Any = None) -> Target:
        return target(self.link, door=Door(observer) if observer else Door(), wait=60.0, keep=2)

    def start(self, writers: int, readers: int) -> None:
        for _ in range(writers):
            self.start_writer()
        self.readers = [Child(lambda: _read(self.link, self.stop)) for _ in range(readers)]

    def start_writer(self) -> None:
        number = len(self.notes)
        note = self.folder / f"writer-{number}.log"
        self.notes.append(note)
        chance = random.Random(self.seed * 1000 + number)
        deeds = partial(_inserts if self.only_inserts else _deeds, chance, number)
        keep = self.keep_open
        self.writers.append((Child(lambda: _write(self.link, note, deeds, self.stop, keep)), note))

    def kill_a_writer(self) -> None:
        """kill -9 in the middle of whatever it does; another one takes its place."""
        child, _ = self.writers.pop(self.chance.randrange(len(self.writers)))
        child.kill()
        child.ended()
        self.counts["writers killed"] += 1
        self.start_writer()

    def sync(self, kill: Any = None, *, after: float | None = None) -> Ended:
        """A run to the next version. `kill` is an observer that may kill it; or it is killed `after` some seconds.

        One that was killed is finished by another one.
        """
        self.version += 1
        wanted = schema(self.version)
        running = Child(lambda: sync(self.target(kill), wanted, PATIENT).pause_ms)
        if after is not None:
            running.process.join(after)
            running.process.kill()
        ended = running.ended(180)
        if ended.killed:
            self.counts["runs killed"] += 1
            again = Child(lambda: sync(self.target(), wanted, PATIENT).pause_ms).ended(180)
            again.result()
        else:
            self.counts["longest pause ms"] = max(self.counts["longest pause ms"], ended.result())
        self.counts["swaps"] += 1
        return ended

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *error: Any) -> None:
        """Nobody is left behind, whatever happened."""
        self.stop.set()
        for child in [*(child for child, _ in self.writers), *self.readers]:
            if child.process.is_alive():
                child.process.join(10)
                child.process.kill()
                child.process.join()

    def end(self) -> None:
        """Let everybody finish, and hold what they were told against what is there."""
        self.stop.set()
        for child, _ in self.writers:
            self.counts.update(child.ended(120).result())
        for child in self.readers:
            self.counts.update(child.ended(120).result())
        self.check(self.link)

    def told(self) -> list[Told]:
        """What each writer was told, by its notes."""
        return [_told(note) for note in self.notes]

    def wait_for_commits(self, count: int) -> None:
        """Wait until so many more were acknowledged."""
        enough = sum(one.commits for one in self.told()) + count
        deadline = time.monotonic() + 60
        while sum(one.commits for one in self.told()) < enough:
            assert time.monotonic() < deadline, "the writers do not get on"
            time.sleep(0.02)

    def check(self, path: Path) -> None:
        told = self.told()
        acknowledged = {key: amount for one in told for key, amount in one.there.items()}
        doubtful = {key for one in told for key in one.doubtful}
        self.counts["acknowledged"] = sum(one.commits for one in told)
        with closing(sqlite3.connect(path)) as connection:
            found = dict(connection.execute("SELECT key, amount FROM moves").fetchall())
            balance = connection.execute("SELECT total(balance) FROM accounts").fetchone()[0]
        lost = {key for key in acknowledged.keys() - found.keys() if key not in doubtful}
        extra = {key for key in found.keys() - acknowledged.keys() if key not in doubtful}
        wrong = {key for key in acknowledged.keys() & found.keys() if acknowledged[key] != found[key]} - doubtful
        assert not lost, f"{len(lost)} acknowledged writes are lost: {sorted(lost)[:5]}"
        assert not extra, f"{len(extra)} rows that nobody wrote: {sorted(extra)[:5]}"
        assert not wrong, f"{len(wrong)} rows hold something else: {sorted(wrong)[:5]}"
        assert balance == sum(found.values()), "the sums differ"
        Child(lambda: recovery(self.target())).ended().result()
        assert whole(path)
        assert traces(path) == []
        assert fence_of(path) is None


@dataclass
class Told:
    """A writer's notes, read: the rows that it was told are there, those of which it was told nothing, its commits."""

    there: dict[str, int] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    commits: int = 0


def _told(note: Path) -> Told:
    """Each transaction notes what it will do before it commits, and a dot when that was acknowledged."""
    told, intent = Told(), []
    for line in note.read_text().splitlines() if note.exists() else ():
        if line == ".":
            for sign, key, amount in intent:
                if sign == "+":
                    told.there[key] = amount
                else:
                    told.there.pop(key, None)
            told.commits += 1
            intent = []
        elif line == "x":
            intent = []
        elif line.count(" ") == 2:  # the last line of one that was killed may be cut
            sign, key, amount = line.split()
            intent.append((sign, key, int(amount)))
    told.doubtful = {key for _, key, _ in intent}
    return told


def _open(link: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{link}?mode=rw", uri=True, isolation_level=None, timeout=30)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def _write(link: Path, note: Path, deeds: Any, stop: Flag, keep_open: bool) -> Counter[str]:
    counts, connection, count = Counter(), None, 0
    mine: dict[str, tuple[int, int]] = {}
    with note.open("w", buffering=1) as notes:
        while not stop.is_set():
            count += 1
            plan = deeds(count, mine)
            notes.write("".join(f"{sign} {key} {amount}\n" for sign, key, _, amount in plan))
            try:
                connection = connection or _open(link)
                _do(connection, plan)
            except sqlite3.Error as error:
                notes.write("x\n")
                assert SUPERSEDED in str(error) or "locked" in str(error), error
                counts["superseded" if SUPERSEDED in str(error) else "locked"] += 1
                if connection is not None:
                    connection.close()
                connection = None
                continue
            notes.write(".\n")
            for sign, key, account, amount in plan:
                if sign == "+":
                    mine[key] = (account, amount)
                else:
                    mine.pop(key, None)
            if not keep_open:
                connection.close()
                connection = None
    if connection is not None:
        connection.close()
    return counts


def _deeds(chance: random.Random, number: int, count: int, mine: dict) -> list[tuple[str, str, int, int]]:
    """(+ or -, key, account, amount) of one transaction: rows of its own that it inserts, changes or deletes."""
    plan = []
    for part in range(chance.choice([1, 1, 2, 5])):
        if mine and chance.random() < 0.5:
            key = chance.choice(list(mine)[-200:])
            if key in {deed[1] for deed in plan}:
                continue
            account, amount = mine[key]
            if chance.random() < 0.4:
                plan.append(("+", key, account, amount + chance.randrange(-50, 50)))
            else:
                plan.append(("-", key, account, amount))
        else:
            plan.append(("+", f"w{number}-{count}-{part}", chance.randrange(ACCOUNTS), chance.randrange(-1000, 1000)))
    return plan


def _inserts(chance: random.Random, number: int, count: int, mine: dict) -> list[tuple[str, str, int, int]]:
    return [("+", f"w{number}-{count}", chance.randrange(ACCOUNTS), chance.randrange(-1000, 1000))]


def _do(connection: sqlite3.Connection, plan: list[tuple[str, str, int, int]]) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        for sign, key, account, amount in plan:
            row = connection.execute("SELECT amount FROM moves WHERE key = ?", (key,)).fetchone()
            before = row[0] if row else 0
            if sign == "-":
                connection.execute("DELETE FROM moves WHERE key = ?", (key,))
                amount = 0
            elif row:
                connection.execute("UPDATE moves SET amount = ? WHERE key = ?", (amount, key))
            else:
                connection.execute("INSERT INTO moves (key, account, amount) VALUES (?, ?, ?)", (key, account, amount))
            connection.execute("UPDATE accounts SET balance = balance + ? WHERE id = ?", (amount - before, account))
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def _read(link: Path, stop: Any) -> Counter[str]:
    """Open, look, close: the sums are equal in every snapshot, and the last id never becomes smaller."""
    counts, last = Counter(), 0
    while not stop.is_set():
        with closing(_open(link)) as connection:
            for _ in range(3):
                connection.execute("BEGIN")
                balance = connection.execute("SELECT total(balance) FROM accounts").fetchone()[0]
                moved = connection.execute("SELECT total(amount) FROM moves").fetchone()[0]
                assert balance == moved, f"a reader saw {balance} beside {moved}"
                row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'moves'").fetchone()
                assert (row[0] if row else 0) >= last, "time went back"
                last = row[0] if row else 0
                connection.execute("COMMIT")
                counts["snapshots read"] += 1
                time.sleep(0.01)
    return counts


class KillAtLabel:
    """Kills its own process before or after the n-th step of that name."""

    def __init__(self, when: str, label: Label, number: int = 0) -> None:
        self.when, self.label, self.number = when, label, number

    def __call__(self, when: str, label: Label) -> None:
        if (when, label) == (self.when, self.label):
            if self.number == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self.number -= 1


__all__ = ["KillAtLabel", "Ledger"]
