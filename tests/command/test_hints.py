"""A pasted hint does no damage: a conversion is offered only where it keeps every value."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from schemasync.schema import document
from schemasync.sync import preview
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync


@pytest.fixture
def hint_for(tmp_path):
    """Return a function that returns the hint of the only blocking hazard, for a change of the column `v` with these
    values."""
    place = target(tmp_path / "db.sqlite3")

    def ask(values, new, old="", allow=(), **more):
        sync(place, read({"v": old}))
        with closing(sqlite3.connect(place.layout.link)) as connection:
            connection.executemany("INSERT INTO t (v) VALUES (?)", [(value,) for value in values])
            connection.commit()
        plan = preview.outlook(place, read({"v": new, **more}), SyncOptions(allow_drop=frozenset(allow))).plan
        (hazard,) = plan.blocking
        return hazard.hint

    ask.place = place
    return ask


def read(columns):
    return document.read(json.dumps({"t": {"id": "INTEGER PRIMARY KEY", **columns}}).encode())


def values(place):
    with closing(sqlite3.connect(place.layout.link)) as connection:
        return [value for (value,) in connection.execute("SELECT v FROM t ORDER BY id")]


@pytest.mark.parametrize("strict", [False, True])
def test_text_that_is_no_plain_number_is_shown_and_no_conversion_is_offered(hint_for, strict):
    found = ["00123", "9e2"] if not strict else ["abc"]
    hint = hint_for([*found, 5], "INTEGER", _strict=strict)
    assert "CAST" not in hint
    assert f"The values are, for example, {', '.join(map(repr, found))}. Write what each becomes" in hint


def test_a_conversion_is_not_offered_where_it_changes_a_value_that_fits_already(hint_for):
    """SQLite stores '9e2' as 900, and CAST turns it into 9: one odd row is no reason to convert all."""
    assert "CAST" not in hint_for([b"12", "9e2", "7"], "INTEGER", allow=["t.v"], _strict=True)


def test_it_is_offered_where_all_values_are_kept(hint_for):
    assert 'Convert them: "v": {"type": "INTEGER", "fill": "CAST(v AS INTEGER)"}' in hint_for(
        [b"12", "7"], "INTEGER", _strict=True
    )


def test_a_conversion_that_keeps_every_value_is_offered_and_does(hint_for):
    hint = hint_for(["text", b"blob", None], "BLOB", _strict=True)
    entry = json.loads("{" + hint.partition("Convert them: ")[2] + "}")
    sync(hint_for.place, read({**entry, "_strict": True}))
    assert values(hint_for.place) == [b"text", b"blob", None]


@pytest.mark.parametrize("value", [b"\xff", "é".encode("latin-1"), b"a\0b"])
def test_bytes_that_may_be_no_text_are_not_converted_to_text(hint_for, value):
    assert "CAST" not in hint_for([value, b"fine"], "TEXT", _strict=True)


def test_half_a_number_is_not_made_a_whole_one(hint_for):
    hint = hint_for([1.5, 2], "INTEGER", _strict=True)
    assert "CAST" not in hint
    assert "1.5" in hint


def test_long_values_are_shortened(hint_for):
    assert f"'{'x' * 40}' …" in hint_for(["x" * 1000], "INTEGER", _strict=True)


def test_values_of_a_column_that_sounds_secret_are_not_shown(tmp_path):
    place = target(tmp_path / "db.sqlite3")
    sync(place, read({"pin": "TEXT"}))
    with closing(sqlite3.connect(place.layout.link)) as connection:
        connection.execute("INSERT INTO t (pin) VALUES ('0042')")
        connection.commit()
    (hazard,) = preview.outlook(place, read({"pin": "INTEGER"}), SyncOptions()).plan.blocking
    assert "0042" not in str(hazard)
    assert hazard.hint.startswith('Write what each becomes in a "fill"')


@pytest.mark.parametrize(
    ("new", "more"),
    [
        ("TEXT NOT NULL UNIQUE", {}),
        ("TEXT NOT NULL", {"_indexes": [{"name": "u", "columns": ["v"], "unique": True}]}),
        ("TEXT NOT NULL", {"_unique_constraints": [["v", "w"]]}),
    ],
)
def test_keys_are_not_filled_with_one_value_for_all_rows(hint_for, new, more):
    hint = hint_for([None, None], new, "TEXT", w="TEXT", **more)
    assert hint == 'Each row needs a different value: write a "fill" that gives it, or fix the rows.'
