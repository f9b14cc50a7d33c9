"""A ledger under load: each writer records its answers outside the database, and the rows must match them in the end.

Each transaction changes two tables so that their sums stay equal. Readers check that in every snapshot, and that time
does not go back. Meanwhile schemasync runs, and runs and writers are killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count as count_up
from pathlib import Path
from typing import Any

from schemasync.files.disk import Disk, DiskStep
from schemasync.schema import document
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rollback import rollback
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import Target, target
from schemasync.sync.runner import sync
from tests.crash.databases import fence_of, recovery, traces, whole
from tests.crash.processes import FORK, Child, Ended

from . import journal
from .upkeep import Upkeep, check_mirror
from .writers import ACCOUNTS, Mine, NotDone, Plain, Plan, Reads, Site, Unanswered, Writer

PATIENT = SyncOptions(allow_older=True, limits=Limits(max_pause=1.0, cutover_timeout=120.0))
PATIENCE = 180.0  # seconds for a run while writers write, on a busy machine
RUNS = 20  # at most until one succeeds; VACUUM may end the others
PAUSE = 0.01  # seconds between two snapshots of a reader, so that writers get time
READERS = 64  # at most


MIRROR = {
    "after_insert": "AFTER INSERT ON moves WHEN NEW.id % 8 = 0 BEGIN INSERT INTO mirror VALUES (NEW.key, NEW.amount); END",
    "after_update": "AFTER UPDATE ON moves WHEN OLD.id % 8 = 0 BEGIN UPDATE mirror SET amount = NEW.amount WHERE key = NEW.key; END",
    "after_delete": "AFTER DELETE ON moves WHEN OLD.id % 8 = 0 BEGIN DELETE FROM mirror WHERE key = OLD.key; END",
}
"""Triggers of the application that copy some of the moves to a table without ids and indexes."""


def schema(version: int, *, mirrored: bool = False) -> Any:
    """Return the schema of a version. Each rewrites `moves`, and every third one changes `accounts`, too.

    `mirrored`: with a table whose row ids VACUUM renumbers; every second version rewrites it.
    """
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
    if mirrored:
        tree["moves"]["_triggers"] = MIRROR
        tree["mirror"] = {"key": "TEXT", "amount": f"INTEGER CHECK (amount > {-(10**15) - version // 2})"}
    return document.read(json.dumps(tree).encode())


@dataclass(frozen=True)
class Flag:
    """A flag as a file. An event of multiprocessing has a lock, which a killed process would keep."""

    path: Path

    def set(self) -> None:
        self.path.touch()

    def is_set(self) -> bool:
        return self.path.exists()


@dataclass(frozen=True)
class Swapped:
    """A swap: the generation that is live since, and the nanosecond `at` which the old file closed to writers. Writes
    acknowledged earlier are in the old file, and transactions begun later are not."""

    generation: str
    at: int
    pause_ms: int
    written: dict[str, tuple[int, int, int]] = field(default_factory=dict)


@dataclass
class Ledger:
    """One database under load. `counts` counts the events; `check` fails if the rows do not match the journals.

    `mirrored`: with a table without ids, so that VACUUM may end runs.
    """

    folder: Path
    seed: int
    site: Site = field(default_factory=Plain)
    keep: int = 2
    mirrored: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    version: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.link = self.folder / "db.sqlite3"
        self.chance = random.Random(self.seed)
        self.stop = Flag(self.folder / "stop")
        self.writers: list[Child] = []
        self.readers: list[Child] = []
        self.journals: list[Path] = []
        self.latest = FORK.RawArray("q", READERS)  # the time that each reader saw last
        sync(self.target(), self.schema(0))
        with closing(sqlite3.connect(self.link)) as connection, connection:
            connection.executemany("INSERT INTO accounts VALUES (?, 0)", [(n,) for n in range(ACCOUNTS)])

    def schema(self, version: int) -> Any:
        return schema(version, mirrored=self.mirrored)

    def target(self, observer: Any = None) -> Target:
        return target(self.link, disk=Disk(observer) if observer else Disk(), wait=60.0, keep=self.keep)

    # --- writers and readers ----------------------------------------------------------------------------------

    def start(self, writers: int, readers: int) -> None:
        """Start this number of processes of each kind."""
        self.site.start(self.link, self.folder)
        for _ in range(writers):
            self.start_writer()
        threads = self.site.threads
        for first in range(0, readers * threads, threads):
            slots = range(first, first + threads)
            self.readers.append(Child(lambda slots=slots: self._threads([_Reader(self, slot) for slot in slots])))

    def start_upkeep(self) -> None:
        """Start a process that vacuums, backs up and so on, at random by the seed."""
        self.upkeep = Upkeep(self.link, self.folder, self.stop.is_set, self.seed)
        self.readers.append(Child(self.upkeep))

    def start_writer(self) -> None:
        first = len(self.journals)
        numbers = range(first, first + self.site.threads)
        self.journals += [self.folder / f"writer-{number}.log" for number in numbers]
        self.writers.append(Child(lambda: self._threads([_Writer(self, number) for number in numbers])))

    def _threads(self, work: list[Callable[[], Counter[str]]]) -> Counter[str]:
        """Do the work in threads of this process, and return the sum of their counts."""
        self.site.enter()
        with ThreadPoolExecutor(len(work)) as pool:
            return sum(pool.map(lambda one: one(), work), Counter())

    def kill_a_writer(self) -> None:
        """kill -9 a random writer at any moment, and start another one."""
        child = self.writers.pop(self.chance.randrange(len(self.writers)))
        child.kill()
        child.ended()
        self.counts["writers killed"] += 1
        self.start_writer()

    def kill_a_server(self) -> None:
        """kill -9 a process that serves the site."""
        self.site.kill_a_process()
        self.counts["servers killed"] += 1

    # --- runs -------------------------------------------------------------------------------------------------

    def sync(self, kill: Any = None, *, after: float | None = None) -> Ended:
        """Sync to the next version. The observer `kill` may kill the run, or it is killed `after` so many seconds.

        After a kill or a VACUUM, further runs complete the sync. Return how the first run ended.
        """
        self.version += 1
        wanted = self.schema(self.version)
        running = Child(lambda: self._sync(wanted, kill))
        if after is not None:
            running.process.join(after)
            running.process.kill()
        ended = running.ended(PATIENCE)
        if ended.killed:
            self.counts["runs killed"] += 1
            self._again(wanted)
        elif self._ended_by_vacuum(ended):
            self._again(wanted)
        else:
            self._pause(ended.result())
        self.counts["swaps"] += 1
        return ended

    def _again(self, wanted: Any) -> None:
        """Sync until a run is not ended by VACUUM."""
        for _ in range(RUNS):
            ended = Child(lambda: sync(self.target(), wanted, PATIENT).pause_ms).ended(PATIENCE)
            if not self._ended_by_vacuum(ended):
                ended.result()
                return
        raise AssertionError(f"{RUNS} runs were ended by VACUUM, one after the other")

    def _ended_by_vacuum(self, ended: Ended) -> bool:
        """Return True if VACUUM ended the run, and check that the live file is open."""
        if not self.mirrored or ended.trouble is None or ended.trouble.codes != ("row-ids-changed",):
            return False
        self.counts["runs ended by VACUUM"] += 1
        live = self.link.resolve()
        assert fence_of(live) is None, "a run that gave up left the live file closed"
        return True

    def _sync(self, wanted: Any, kill: Any) -> Swapped:
        clock = Clock(kill)
        done = sync(self.target(clock), wanted, PATIENT)
        return Swapped(done.generation, clock.at, done.pause_ms)

    def rollback(self) -> Swapped:
        """Roll back, while writers and readers go on."""
        swapped: Swapped = Child(self._rollback).ended(PATIENCE).result()
        self._pause(swapped)
        self.counts["swaps back"] += 1
        return swapped

    def _rollback(self) -> Swapped:
        clock = Clock()
        done = rollback(self.target(clock), None, lambda ahead: True)
        written = {t.table: (t.added, t.changed, t.removed) for t in done.preview.written}
        return Swapped(done.preview.generation.name, clock.at, done.pause_ms, written)

    def _pause(self, swapped: Swapped) -> None:
        self.counts["longest pause ms"] = max(self.counts["longest pause ms"], swapped.pause_ms)

    # --- the end ----------------------------------------------------------------------------------------------

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *error: Any) -> None:
        """End all processes, also after an error."""
        self.stop.set()
        for child in [*self.writers, *self.readers]:
            if child.process.is_alive():
                child.process.join(10)
                child.process.kill()
                child.process.join()
        self.site.stop()

    def end(self) -> None:
        """Let all processes finish, and compare their answers with the rows in the file."""
        self.finish()
        self.check(self.link)

    def finish(self) -> None:
        """Let all processes finish. Fail if a request failed on a site that must never fail."""
        self.stop.set()
        for child in [*self.writers, *self.readers]:
            self.counts.update(child.ended(PATIENCE).result())
        self.site.stop()
        self.counts["acknowledged"] = sum(map(journal.count, self.journals))
        if self.site.never_fails:
            failed = {name: self.counts[name] for name in ("superseded", "locked") if self.counts[name]}
            assert not failed, f"requests failed: {failed}"
        if not self.counts["servers killed"]:
            assert not self.counts["unanswered"], "requests were not answered"

    def answers(self) -> list[journal.Answers]:
        """Return the content of each writer's journal."""
        return [journal.read(path) for path in self.journals]

    def wait_for_commits(self, count: int) -> None:
        """Wait until `count` more transactions are acknowledged."""
        enough = sum(map(journal.count, self.journals)) + count
        deadline = time.monotonic() + PATIENCE
        while sum(map(journal.count, self.journals)) < enough:
            dead = [child for child in self.writers if not child.process.is_alive()]
            assert not dead, dead[0].ended().result()
            assert time.monotonic() < deadline, "the writers do not get on"
            time.sleep(0.02)

    def check(self, path: Path) -> None:
        answers = self.answers()
        acknowledged = {key: amount for one in answers for key, amount in one.there.items()}
        doubtful = {key for one in answers for key in one.doubtful}
        with closing(sqlite3.connect(path)) as connection:
            found = dict(connection.execute("SELECT key, amount FROM moves").fetchall())
        agree(found, acknowledged, doubtful)
        self.check_file(path)

    def check_file(self, path: Path) -> None:
        """Check that the live file is whole and open, its sums are equal, and the runs left nothing in it."""
        with closing(sqlite3.connect(path)) as connection:
            sums = connection.execute("SELECT (SELECT total(balance) FROM accounts), (SELECT total(amount) FROM moves)")
            balance, moved = sums.fetchone()
            if self.mirrored:
                check_mirror(connection)
        assert balance == moved, "the sums differ"
        Child(lambda: recovery(self.target())).ended().result()
        assert whole(path)
        assert traces(path) == []
        assert fence_of(path) is None


def agree(found: dict[str, int], answers: dict[str, int], doubtful: set[str], where: str = "the live file") -> None:
    """Fail if rows are lost, if there are rows that no writer wrote, or if rows have other values."""
    lost = answers.keys() - found.keys() - doubtful
    extra = found.keys() - answers.keys() - doubtful
    wrong = {key for key in answers.keys() & found.keys() if answers[key] != found[key]} - doubtful
    assert not lost, f"{where}: {len(lost)} acknowledged writes are lost: {sorted(lost)[:5]}"
    assert not extra, f"{where}: {len(extra)} rows that nobody wrote: {sorted(extra)[:5]}"
    assert not wrong, f"{where}: {len(wrong)} rows hold something else: {sorted(wrong)[:5]}"


class _Writer:
    """A thread that writes until the flag `stop` is set."""

    def __init__(self, ledger: Ledger, number: int) -> None:
        self.stop, self.path, self.number = ledger.stop, ledger.journals[number], number
        self.chance = random.Random(ledger.seed * 1000 + number)
        self.site = ledger.site
        self.mine: Mine = {}

    def __call__(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        with self.path.open("w", buffering=1) as lines, closing(self.site.writer()) as writer:
            for count in count_up(1):
                if self.stop.is_set():
                    break
                plan = self.site.make_plan(self.chance, self.number, count, self.mine)
                lines.write(journal.begun(plan))
                lines.write(self._do(writer, plan, counts))
        return counts

    def _do(self, writer: Writer, plan: Plan, counts: Counter[str]) -> str:
        try:
            writer.do(plan)
        except NotDone as why:
            counts[str(why)] += 1
            return journal.NOT_DONE
        except Unanswered:
            counts["unanswered"] += 1
            self._forget(plan)  # it may still be committed at any time
            return journal.UNANSWERED
        answer = journal.acknowledged()
        self._forget(plan)
        self.mine.update({change.key: (change.account, change.amount) for change in plan if change.sign != "-"})
        return answer

    def _forget(self, plan: Plan) -> None:
        for change in plan:
            self.mine.pop(change.key, None)


class _Reader:
    """A reader's thread: the sums must be equal in every snapshot, and time must not go back, as the site promises."""

    def __init__(self, ledger: Ledger, slot: int) -> None:
        self.stop, self.site, self.latest, self.slot = ledger.stop, ledger.site, ledger.latest, slot

    def __call__(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        with closing(self.site.writer()) as writer:
            while not self.stop.is_set():
                counts[self._look(writer)] += 1
                time.sleep(PAUSE)
        return counts

    def _look(self, writer: Writer) -> str:
        before = self._seen_before()
        try:
            seen = writer.look()
        except Unanswered:
            return "unanswered"
        assert seen.balance == seen.moved, f"a reader saw {seen.balance} beside {seen.moved}"
        assert seen.time >= before, f"time went back from {before} to {seen.time}"
        self.latest[self.slot] = seen.time
        return "snapshots read"

    def _seen_before(self) -> int:
        match self.site.reads:
            case Reads.AT_ONCE:
                return max(self.latest)
            case Reads.IN_ORDER:
                return self.latest[self.slot]
            case Reads.STALE:
                return 0


class Clock:
    """An observer that records when the old file was closed to writers, and calls another observer if given."""

    def __init__(self, other: Any = None) -> None:
        self.other, self.at = other, 0

    def __call__(self, when: str, label: DiskStep) -> None:
        if (when, label) == ("after", DiskStep.CUTOVER_FENCE):
            self.at = time.monotonic_ns()
        if self.other is not None:
            self.other(when, label)


class KillAtLabel:
    """An observer that kills its own process before or after the n-th step (from 0) of that name."""

    def __init__(self, when: str, label: DiskStep, number: int = 0) -> None:
        self.when, self.label, self.number = when, label, number

    def __call__(self, when: str, label: DiskStep) -> None:
        if (when, label) == (self.when, self.label):
            if self.number == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self.number -= 1


__all__ = ["ACCOUNTS", "KillAtLabel", "Ledger"]
