"""The report on runs of Django's tests, from made-up results."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from types import ModuleType

from .__main__ import trouble
from .configuration import ALL, ENGINES, Configuration
from .outcome import Outcome, Run, faults, table
from .record import Record

OURS, STOCK = Configuration("ours", "disk", 2), Configuration("stock", "disk", 2)
FINE = Outcome(1856, [], [], ["a.skipped", "b.skipped"], ["c.expected"], [])


def printed(ours, stock=FINE, **also):
    return list(faults([Run(OURS, 30.0, ours, **also), Run(STOCK, 30.0, stock)]))


def test_runs_with_the_same_outcome_are_printed_in_no_line():
    assert printed(FINE) == []


def test_as_many_skips_of_other_tests_are_a_difference_and_each_is_named():
    assert printed(replace(FINE, skipped=["a.skipped", "z.skipped"])) == [
        "ours-disk-2: skipped only here: z.skipped",
        "ours-disk-2: skipped only with the stock backend: b.skipped",
    ]


def test_a_test_that_is_skipped_twice_and_there_once_is_a_difference():
    assert printed(replace(FINE, skipped=["a.skipped", "a.skipped", "b.skipped"])) == [
        "ours-disk-2: skipped only here: a.skipped"
    ]


def test_fewer_tests_are_a_difference():
    assert printed(replace(FINE, run=1855)) == ["ours-disk-2: 1,855 tests run, with the stock backend 1,856"]


def test_a_test_that_fails_on_both_is_printed_too():
    failing = replace(FINE, errors=["d.fails"])
    assert printed(failing, failing) == ["ours-disk-2: errors: d.fails", "stock-disk-2: errors: d.fails"]


def test_a_run_that_broke_off_is_printed_and_not_compared():
    assert printed(None, trouble="exit code 1") == ["ours-disk-2: exit code 1"]


def test_runs_of_another_place_are_not_compared():
    other = Run(replace(STOCK, place="memory"), 30.0, replace(FINE, skipped=[]))
    assert list(faults([Run(OURS, 30.0, FINE), other])) == []


def test_the_table_has_a_row_for_each_run():
    lines = table([Run(OURS, 31.4, FINE), Run(STOCK, 5.0, None)]).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "configuration run failures errors skipped expected failures seconds",
        "ours-disk-2 1,856 0 0 2 1 31",
        "stock-disk-2 - - - - - 5",
    ]
    assert len(set(map(len, lines))) == 1


def test_ours_runs_in_both_places_in_one_process_and_in_two_and_stock_once_in_each_place():
    ours = {f"ours-{place}-{n}" for place in ("memory", "disk") for n in (1, 2)}
    assert {one.name for one in ALL} == {*ours, "stock-memory-2", "stock-disk-2"}


def test_settings_are_python_and_name_files_only_for_a_database_on_disk(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "test_sqlite", ModuleType("test_sqlite"))
    for one in ALL:
        settings = {}
        exec(one.settings(tmp_path, tmp_path / "record.json"), settings)
        for alias in ("default", "other"):
            database = settings["DATABASES"][alias]
            assert database["ENGINE"] == ENGINES[one.engine]
            named = database.get("TEST", {}).get("NAME")
            assert named == (str(tmp_path / f"{alias}.sqlite3") if one.place == "disk" else None)


def test_what_the_recorder_wrote_is_read_back():
    assert Outcome.read(json.dumps(asdict(FINE))) == FINE


def test_trouble_is_what_no_test_reported(tmp_path):
    output, databases = tmp_path / "output.txt", tmp_path / "databases"
    output.write_text("first\nlast")
    databases.mkdir()
    failing = replace(FINE, failures=["d.fails"])
    assert trouble(0, FINE, databases, output) == ""
    assert trouble(1, failing, databases, output) == ""
    assert trouble(1, FINE, databases, output) == "exit code 1, and its output ends in\nfirst\nlast"
    assert trouble(1, None, databases, output).startswith("exit code 1")
    (databases / "default_1.sqlite3-wal").touch()
    assert trouble(0, FINE, databases, output) == "left behind: default_1.sqlite3-wal"


def test_the_stock_backend_runs_only_where_ours_did_not_come_to_what_is_recorded(tmp_path):
    record = Record(["backends"], tmp_path / "stock.json")
    stock = Run(STOCK, 30.0, FINE)
    assert record.stock_to_run([Run(OURS, 30.0, FINE)], [OURS, STOCK]) == [STOCK]  # no outcome is recorded
    record.write([stock])
    assert record.stock_to_run([Run(OURS, 30.0, FINE)], [OURS, STOCK]) == []
    for other in (
        replace(FINE, run=1855),
        replace(FINE, skipped=["a.skipped"]),
        replace(FINE, errors=["d.fails"]),
        None,
    ):
        assert record.stock_to_run([Run(OURS, 30.0, other)], [OURS, STOCK]) == [STOCK]
    assert Record(["schema"], tmp_path / "stock.json").stock_to_run([Run(OURS, 30.0, FINE)], [STOCK]) == [STOCK]
