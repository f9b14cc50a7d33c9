"""psycopg, which speaks to PostgreSQL: imported only when it is used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ...errors import Code, Refused

if TYPE_CHECKING:
    import psycopg
    from psycopg.rows import TupleRow

    Connection = psycopg.Connection[TupleRow]


def library() -> Any:
    """psycopg. Raises Refused if it is not installed."""
    try:
        return importlib.import_module("psycopg")
    except ImportError as error:
        raise Refused.of(
            Code.MISSING_PACKAGE,
            "PostgreSQL is spoken to by psycopg, which is not installed, or finds no libpq",
            'pip install "django-schemasync[postgres]"',
        ) from error
