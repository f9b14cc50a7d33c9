"""Each run measures the cost of the change log for writers, and records it in its history row."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from schemasync.engines.sqlite.capture import write_overhead
from schemasync.engines.sqlite.capture.changelog import Logged
from schemasync.engines.sqlite.connection import Opener
from tests.support.sample import some

from .oracle import QUICK, beside, made, read
from .test_meanwhile import CASES, MOMENTS

# Cases that leave none of the logged rows, or write none.
NONE = {"cascades", "DELETE of everything", "ids that are given out and deleted", "numbers of the application"}


SOME = {
    "a row id that a column shows",
    "a composite key without row ids, without case",
    "cascades",
    "generated columns",
}


@pytest.mark.parametrize("name", some(CASES, SOME))
def test_the_tax_of_a_run_is_measured_for_every_kind_of_table(folder, name):
    link = made(folder / "w", CASES[name])
    report, _ = beside(link, CASES[name], MOMENTS["logged"], QUICK)
    if name in NONE:
        assert report.followed.write_overhead is None
    else:
        assert 0.2 < report.followed.write_overhead < 50, "a ratio, whatever else the machine does"
    assert report.followed.keys > 0 or name == "numbers of the application"
    with closing(sqlite3.connect(link)) as connection:
        (plan,) = connection.execute("SELECT plan FROM _schema_versions ORDER BY id DESC LIMIT 1").fetchone()
    assert json.loads(plan)["replay"] == {
        "rounds": report.followed.rounds,
        "keys": report.followed.keys,
        "write_overhead": report.followed.write_overhead,
    }


def test_a_table_that_cannot_be_tried_has_no_tax(folder):
    """The run goes on, whatever prevents the measurement."""
    folder.mkdir(exist_ok=True)
    with closing(sqlite3.connect(folder / "x.sqlite3")) as connection:
        connection.execute("CREATE TABLE _schemasync_log_0 (id INTEGER PRIMARY KEY, k0)")
        connection.execute("INSERT INTO _schemasync_log_0 (k0) VALUES (1)")
        table = next(iter(CASES.values())).old
        (found,) = read(table).schema.tables
        assert write_overhead.measure(connection, [Logged(0, found, ("id",))], Opener()) is None
