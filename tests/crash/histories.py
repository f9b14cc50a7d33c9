"""Random histories of syncs, adoptions, rollbacks, changes in place and prunes. Runs and recoveries are killed at
random steps, while strangers write into every generation that they ever opened.

One rule holds throughout: every file holds exactly the rows that were acknowledged in it or in the files that it
was made from, and no row that was refused. So no acknowledged write is lost: rows that a rollback sets aside stay
whole in the archive.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from schemasync.files.disk import DiskStep
from schemasync.files.layout import PathKind
from schemasync.sync import prune
from schemasync.sync.adopt import adopt
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rollback import rollback
from schemasync.sync.run.target import Target
from schemasync.sync.runner import sync

from .databases import (
    WRITE,
    SampleDatabase,
    fence_of,
    first,
    history,
    is_marked,
    notes,
    plain,
    read,
    recovery,
    traces,
    whole,
)
from .processes import FORK, Child, Ended, Stranger, child
from .scenarios import KillAt

PLAIN = "plain"
SUPERSEDED = "schemasync: superseded, open the database again"


def schema(version: int) -> dict[str, Any]:
    """Return a different schema for each number. Every change of the number rewrites the ledger."""
    return {
        "ledger": {
            "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
            "note": f"TEXT NOT NULL CHECK (length(note) < {1000 + version})",
            "_indexes": ["note"],
            "_dropped": ["euros"],
        },
        "people": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL", "_dropped": ["fax"]},
        "_dropped": ["teams", "counters", "papers", "handmade"],
    }


@dataclass
class Step:
    """An observer that waits at each step until the test lets it go on, and may kill its process there."""

    pipe: Pipe
    kill: KillAt | None

    def __call__(self, when: str, label: DiskStep) -> None:
        self.pipe.send((when, label))
        self.pipe.recv()
        if self.kill is not None:
            self.kill(when, label)


@dataclass
class History:
    """One history. `reported` lists its events, for the message of a failed test."""

    folder: Path
    seed: int
    database: SampleDatabase = field(init=False)
    rows: dict[str, set[str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    reported: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    version: int = 0
    trees: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.connections: dict[str, str] = {}
        self.reading: set[str] = set()
        self.writing: dict[str, str] = {}
        self.opened = 0
        self.written = 0
        self.altered = 0

    def run(self, length: int) -> Counter[str]:
        """Do `length` operations and check after each. Raise AssertionError with the list of events."""
        with Stranger() as self.stranger:
            try:
                self._begin()
                for _ in range(length):
                    self._operation()
                    self.counts["operations"] += 1
            except AssertionError as error:
                raise AssertionError("\n".join([f"seed {self.seed}: {error}", *self.reported])) from error
        return self.counts

    # --- operations -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        kind = self.chance.choice(["nothing", "wal", "delete"])
        if kind == "nothing":
            self.database = first(self.folder)
            return
        self.database = plain(self.folder, kind)
        self.rows[PLAIN] = notes(self.database.link)
        self._open_one()

    def _operation(self) -> None:
        before = self._live()
        self._open_one()
        self._some_read()
        self._one_holds()
        name, work = self._choose()
        self.reported.append(f"{name} of {before}")
        ended = self._watched(work, self._kill())
        self.reported.append(
            f"  ended: {'killed' if ended.killed else (ended.trouble and ended.trouble.codes) or ended.value}"
        )
        self._everyone_writes()
        self._repair(ended)
        self._stop_reading()
        assert not self.writing
        self._account(name, before, ended)
        self._check()

    def _choose(self) -> tuple[str, Any]:
        target = partial(self.database.target, wait=0.2)
        if self.database.layout.path_kind() is PathKind.PLAIN:
            return "adopt", lambda step: adopt(target(step), None).generation
        archives = [p.stem for p in self.database.files() if p.stem != self._live()]
        dice = self.chance.random()
        if archives and dice < 0.35:
            to = self.chance.choice(archives)
            return (
                f"rollback to {to}",
                lambda step: rollback(target(step), to, lambda ahead: True).preview.to.generation,
            )
        if archives and dice < 0.45:
            keep = self.chance.choice([1, 2])
            return f"prune to {keep}", lambda step: _prune(target(step), keep)
        if dice < 0.6 and (tree := self._with_another_index()) is not None:
            options = SyncOptions(in_place=True, block_writers=True, allow_older=True)
            return "alter", lambda step: sync(target(step), read(tree), options).result
        if self.database.layout.path_kind() is PathKind.GENERATION and dice < 0.7:
            tree = schema(self.version)
            options = SyncOptions(rebuild_all=True, allow_older=True)
        else:
            self.version += 1
            tree, options = schema(self.version), SyncOptions()
        self.trees[read(tree).version] = tree
        return "sync", lambda step: sync(target(step), read(tree), options).result

    def _with_another_index(self) -> dict[str, Any] | None:
        """Return the schema of the live generation with one index more or less, or None if `trees` does not have it."""
        rows = history(self.database.link) if self.database.layout.path_kind() is PathKind.GENERATION else ()
        tree = self.trees.get(rows[-1].version) if rows and rows[-1].generation == self._live() else None
        if tree is None:
            return None
        self.altered += 1
        people = {name: part for name, part in tree["people"].items() if name != "_indexes"}
        more = [] if "_indexes" in tree["people"] else [{"name": f"i{self.altered}", "columns": ["name"]}]
        found = {**tree, "people": {**people, **({"_indexes": more} if more else {})}}
        self.trees[read(found).version] = found
        return found

    def _kill(self) -> KillAt | None:
        if self.chance.random() < 0.3:
            return None
        return KillAt(self.chance.choice(["before", "after"]), self.chance.randrange(18))

    def _watched(self, work: Any, kill: KillAt | None) -> Ended:
        """Run `work` to its end. Between its steps the strangers sometimes write."""
        near, far = FORK.Pipe()
        running = Child(lambda: work(Step(far, kill)))
        far.close()
        sentinel = running.process.sentinel
        while near in wait([near, sentinel]):
            try:
                when, label = near.recv()
            except EOFError:
                break
            if self.chance.random() < 0.4:
                self.reported.append(f"  strangers write {when} {label}")
                self._everyone_writes()
            try:
                near.send("go on")
            except BrokenPipeError:
                break
        near.close()
        ended = running.ended()
        self.counts["kills"] += ended.killed
        return ended

    def _repair(self, ended: Ended) -> None:
        """Recover. Up to three recoveries before the last may be killed."""
        for _ in range(self.chance.randrange(4)):
            target = self.database.target(KillAt(self.chance.choice(["before", "after"]), self.chance.randrange(3)))
            again = child(lambda target=target: recovery(target))
            self.reported.append(f"  recovery {'killed' if again.killed else again.trouble or again.value}")
            self.counts["kills in recovery"] += again.killed
            self._everyone_writes()
        self._commit()
        if self.writing:  # with a rollback journal, readers delay this commit, and the open write blocks the recovery
            self._stop_reading()
            self._commit()
        done = self.database.recovered()
        self.reported.append(f"  recovered: {done}")
        self.counts["recovered"] += bool(done)
        assert self.database.recovered() == (), "a second recovery finds something to do"
        self._everyone_writes()

    # --- strangers ------------------------------------------------------------------------------------------

    def _open_one(self) -> None:
        """Open one more connection through the link, as a program does. Above six, close one first."""
        live = self._live()
        if live is None:
            return
        if len(self.connections) > 6:
            name = self.chance.choice(sorted(set(self.connections) - set(self.writing)))
            self.stranger.close(name)
            self.reading.discard(name)
            del self.connections[name]
        self.opened += 1
        self.connections[f"c{self.opened}"] = live
        self.stranger.open(f"c{self.opened}", self.database.link)

    def _some_read(self) -> None:
        """Begin read transactions on some connections, which keep an old snapshot of any generation."""
        for name in sorted(self.connections):
            if self.chance.random() < 0.2:
                begun = self.stranger.execute(name, "BEGIN")
                seen = self.stranger.execute(name, "SELECT count(*) FROM ledger")
                if begun == [] and isinstance(seen, list):
                    self.reading.add(name)

    def _one_holds(self) -> None:
        """Sometimes leave a transaction open that has written a row, before a run begins."""
        if self.connections and self.chance.random() < 0.2:
            name = self.chance.choice(sorted(set(self.connections) - self.reading) or [""])
            if name and self.stranger.execute(name, "BEGIN IMMEDIATE") == []:
                self.written += 1
                if self.stranger.execute(name, WRITE, str(self.written)) == []:
                    self.writing[name] = str(self.written)
                    self.reported.append(f"  {name} holds {self.written} on {self.connections[name]}")
                else:
                    self.stranger.execute(name, "ROLLBACK")

    def _commit(self) -> None:
        for name, note in sorted(self.writing.items()):
            if self.stranger.execute(name, "COMMIT") == []:
                self.rows.setdefault(self.connections[name], set()).add(note)
                self.counts["acknowledged"] += 1
                del self.writing[name]

    def _stop_reading(self) -> None:
        for name in sorted(self.reading):
            self.stranger.execute(name, "COMMIT")
        self.reading.clear()

    def _everyone_writes(self) -> None:
        """Try to write on every free connection, and on a new one that opens the link now."""
        if self.chance.random() < 0.5:
            self._commit()
        for name, generation in sorted(self.connections.items()):
            if name not in self.reading and name not in self.writing:
                self._write(name, generation)
        live = self._live()
        if live is not None and not isinstance(self.stranger_opens(), str):
            self._write("now", self._opened_now or live)
            self.stranger.close("now")

    def stranger_opens(self) -> Any:
        """Open the link as connection "now". SQLite reports which file that is, as the link may move meanwhile."""
        answer = self.stranger._ask("open", "now", str(self.database.link), 0)
        self._opened_now = None
        if not isinstance(answer, str):
            file = Path(self.stranger.execute("now", "PRAGMA database_list")[0][2])
            self._opened_now = PLAIN if file.name == self.database.link.name else file.stem
        return answer

    def _write(self, name: str, generation: str) -> None:
        self.written += 1
        note = str(self.written)
        answer = self.stranger.execute(name, WRITE, note)
        if answer == []:
            self.counts["acknowledged"] += 1
            assert generation not in self.gone, f"{generation} is gone and took a write"
            self.rows.setdefault(generation, set()).add(note)
            return
        self.counts["refused"] += 1
        assert answer == "OperationalError: database is locked" or (
            answer.startswith("OperationalError: no such table") and SUPERSEDED in answer
        ), answer

    # --- checks ---------------------------------------------------------------------------------------------

    def _live(self) -> str | None:
        match self.database.layout.path_kind():
            case PathKind.GENERATION:
                live = self.database.layout.live()
                assert live is not None
                return live.name
            case PathKind.PLAIN:
                return PLAIN
            case _:
                return None

    def _account(self, name: str, before: str | None, ended: Ended) -> None:
        """Update the rows that each file must hold, now that it is known whether the swap was committed."""
        after = self._live()
        if ended.trouble is not None:
            assert ended.trouble.codes == ("database-locked",), f"{ended.trouble.kind}: {ended.trouble.text}"
            self.counts["busy"] += 1
        if after != before:
            self.counts["swaps"] += 1
            if name in ("sync", "adopt"):
                self.rows[after or ""] = self.rows.get(after or "", set()) | self.rows.get(before or "", set())
            else:
                assert name == f"rollback to {after}"
                self.counts["swaps back"] += 1
        elif not ended.killed and ended.trouble is None:
            assert name.startswith(("prune", "alter"))
            self.counts["alterations"] += name == "alter"
        there = {path.stem for path in self.database.files()}
        missing = set(self.rows) - there - {PLAIN}
        if PLAIN in self.rows and after != PLAIN:
            missing.add(PLAIN)
        assert name.startswith("prune") or missing <= {PLAIN} | self.gone, f"{missing} gone by {name}"
        assert after not in missing
        for generation in missing:
            self.gone.add(generation)
            self.rows.pop(generation, None)

    def _check(self) -> None:
        live = self._live()
        if live is None:
            assert self.database.files() == []
            return
        if live == PLAIN:
            assert fence_of(self.database.link) is None
            assert notes(self.database.link) == self.rows[PLAIN]
            return
        names = {name.split(".sqlite3")[0] for name in self.database.names()["generations"]}
        assert names == set(self.rows) | {"lock"}, names ^ set(self.rows)
        assert not any(name.endswith((".building", ".tmp")) for name in self.database.names()["generations"])
        assert traces(self.database.link) == []
        for path in self.database.files():
            assert (fence_of(path) is None) == (path.stem == live), path.stem
            assert not is_marked(path)
            assert whole(path)
            found, wanted = notes(path), self.rows[path.stem]
            assert found == wanted, f"{path.stem}: lost {wanted - found}, never acknowledged {found - wanted}"
        rows = history(self.database.link)
        assert rows[-1].generation == live
        assert len({row.id for row in rows}) == len(rows)
        assert (set(self.rows) | self.gone) - {PLAIN} <= {row.generation for row in rows}
        births = [row.generation for row in rows if row.action not in ("rollback", "alter")]
        assert len(births) == len(set(births)), "a name was used again"


def _prune(target: Target, keep: int) -> int:
    prune.GRACE = timedelta(0)
    return len(prune.prune(target, keep, None, dry_run=False).gone)
