"""The result of `inspect`, as text."""

from __future__ import annotations

from ...actions.inspect import Inspection
from ...schema.text import count
from ...sync.inspection import Inspected
from .shared import (
    Lines,
    not_created,
    refused_later,
    unknown_names,
)
from .terminal import Page


def lines(found: Inspection, page: Page) -> Lines:
    """Return the parts of the source that the schema leaves out, and the problems to fix before a sync."""
    seen = found.seen
    return [
        *_left_out(seen),
        *unknown_names(seen.unknown, page),
        *not_created(seen.not_created, page),
        *refused_later(found.faults),
    ]


def _left_out(seen: Inspected) -> Lines:
    lines = [f"left out, as a schema holds no rows: {count(n, 'row')} of {name}" for name, n in seen.rows.items()]
    return lines + [f"left out, as it undoes another: {name}" for name in seen.left_out]
