"""sqlglot, which reads the SQL of SQLite: imported only when it is used."""

from __future__ import annotations

from importlib.util import find_spec

from ...errors import Code, Refused


def require() -> None:
    """Raise Refused if sqlglot is not installed."""
    if find_spec("sqlglot") is None:
        raise Refused.of(
            Code.MISSING_PACKAGE,
            "expressions are translated for PostgreSQL with sqlglot, which is not installed",
            'pip install "django-schemasync[postgres]"',
        )
