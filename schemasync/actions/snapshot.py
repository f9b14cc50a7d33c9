"""Writes a copy of the live database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from ..errors import Code, ProblemJson, UsageError
from ..masking.rules import read_rules
from ..schema.model import ColumnName
from ..sync import snapshot as copies
from ..sync.masked_snapshot import MaskedSnapshot, masked_snapshot
from ..texts import shown
from .database import Database


class MaskedColumnJson(TypedDict):
    """A column whose values are replaced in the copy."""

    table: str
    column: str
    kind: str
    named: bool
    """Whether the rules name it; otherwise it is at the other end of a foreign key."""


class PersonalColumnJson(TypedDict):
    """A column of the copy."""

    table: str
    column: str


class MaskedJson(TypedDict):
    """The result of `--mask`."""

    columns: list[MaskedColumnJson]
    empty: list[str]
    """Tables whose rows are left out."""
    not_named: list[PersonalColumnJson]
    """Columns whose names look personal and that the rules do not name."""
    repeating: list[PersonalColumnJson]
    """Columns that the rules do not name and that have values which masked columns had."""


class SnapshotJson(TypedDict):
    """The output of `manage.py schemasync snapshot --json`."""

    result: Literal["written"]
    output: str
    bytes: int
    masked: MaskedJson | None
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy that was written. `masked`: None for a copy with unchanged values."""

    bytes: int
    masked: MaskedSnapshot | None = None


def snapshot(database: Database, path: Path, mask: Path | None = None, seed: str | None = None) -> Snapshot:
    """Write a plain copy of the live database to a new path. `mask`: a file of rules for personal columns. Raises a
    SchemasyncError."""
    if mask is None:
        if seed is not None:
            raise UsageError.of(Code.BAD_OPTION, "--seed is of use only with --mask", "Add it, or remove --seed.")
        return Snapshot(copies.snapshot(database.target(), path))
    rules = read_rules(_read(mask), shown(mask))
    done = masked_snapshot(database.target(), path, rules, seed)
    return Snapshot(done.bytes, done)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError.of(Code.BAD_OPTION, f"--mask {path}: {error.strerror}", "Name a file of rules.") from error


def as_json(path: Path, done: Snapshot) -> SnapshotJson:
    """The JSON object."""
    masked = _masked_json(done.masked) if done.masked is not None else None
    return {"result": "written", "output": str(path), "bytes": done.bytes, "masked": masked, "errors": []}


def _masked_json(done: MaskedSnapshot) -> MaskedJson:
    return {
        "columns": [
            {"table": one.name.table, "column": one.name.column, "kind": one.kind, "named": one.is_named}
            for one in done.masking.columns
        ],
        "empty": list(done.empty),
        "not_named": [_column_json(name) for name in done.masking.not_named],
        "repeating": [_column_json(name) for name in done.repeating],
    }


def _column_json(name: ColumnName) -> PersonalColumnJson:
    return {"table": name.table, "column": name.column}
