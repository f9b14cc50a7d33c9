"""Generate valid rows for a schema, the same in every run, for tests that do not use Hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from .choices import RandomChoices
from .database import opener
from .filling import fill
from .rows import Value
from .schema_source import SchemaSource, as_document


def generate_rows(
    schema: SchemaSource,
    tables: Collection[str] | None = None,
    *,
    rows: int = 3,
    seed: int = 0,
    values: Mapping[str, Callable[[], Value]] | None = None,
) -> dict[str, list[dict[str, Value]]]:
    """Return rows for these tables and all that they refer to, or for every ordinary table. They meet each constraint,
    and can be inserted in their order. A table gets fewer rows if its constraints allow no more, or no valid row is
    found.

    The same seed gives the same rows. `values`: functions that make the values of some columns, by `Table.column`.
    Raises ValueError for an unknown name."""
    document = as_document(schema)
    choices = RandomChoices(seed)
    return fill(document.schema, choices, tables=tables, rows=rows, given=values, opener=opener()).rows
