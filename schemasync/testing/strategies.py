"""Hypothesis strategies for rows that fit a schema. Needs hypothesis: pip install "django-schemasync[testing]"."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from hypothesis import strategies as st

from ..schema.document import Document
from .choices import DrawnChoices
from .database import opener
from .filling import fill
from .rows import Value
from .schema_source import SchemaSource, as_document

BYTES_OF_A_VALUE = 12
MOST_BYTES = 4096  # Hypothesis draws no more than 8192 bytes for one example


def rows(
    schema: SchemaSource,
    tables: Collection[str] | None = None,
    *,
    max_rows: int = 3,
    values: Mapping[str, st.SearchStrategy[Value]] | None = None,
) -> st.SearchStrategy[dict[str, list[dict[str, Value]]]]:
    """Return a strategy for rows of these tables and all that they refer to, or of every ordinary table: up to
    `max_rows` for each. The rows meet each constraint, and can be inserted in their order.

    `values`: strategies for some columns, by `Table.column`, such as {"Users.email": st.emails()}. Examples shrink
    towards few rows and plain values. An unknown name raises ValueError when an example is drawn."""
    return _rows(as_document(schema), tables, max_rows, dict(values or {}))


@st.composite
def _rows(
    draw: st.DrawFn,
    document: Document,
    tables: Collection[str] | None,
    max_rows: int,
    values: Mapping[str, st.SearchStrategy[Value]],
) -> dict[str, list[dict[str, Value]]]:
    columns = sum(len(table.columns) for table in document.schema.tables)
    size = min(MOST_BYTES, columns * max_rows * BYTES_OF_A_VALUE)
    choices = DrawnChoices(draw(st.binary(min_size=size, max_size=size)))
    given = {name: partial(draw, strategy) for name, strategy in values.items()}
    schema = document.schema
    return fill(schema, choices, tables=tables, rows=max_rows, is_exact=False, given=given, opener=opener()).rows
