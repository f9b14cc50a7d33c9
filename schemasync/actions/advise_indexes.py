"""Find indexes that would help the statements of an application, their cost, and indexes that no statement uses."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from ..engines.sqlite import metrics_file
from ..engines.sqlite.index_advice.search import Helped
from ..engines.sqlite.index_advice.statements import counted, in_log
from ..errors import Code, ProblemJson, SchemasyncError, UsageError
from ..schema.document import Document
from ..schema.names import fold
from ..schema.write import index_entry
from ..sync.index_advice import IndexAdvice, Proposal, index_advice
from .database import Database


class HelpedJson(TypedDict):
    """A statement that a proposed index helps."""

    statement: str
    times: int
    """The number of times that it is in the log; for the sample of the backend, the estimated runs in seven days."""
    seconds: float
    """The time of all runs together; 0 for one from a log."""
    before: list[str]
    """The present query plan, one line per loop: https://www.sqlite.org/eqp.html"""
    after: list[str]
    """The query plan with all proposed indexes."""


class ProposalJson(TypedDict):
    """An index that would help."""

    table: str
    entry: Any
    """The entry to add to the `_indexes` of the table in schema.json: a name, a list or an object."""
    model: str | None
    """The model that owns the table: the index then belongs into its `Meta.indexes` instead."""
    sql: str | None
    """The statement that creates the index, if schema.json does not name the table; null if it does, or cannot be
    read."""
    bytes: int
    """Its size, measured on a copy."""
    rows_per_second: float
    """Rows written per second of processor time without the index, measured on a copy; 0 if that cannot be measured."""
    rows_per_second_with: float
    replaces: list[str]
    """Indexes that it makes unnecessary, as it begins with their columns."""
    helps: list[HelpedJson]


class UnselectiveJson(TypedDict):
    """An index that SQLite would no longer use after ANALYZE, because too many rows have the same value."""

    table: str
    entry: Any


class UnusedJson(TypedDict):
    """An index that no statement uses."""

    table: str
    index: str
    bytes: int | None
    """Null if this SQLite cannot report sizes."""


class StatementsJson(TypedDict):
    """The number of statements; every execution counts."""

    planned: int
    other: int
    """Statements that are no SELECT, UPDATE or DELETE."""
    failed: int
    """Statements that do not compile."""
    more: int
    """Statements beyond the first 2,000 different ones."""


class AdviseIndexesJson(TypedDict):
    """The output of `manage.py schemasync advise --indexes --json`."""

    result: Literal["proposed", "nothing"]
    source: str | None
    """The log; null for the sample of the backend."""
    statements: StatementsJson
    proposals: list[ProposalJson]
    """The most helpful one first."""
    unselective: list[UnselectiveJson]
    unused: list[UnusedJson]
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Advised:
    """The advice on indexes. `source`: the log, None for the sample of the backend. `document`: schema.json, None if it
    cannot be read."""

    source: Path | None
    found: IndexAdvice
    document: Document | None

    def model(self, table: str) -> str | None:
        """The model that owns the table."""
        models = self.document.models if self.document is not None else {}
        return next((model for name, model in models.items() if fold(name) == fold(table)), None)

    def sql(self, one: Proposal) -> str | None:
        """The statement that creates the index, if schema.json does not name the table."""
        is_named = self.document is None or self.document.schema.table(one.candidate.table.name) is not None
        return None if is_named else one.candidate.sql


def advise_indexes(database: Database, log: Path | None = None) -> Advised:
    """Try indexes for the statements of a log, or of the backend's own sample. Raises a SchemasyncError."""
    target = database.target()
    known = metrics_file.statements(target.layout.metrics) if log is None else counted(in_log(_read(log)))
    known.pop("", None)  # statements that the backend did not distinguish
    return Advised(log, index_advice(target, known), _document(database))


def _read(log: Path) -> str:
    try:
        return log.read_text("utf-8", "replace")
    except OSError as error:
        hint = "Name a file of SQL statements, or leave it out for those that the backend has measured."
        raise UsageError.of(Code.BAD_OPTION, f"--indexes {log}: {error.strerror}", hint) from error


def _document(database: Database) -> Document | None:
    with suppress(SchemasyncError):  # faults of schema.json do not matter here
        return database.document()
    return None


def entry(one: Proposal) -> Any:
    """The index as schema.json has it."""
    return index_entry(one.candidate.table, one.candidate.index)


def as_json(done: Advised) -> AdviseIndexesJson:
    """The JSON object."""
    found = done.found
    return {
        "result": "proposed" if found.proposals else "nothing",
        "source": None if done.source is None else str(done.source),
        "statements": {
            "planned": sum(one.spent.count for one in found.sample.asked),
            "other": found.sample.other,
            "failed": found.sample.failed,
            "more": found.sample.more,
        },
        "proposals": [_proposal_json(one, done) for one in found.proposals],
        "unselective": [
            {"table": one.table.name, "entry": index_entry(one.table, one.index)} for one in found.unselective
        ],
        "unused": [{"table": one.table, "index": one.index, "bytes": one.bytes} for one in found.unused],
        "errors": [],
    }


def _proposal_json(one: Proposal, done: Advised) -> ProposalJson:
    return {
        "table": one.candidate.table.name,
        "entry": entry(one),
        "model": done.model(one.candidate.table.name),
        "sql": done.sql(one),
        "bytes": one.price.bytes,
        "rows_per_second": round(one.price.before, 1),
        "rows_per_second_with": round(one.price.after, 1),
        "replaces": list(one.replaces),
        "helps": list(map(_helped_json, one.helped)),
    }


def _helped_json(one: Helped) -> HelpedJson:
    asked = one.asked
    return {
        "statement": asked.sql,
        "times": asked.spent.count,
        "seconds": round(asked.spent.seconds, 6),
        "before": list(asked.plan),
        "after": list(one.after),
    }
