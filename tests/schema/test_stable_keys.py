"""Which tables identify their rows by something that VACUUM does not change."""

import pytest

from .support import schema


@pytest.mark.parametrize(
    ("table", "is_stable"),
    [
        ({"id": "INTEGER PRIMARY KEY", "a": "TEXT"}, True),
        ({"id": "INTEGER", "a": "TEXT", "_primary_key": ["id"]}, True),
        ({"k": "TEXT PRIMARY KEY NOT NULL", "_without_rowid": True}, True),
        ({"id": "INT PRIMARY KEY", "a": "TEXT"}, False),
        ({"k": "TEXT PRIMARY KEY", "a": "TEXT"}, False),
        ({"a": "TEXT", "b": "TEXT"}, False),
    ],
)
def test_a_row_id_is_stable_where_a_column_shows_it_or_there_is_none(table, is_stable):
    (found,) = schema({"t": table}).tables
    assert found.has_stable_key is is_stable
