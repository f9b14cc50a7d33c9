"""Play each state that a power loss can leave: put it on a disk, and check that the database opens as the old or the
new one, whole, with every acknowledged row, and that the next run finishes."""

from __future__ import annotations

import hashlib
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from schemasync.files.layout import PathKind
from tests.crash.aftermath import assert_history, assert_tidy, finish_here
from tests.crash.databases import SampleDatabase, dump, is_marked, notes, recovery, whole, without, write
from tests.crash.prepared_scenario import PreparedScenario
from tests.crash.processes import child

from .model import Content, Epoch
from .recorder import DONE, NOTE

UNREAD = re.compile(r"\.building(-\w+)?(/|$)|(^|/)lock$")
"""Files that recovery removes unread. States that differ only in their content are one state."""


@dataclass(frozen=True, slots=True)
class State:
    """A state after a power loss: an epoch, its number, and the numbers of its pending changes that are on the disk."""

    epoch: Epoch
    number: int
    kept: tuple[int, ...]

    @property
    def content(self) -> Content:
        return self.epoch.state(self.kept)

    @property
    def said(self) -> tuple[str, ...]:
        return self.epoch.said

    def __str__(self) -> str:
        kept = [str(self.epoch.pending[number])[:120] for number in self.kept[:8]]
        return (
            f"epoch {self.number}, after {self.said[-1:]}, kept {len(self.kept)} of {len(self.epoch.pending)}: {kept}"
        )


def states(epochs: Iterable[Epoch], seed: int, more: int) -> list[State]:
    """Return all different states, each at its last possible moment, as then the most rows were acknowledged."""
    chance, found = random.Random(seed), dict[bytes, State]()
    digests: dict[int, tuple[bytes, bytes]] = {}
    for number, epoch in enumerate(epochs):
        for kept in epoch.choices(chance, more):
            state = State(epoch, number, kept)
            found[_key(state.content, digests)] = state
    return list(found.values())


def _key(content: Content, digests: dict[int, tuple[bytes, bytes]]) -> bytes:
    key = hashlib.sha256()
    for path, node in content.walk():
        key.update(f"\n{path}\n{content.links.get(node, '')}".encode())
        data = content.files.get(node)
        if data is not None and UNREAD.search(path) is None:
            known = digests.get(id(data))
            if known is None or known[0] is not data:
                known = digests[id(data)] = data, hashlib.sha256(data).digest()
            key.update(known[1])
    return key.digest()


def put(content: Content, folder: Path) -> None:
    """Make a folder with this content."""
    folder.mkdir()
    made: dict[int, Path] = {}
    for path, node in content.walk():
        at = folder / path
        if node in content.links:
            at.symlink_to(content.links[node])
        elif node in content.folders:
            at.mkdir()
        elif node in made:
            at.hardlink_to(made[node])
        else:
            at.write_bytes(content.files[node])
            made[node] = at


SET_ASIDE = ("rollback", "restore_live", "restore_synced")
"""Scenarios that leave earlier writes in an archive."""


@dataclass
class Player:
    """A player of the states of one scenario. `counts`: how many states opened as "old", "new" and "nothing"."""

    prepared: PreparedScenario
    folder: Path
    counts: Counter[str] = field(default_factory=Counter)

    def play(self, state: State, *, is_finished: bool = True) -> None:
        """Play a state. Raise AssertionError with the fault. `is_finished`: also run the next run to its end."""
        database = SampleDatabase(self.folder / "w")
        put(state.content, database.folder)
        try:
            ended = child(lambda: self._go_on(database, state, is_finished))
            assert ended.trouble is None, f"{state}\n{ended.trouble.kind} {ended.trouble.codes}: {ended.trouble.text}"
            self.counts[ended.result()] += 1
        finally:
            shutil.rmtree(database.folder)

    def _go_on(self, database: SampleDatabase, state: State, is_finished: bool) -> str:
        scenario, target = self.prepared.scenario, database.target()
        attempted, acknowledged = _written(state.said)
        prepared = self.prepared
        states = {
            "old": None if prepared.old is None else without(prepared.old, *attempted),
            "new": without(prepared.new, *attempted),
        }
        if database.link.exists() and (sum(state.kept) + state.number) % 2:  # another program opens it before recovery
            assert without(dump(database.link), *attempted) in states.values()
            assert whole(database.link)
            assert not is_marked(database.link)
        recovery(target)
        again = recovery(target)
        assert again == (), f"a second recovery finds something to do: {again}"
        is_done = DONE in state.said
        if database.layout.path_kind() is PathKind.NOTHING:
            assert prepared.old is None
            assert database.files() == []
            assert not acknowledged
            found = "nothing"
        else:
            seen = without(dump(database.link), *attempted)
            found = next((name for name, one in states.items() if one == seen), "something else")
            assert found in ("old", "new"), f"it is neither the old nor the new database: {seen}"
            assert whole(database.link)
            self._look_for(acknowledged, database)
            assert_tidy(database, scenario, is_copied=True)
        assert not is_done or found == "new" or states["old"] == states["new"], f"done, and then {found}"
        if is_finished:
            finish_here(scenario, database)
            assert without(dump(database.link), *attempted) == states["new"]
            self._look_for(acknowledged, database)
            assert write(database.link, "after all") is None
            assert_tidy(database, scenario, is_copied=True)
            assert_history(scenario, database)
        return found

    def _look_for(self, acknowledged: dict[str, str], database: SampleDatabase) -> None:
        """Check that each row is in the live file, or if the scenario sets earlier writes aside, in the file `name`."""
        there = notes(database.link) if acknowledged else set()
        aside = {path.name: path for path in database.files()} if self.prepared.scenario.name in SET_ASIDE else {}
        for note, name in acknowledged.items():
            assert note in there or (name in aside and note in notes(aside[name])), (
                f"{note}, written to {name}, is lost"
            )


def _written(said: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Return all notes that may have been tried, and the acknowledged ones with the name of their file."""
    acknowledged = {note: name for name, note in _acknowledged(said)}
    tried = [f"{NOTE}{number}" for number in range(1, 1000)]
    return tried, acknowledged


def _acknowledged(said: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in said:
        if line.startswith("acknowledged "):
            _, name, note = line.split(" ", 2)
            yield name, note
