"""Writes a copy of the live database in which personal columns have other values."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..engines.sqlite.masking.build import Decided, Source, decide, masked_copy
from ..engines.sqlite.masking.columns import Masking
from ..files.disk import DiskStep
from ..files.layout import size_of
from ..history.row import HistoryRow
from ..masking.rules import Rules
from ..schema.model import ColumnName
from ..schema.text import dumps
from .run import interrupt
from .run.disk_space import figures_when_full
from .run.live_database import LiveDatabase
from .run.target import Target
from .snapshot import current, room_of_copy

OF_RUNS = ("notes", "run")  # parts of the plan in a history row that may name keys of rows


@dataclass(frozen=True, slots=True)
class MaskedSnapshot:
    """A copy that was written. `bytes`: its size; `empty`: tables of which it has no rows; `repeating`: columns that
    are not masked and have values of masked columns."""

    bytes: int
    masking: Masking
    empty: tuple[str, ...]
    repeating: tuple[ColumnName, ...] = ()


def masked_snapshot(target: Target, output: Path, rules: Rules, seed: str | None = None) -> MaskedSnapshot:
    """Write a masked copy to `output`, which must not exist. Raises Refused or Failed.

    `seed`: two copies with the same seed have the same substitute for the same value. Without one, the key is random
    and is not kept.
    """
    with interrupt.stoppable(), current(target, output) as live:
        decided = decide(live.connection, live.inspect(), rules)
        with (
            figures_when_full(output, room_of_copy(live, output), source=target.layout.link),
            target.disk.whole_file(DiskStep.OUTPUT_WRITE, output, live.path.stat()) as place,
        ):
            repeating = _write(target, live, place, decided, _key(seed))
    empty = tuple(t.name for t in decided.schema.tables if rules.leaves_out(t.name))
    return MaskedSnapshot(size_of(output), decided.masking, empty, repeating)


def _write(target: Target, live: LiveDatabase, place: Path, decided: Decided, key: bytes) -> tuple[ColumnName, ...]:
    source = Source(target.opener, live.connection, live.path)
    with target.progress.phase("mask", "rows") as advance:
        return masked_copy(source, place, decided, key, tuple(_without_rows(live.rows)), advance)


def _key(seed: str | None) -> bytes:
    return secrets.token_bytes(32) if seed is None else hashlib.sha256(seed.encode()).digest()


def _without_rows(rows: Iterable[HistoryRow]) -> Iterable[HistoryRow]:
    """Yield the history rows without details that may name keys of rows, and without actors."""
    for row in rows:
        details = {key: value for key, value in row.details.items() if key not in OF_RUNS}
        yield replace(row, actor="", plan=dumps(details))
