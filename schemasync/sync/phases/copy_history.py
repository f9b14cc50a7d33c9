"""Gives a copy of a database its history, before it becomes a generation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ...engines.sqlite import fence, history_table
from ...engines.sqlite.checkpoint import durably
from ...engines.sqlite.connection import to_wal
from ...files.disk import DiskStep
from ...history.row import HistoryRow
from ..run.target import Target


def write_history(target: Target, copy: Path, rows: Sequence[HistoryRow]) -> None:
    """Write the mark and the history into the file, which is nobody's database yet, durably."""
    with target.disk.step(DiskStep.RESTORE_HISTORY), closing(target.opener.write(copy)) as connection:
        to_wal(connection)
        with durably(connection):
            fence.mark(connection)
            history_table.replace(connection, rows)
