"""Advises on indexes: which would help the statements of an application, and which none of them uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engines.sqlite.connection import check_version
from ..engines.sqlite.copies import exact_copy
from ..engines.sqlite.index_advice.candidate import Candidate, cost
from ..engines.sqlite.index_advice.measured import Price, is_small, prices
from ..engines.sqlite.index_advice.scratch import scratch
from ..engines.sqlite.index_advice.search import Helped, helped, search
from ..engines.sqlite.index_advice.statements import Asked, Sample, sample
from ..engines.sqlite.index_advice.unused import Unused, unused
from ..errors import Code, Refused
from ..files.layout import size_of
from ..files.scratch import work_folder, work_prefix
from ..metrics.totals import Spent
from ..schema.names import fold
from .run import live_database
from .run.disk_space import RESERVE, Room, check_free, figures_when_full
from .run.error_translation import translated_errors
from .run.live_database import LiveDatabase
from .run.target import Target


@dataclass(frozen=True, slots=True)
class Proposal:
    """An index that helps, and its price. `helped`: the statements; `replaces`: the names of indexes that it makes
    unnecessary."""

    candidate: Candidate
    price: Price
    helped: tuple[Helped, ...]
    replaces: tuple[str, ...]

    @property
    def weight(self) -> float:
        """The weight of all statements that the index helps, to compare proposals."""
        return sum(one.asked.weight for one in self.helped)


@dataclass(frozen=True, slots=True)
class IndexAdvice:
    """The result of index_advice(). `unselective`: indexes that SQLite no longer uses once it knows how many rows have
    the same values."""

    sample: Sample
    proposals: tuple[Proposal, ...]
    unselective: tuple[Candidate, ...]
    unused: tuple[Unused, ...]


def index_advice(target: Target, statements: Mapping[str, Spent]) -> IndexAdvice:
    """Plan the statements with the schema and the statistics of the live file, and try indexes. Their price is measured
    on a copy of the file, which is removed. The database is not changed. Raises Refused or Failed."""
    check_version()
    link = target.layout.link
    with translated_errors(link), live_database.read(target.layout, target.opener) as live:
        if live is None:
            hint = "To create one from schema.json: manage.py schemasync"
            raise Refused.of(Code.NO_DATABASE, f"there is no database at {link}", hint)
        return _advice(target, live, statements)


def _advice(target: Target, live: LiveDatabase, statements: Mapping[str, Spent]) -> IndexAdvice:
    tables = [table for table in live.inspect().schema.tables if table.virtual is None]
    with scratch(target.opener, live.connection) as memory:
        known = sample(memory, statements)
        asked = [one for one in known.asked if cost(one.plan).is_reducible]
        named = {table for one in asked for table, _ in one.reads}
        large = [one for one in tables if fold(one.name) in named and not is_small(live.connection, one)]
        found = search(memory, large, asked)
        measured = _prices(target, live.path, found, asked)
        kept = [one for one in found if measured[one].is_used]
        reached = helped(memory, asked, kept)
    return IndexAdvice(
        known,
        tuple(sorted((_proposal(one, measured[one], reached) for one in kept), key=lambda one: -one.weight)),
        tuple(one for one in found if one not in kept),
        unused(live.connection, tables, known.asked),
    )


def _prices(target: Target, live: Path, found: Sequence[Candidate], asked: Sequence[Asked]) -> dict[Candidate, Price]:
    """Return the price of each index, measured on a copy of the database in a folder next to it. Raises Refused if the
    disk cannot hold the copy with the indexes."""
    if not found:
        return {}
    link, size = target.layout.link, size_of(live)
    room = Room(link.parent, 2 * size + RESERVE, "a copy of the database, with indexes on trial,")
    check_free(room)
    with figures_when_full(link, room), work_folder(link.parent, work_prefix(link, "advice-")) as folder:
        copy = folder / "copy.sqlite3"
        exact_copy(target.opener, live, copy)
        return dict(zip(found, prices(target.opener, copy, found, [one.sql for one in asked]), strict=True))


def _proposal(one: Candidate, price: Price, reached: Sequence[Helped]) -> Proposal:
    replaced = [
        index.name
        for index in one.table.indexes
        if not index.unique and index.where is None and Candidate(one.table, index.columns).is_begin_of(one.columns)
    ]
    return Proposal(one, price, tuple(each for each in reached if one in each.by), tuple(replaced))
