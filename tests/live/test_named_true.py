"""Columns named true and false: SQLite renames them in subqueries, and takes their quoted names for texts."""

import sqlite3
from contextlib import closing

import pytest

from schemasync.errors import Failed, Refused
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from schemasync.testing import assert_change

from .oracle import QUICK, read

T = {"id": "INTEGER PRIMARY KEY", "true": "TEXT", "FALSE": "INTEGER", "a": "TEXT"}
ROWS = [{"id": 1, "true": "x", "FALSE": 0, "a": "p"}, {"id": 2, "true": "y", "FALSE": None, "a": "q"}]


@pytest.fixture
def link(tmp_path):
    def made(schema):
        link = tmp_path / "db.sqlite3"
        sync(target(link), read({"t": schema}))
        with closing(sqlite3.connect(link)) as connection, connection:
            connection.execute("INSERT INTO t VALUES (1, 'x', 0, 'p')")
        return link

    return made


@pytest.mark.parametrize("strict", [True, False])
def test_rows_that_are_written_during_a_run_are_compared(strict):
    before = {**T, "_strict": strict}
    assert_change({"t": before}, {"t": {**before, "FALSE": "TEXT", "b": "TEXT"}}, rows={"t": ROWS})


def test_a_check_that_rows_violate_is_found_when_they_are_written(link):
    at = link(T)
    with pytest.raises(Failed) as caught:
        sync(target(at), read({"t": {**T, "true": "TEXT CHECK (\"true\" <> 'x')", "a": "INTEGER"}}), QUICK)
    assert caught.value.problems[0].code == "rows-violate-schema"
    with closing(sqlite3.connect(at)) as connection:
        assert connection.execute("SELECT * FROM t").fetchall() == [(1, "x", 0, "p")]


def test_replaced_rows_that_cannot_be_found_are_a_reason_to_block_writers(link):
    unique = {**T, "_indexes": [{"name": "once", "columns": ['lower("true")'], "unique": True}]}
    at, wanted = link(unique), read({"t": {**unique, "b": "TEXT"}})
    with pytest.raises(Refused) as caught:
        sync(target(at), wanted, QUICK)
    assert [problem.code for problem in caught.value.problems] == ["cannot-follow-writes"]
    assert "true or false" in str(caught.value)
