"""The contenders: a sync, cp, and the peers. Each run works on a fresh copy, in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks import process
from benchmarks.process import Run
from benchmarks.source import Source, copy_of_adopted, copy_of_plain

from . import changes
from .environments import ALEMBIC, SQLITE_UTILS, Environments, Peer
from .table import Disk

SCRIPTS = Path(__file__).absolute().parent / "peers"
OF_PEERS = {SQLITE_UTILS: "sqlite_utils_rewrite.py", ALEMBIC: "alembic_rewrite.py"}
# a plain copy even where `cp` would share blocks; `sync FILE` waits until it is on the disk
COPY = 'cp {}"$0" "$1" && sync "$1"'.format("--reflink=never " if sys.platform == "linux" else "")


class Contender(Protocol):
    def run(self, source: Source, work: Path) -> Run:
        """Make the change in a new folder. Raises ProcessFailed if that fails."""
        ...

    def empty(self, source: Source) -> Run | None:
        """Run a process of this kind that does nothing. Return None if its start is too short to subtract."""
        ...


@dataclass(frozen=True, slots=True)
class Sync:
    """`manage.py schemasync`."""

    change: str

    def run(self, source: Source, work: Path) -> Run:
        database = copy_of_adopted(source, work)
        schema = changes.write(self.change, source.schema, work / "wanted.json")
        taken = process.manage("schemasync", "--json", database=database, schema=schema)
        changes.check(self.change, database)
        return taken

    def empty(self, source: Source) -> Run | None:
        return process.manage("nothing", database=source.plain)


@dataclass(frozen=True, slots=True)
class Cp:
    """`cp` of the file, and fsync of the copy."""

    def run(self, source: Source, work: Path) -> Run:
        work.mkdir()
        return process.run(["sh", "-c", COPY, str(source.plain), str(work / "copy")])

    def empty(self, source: Source) -> Run | None:
        return None


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """CREATE INDEX in the file itself, which has no way back, and then a copy of the file."""

    change: str

    def run(self, source: Source, work: Path) -> Run:
        database = copy_of_plain(source, work)
        script = f'"$2" "$3" "$0" && {COPY}'
        taken = process.run(["sh", "-c", script, str(database), str(work / "copy"), *self._python()])
        changes.check(self.change, database)
        return taken

    def empty(self, source: Source) -> Run | None:
        return process.run(self._python())

    def _python(self) -> list[str]:
        return [sys.executable, str(SCRIPTS / "create_index.py")]


@dataclass(frozen=True, slots=True)
class Migrate:
    """`manage.py migrate` of a Django without schemasync."""

    change: str
    python: Path

    def run(self, source: Source, work: Path) -> Run:
        database = copy_of_plain(source, work)
        taken = self._manage(database, "migrate", "shop", "0002", "--verbosity=0")
        changes.check(self.change, database)
        return taken

    def empty(self, source: Source) -> Run | None:
        return self._manage(source.plain, "nothing")

    def _manage(self, database: Path, *arguments: str) -> Run:
        environment = process.site(database, stock="1", change=self.change)
        return process.run([str(self.python), "-m", "django", *arguments], environment)


@dataclass(frozen=True, slots=True)
class Script:
    """A script of a peer that is called with a change and a database."""

    change: str
    command: Sequence[str]

    def run(self, source: Source, work: Path) -> Run:
        database = copy_of_plain(source, work)
        taken = process.run([*self.command, self.change, str(database)])
        changes.check(self.change, database)
        return taken

    def empty(self, source: Source) -> Run | None:
        return process.run(self.command)


def against(other: Disk | Peer, change: str, environments: Environments) -> Contender:
    """Return the contender that a sync is compared with. Raises NotPossible if it cannot be installed."""
    match other:
        case Disk.CP:
            return Cp()
        case Disk.INDEX:
            return CreateIndex(change)
        case Peer() if other in OF_PEERS:
            return Script(change, [str(environments.python(other)), str(SCRIPTS / OF_PEERS[other])])
        case Peer():
            return Migrate(change, environments.python(other))
