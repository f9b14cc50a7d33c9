"""Finds the hints of a schema.json that do not act again on a database."""

from __future__ import annotations

from ..diff import applied_hints as diff
from ..diff.applied_hints import AppliedHint
from ..diff.compare import compare
from ..history.rows import hints_of
from ..schema.document import Document
from .phases import decide
from .run.live_database import Elsewhere
from .run.reading import reading
from .run.target import Target


def applied_hints(target: Target, document: Document, elsewhere: Elsewhere = ()) -> tuple[AppliedHint, ...]:
    """The hints that do not act again on the live database; none before it is adopted. `elsewhere`: folded names of
    tables of installed models that schema.json does not make. Changes nothing."""
    with reading(target) as now:
        if now is None or now.newest is None:
            return ()
        ours = now.ours(now.inspect(), document, decide.not_ours(document, elsewhere, now.newest))
        found = compare(ours, document.schema, document.hints, hints_of(now.newest))
        return diff.applied_hints(document, found)
