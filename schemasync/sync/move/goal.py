"""The destination of a move, its options, and its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

from ...engines.postgres.connection import Target as Server
from ...engines.postgres.types import FieldKind
from ...engines.sqlite.for_postgres.findings import Finding
from ..run.limits import Limits


class MoveStep(StrEnum):
    """The steps of a move that change what a crash leaves on PostgreSQL, in the order of a run. Its changes of the file
    have the steps of a sync."""

    RECORD = "MOVE:RECORD"
    TABLES = "MOVE:TABLES"
    COPY = "MOVE:COPY"
    INDEXES = "MOVE:INDEXES"
    ROUND = "MOVE:ROUND"
    COMPLETE = "MOVE:COMPLETE"
    OPEN = "MOVE:OPEN"
    VALIDATE = "MOVE:VALIDATE"
    UNFENCE = "MOVE:UNFENCE"
    CLEAR = "MOVE:CLEAR"
    CLOSE = "MOVE:CLOSE"
    UNDONE = "MOVE:UNDONE"


@dataclass(frozen=True, slots=True)
class Goal:
    """`alias`: the entry of DATABASES, which the fence names. `fields`: the fields of models, by folded table and
    column. `observer`: called with "before" or "after" and each step on PostgreSQL."""

    alias: str
    server: Server
    fields: Mapping[str, Mapping[str, FieldKind]] = field(default_factory=dict)
    limits: Limits = Limits()  # noqa: RUF009  it is frozen
    observer: Callable[[str, MoveStep], None] = field(default=lambda when, step: None, compare=False)


@dataclass(frozen=True, slots=True)
class MoveReport:
    """The outcome of a move. `result`: "current" if it was done before. `rows`: by table. `pause_ms`: for how long
    writers waited. `changed`: how many values a policy changed, by (table, column, what was wrong); `changed_list`: the
    file that has each of them. `left`: rows that differ on PostgreSQL, by table, after an undo that leaves them
    there."""

    result: Literal["moved", "current", "undone"]
    alias: str
    generation: str
    rows: Mapping[str, int] = field(default_factory=dict)
    duration_ms: int = 0
    pause_ms: int = 0
    rounds: int = 0
    keys: int = 0
    findings: tuple[Finding, ...] = ()
    changed: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    changed_list: Path | None = None
    notes: tuple[str, ...] = ()
    left: Mapping[str, int] = field(default_factory=dict)
