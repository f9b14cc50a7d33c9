"""A step that rewrites a table unchanged."""

from __future__ import annotations

from dataclasses import replace

from ....plan.model import ColumnSource, Origin, Rewrite
from ....schema.model import Table


def same_table(table: Table) -> Rewrite:
    """Return the step for a table, without its foreign keys."""
    feeds = (
        ColumnSource(c.name, Origin.CARRIED if c.generated is None else Origin.GENERATED, c.name, same=True)
        for c in table.columns
    )
    return Rewrite(table, replace(table, foreign_keys=()), tuple(feeds))
