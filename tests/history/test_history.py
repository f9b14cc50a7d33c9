"""The history finds the wanted generation, and counts the rows written between any two generations."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from schemasync.errors import Code, NeedsPerson, Refused
from schemasync.history import rows
from schemasync.history.data_migrations import recorded
from schemasync.history.row import HistoryRow
from schemasync.history.rows import find
from schemasync.schema import document
from schemasync.sync import rollback
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run import live_database
from schemasync.sync.run.target import Target, target
from schemasync.sync.runner import sync

FIRST = '{"U": {"id": "INTEGER PRIMARY KEY", "n": "TEXT"}, "G": {"a": "INT"}}'
SECOND = """{"U": {"id": "INTEGER PRIMARY KEY", "m": {"type": "TEXT", "was": ["n"]}, "age": "INT DEFAULT 3"},
             "_dropped": ["G"]}"""
THIRD = '{"V": {"_was": ["U"], "id": "INTEGER PRIMARY KEY", "m": "TEXT", "age": "TEXT"}, "H": {"x": "INT"}}'

Counts = dict[str, tuple[int, int, int]]


class SampleDatabase:
    """A database with three successive schemas, and rows written after each."""

    def __init__(self, folder: Path) -> None:
        self.target: Target = target(folder / "db.sqlite3")
        self.sync(FIRST)
        self.write("INSERT INTO U VALUES (1, 'a'), (2, 'b'), (3, 'c')", "INSERT INTO G VALUES (1)")
        self.sync(SECOND)
        self.write("INSERT INTO U (m) VALUES ('d')")
        self.sync(THIRD)
        self.write("UPDATE V SET m = 'bb' WHERE id = 2", "DELETE FROM V WHERE id = 3", "INSERT INTO H VALUES (1)")

    def sync(self, text: str) -> None:
        sync(self.target, document.read(text.encode()))

    def write(self, *statements: str) -> None:
        connection = sqlite3.connect(self.target.layout.link)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    def back(self, wanted: str | None) -> Counts:
        """Roll back, and return the non-empty counts of the preview: {table: (added, changed, removed)}."""
        done = rollback.rollback(self.target, wanted, lambda ahead: True)
        assert done is not None
        return {t.table: (t.added, t.changed, t.removed) for t in done.preview.tallies if not t.is_empty}


@pytest.fixture
def sample(tmp_path: Path) -> SampleDatabase:
    return SampleDatabase(tmp_path)


def test_going_back_one_sync_counts_what_was_written_since(sample: SampleDatabase) -> None:
    assert sample.back(None) == {"H": (1, 0, 0), "V": (0, 1, 1)}


def test_going_back_two_syncs_counts_through_renames_and_drops(sample: SampleDatabase) -> None:
    assert sample.back("1") == {"G": (0, 0, 1), "H": (1, 0, 0), "V": (1, 1, 1)}


def test_going_forward_again_counts_what_the_restored_one_lacks(sample: SampleDatabase) -> None:
    sample.back("1")
    assert sample.back("3") == {"G": (1, 0, 0), "H": (0, 0, 1), "V": (1, 1, 1)}


def test_two_branches_of_one_generation_are_compared_through_it(sample: SampleDatabase) -> None:
    sample.back("1")
    sample.sync(SECOND.replace("age", "years"))
    sample.write("INSERT INTO U (id, m) VALUES (9, 'z')")
    counts = sample.back("3")
    assert counts["U"] == (2, 1, 1)  # 3 and 9 are only here, 2 differs, 4 is only there


def test_rolling_back_twice_comes_back(sample: SampleDatabase) -> None:
    before = sample.target.layout.live()
    sample.back(None)
    sample.back(None)
    assert sample.target.layout.live() == before


def test_a_table_that_was_made_by_hand_and_taken_in_later_is_not_compared(sample: SampleDatabase) -> None:
    sample.write("CREATE TABLE W (a INT)", "CREATE TABLE X (a INT)", "INSERT INTO X VALUES (1)")
    sample.sync(THIRD.replace('"H"', '"W": {"a": "INT"}, "X": {"a": "TEXT"}, "H"'))
    sample.write("INSERT INTO X VALUES ('b')")
    found = {t.table: (t.comparable, t.note) for t in rollback.preview(sample.target, None).tallies if not t.is_empty}
    reason = "made by hand, and added to schema.json later"
    assert found == {"W": (False, reason), "X": (False, reason)}


# --- finding ----------------------------------------------------------------------------------------------------


def row(number: int, generation: str, version: str) -> HistoryRow:
    return HistoryRow(number, version, "", "sync", generation, None, "{}", "[]", "", "{}", 0, 0, 0, "", "")


ROWS = (
    row(1, "0001-aaaaaaaaaaaa", "1:aaaaaaaaaaaa" + "0" * 52),
    row(2, "0002-aaaabbbbbbbb", "1:aaaabbbbbbbb" + "0" * 52),
    row(3, "0010-cccccccccccc", "1:cccccccccccc" + "0" * 52),
    row(4, "0001-aaaaaaaaaaaa", "1:aaaaaaaaaaaa" + "0" * 52),
    row(5, "0011-dddddddddddd", "1:dddddddddddd" + "0" * 52),
    row(6, "0012-dddddddddddd", "1:dddddddddddd" + "0" * 52),
)


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        ("0002-aaaabbbbbbbb", 2),
        ("2", 2),
        ("0002", 2),
        ("10", 3),
        ("cccc", 3),
        ("CCCCcc", 3),
        ("1:cccccccc", 3),
        ("aaaaa", 4),
        ("1", 4),
    ],
)
def test_a_generation_is_found_by_name_number_or_version(wanted: str, number: int) -> None:
    assert find(ROWS, wanted).id == number


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("aaaa", "may be any of"),
        ("7", 'no generation "7", and a version needs 4 digits or more'),
        ("ccc", "4 digits or more"),
        ("nothing", "no generation or version nothing"),
        ("", 'no generation ""'),
        ("dddd", "several generations: 0011-dddddddddddd, 0012-dddddddddddd"),
    ],
)
def test_what_is_unknown_or_may_be_two_is_refused(wanted: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        find(ROWS, wanted)
    assert refused.value.problems[0].code == Code.UNKNOWN_GENERATION
    assert why in str(refused.value)


# --- hints ------------------------------------------------------------------------------------------------------


def test_a_fill_does_not_act_again_after_its_table_and_column_were_renamed(tmp_path: Path) -> None:
    database = target(tmp_path / "db.sqlite3")
    steps = [
        '{"T": {"x": "INTEGER"}}',
        '{"T": {"x": {"type": "REAL", "fill": "x * 100"}}}',
        '{"U": {"_was": ["T"], "x": {"type": "REAL", "fill": "x * 100"}}}',
        '{"U": {"_was": ["T"], "y": {"type": "REAL", "was": ["x"], "fill": "x * 100"}}}',
        '{"U": {"_was": ["T"], "y": {"type": "TEXT", "was": ["x"], "fill": "x * 100"}}}',
    ]
    for number, text in enumerate(steps):
        sync(database, document.read(text.encode()))
        if number == 0:
            connection = sqlite3.connect(database.layout.link)
            connection.execute("INSERT INTO T VALUES (5)")
            connection.commit()
            connection.close()
    connection = sqlite3.connect(database.layout.link)
    assert connection.execute("SELECT y FROM U").fetchall() == [("500.0",)]
    connection.close()


def test_a_fill_acts_on_a_column_that_went_and_came_again(tmp_path: Path) -> None:
    database, plain = target(tmp_path / "db.sqlite3"), '"a": "INTEGER PRIMARY KEY"'
    filled = '{"T": {%s, "b": {"type": "TEXT", "fill": "a * 2"}}}' % plain
    for text in ("{%s}" % f'"T": {{{plain}}}', filled, '{"T": {%s, "_dropped": ["b"]}}' % plain, filled):
        sync(database, document.read(text.encode()), SyncOptions(allow_older=True))
        connection = sqlite3.connect(database.layout.link)
        connection.execute("INSERT OR IGNORE INTO T (a) VALUES (7)")
        connection.commit()
        connection.close()
    connection = sqlite3.connect(database.layout.link)
    assert connection.execute("SELECT a, b FROM T").fetchall() == [(7, "14")]
    connection.close()


def test_going_back_counts_the_rows_of_an_archive_against_the_table_whose_rows_they_were(tmp_path: Path) -> None:
    one = SampleDatabase.__new__(SampleDatabase)
    one.target = target(tmp_path / "db.sqlite3")
    one.sync('{"U": {"id": "INTEGER PRIMARY KEY", "n": "TEXT"}}')
    one.write("INSERT INTO U VALUES (1, 'a'), (2, 'b')")
    one.sync("""{"U": {"id": "INTEGER PRIMARY KEY", "n": "TEXT"},
        "A": {"_was": ["U"], "id": "INTEGER PRIMARY KEY", "n": "TEXT"}}""")
    one.write("INSERT INTO U VALUES (1, 'new')", "UPDATE A SET n = 'c' WHERE id = 2")
    one.sync("""{"U": {"id": "INTEGER PRIMARY KEY", "n": "TEXT", "m": "TEXT"},
        "A": {"id": "INTEGER PRIMARY KEY", "k": {"type": "TEXT", "was": ["n"]}, "n": "INT"}}""")
    assert one.back("1") == {"U": (1, 0, 0), "A": (0, 1, 0)}


def damaged(sample: SampleDatabase, column: str) -> None:
    sample.write(f"UPDATE _schema_versions SET {column} = 'no JSON' WHERE id = 2")


def test_a_row_without_json_says_nothing_where_nothing_depends_on_it(sample: SampleDatabase) -> None:
    damaged(sample, "plan")
    layout = sample.target.layout
    with live_database.read(layout, sample.target.opener) as now:
        assert now is not None
        row = now.rows[1]
    assert (row.details, row.document, rows.changed(row), rows.models_of(row)) == ({}, None, (), {})
    assert recorded([row]) is None


@pytest.mark.parametrize("column", ["plan", "schema"])
def test_rows_are_not_counted_by_a_history_without_json(sample: SampleDatabase, column: str) -> None:
    """The history rows between the two generations are needed to map the columns of the oldest one."""
    damaged(sample, column)
    with pytest.raises(NeedsPerson) as refused:
        sample.back("1")
    assert refused.value.problems[0].code == Code.HISTORY_DAMAGED


def test_hints_that_have_acted_are_recorded_as_lists_and_read_back(sample: SampleDatabase) -> None:
    with live_database.read(sample.target.layout, sample.target.opener) as now:
        assert now is not None
        row = now.rows[2]
    assert row.hints == '[["_dropped","g"],["_was","v","u"],["was","v","m","n"]]'
    assert rows.hints_json(rows.hints_of(row)) == row.hints


@pytest.mark.parametrize("hints", ['["was"]', '[["was", "t"]]', '[["other", "t", "a", "b"]]', "[1]", "{}"])
def test_a_hint_of_no_recorded_form_is_a_damaged_history(hints: str) -> None:
    with pytest.raises(NeedsPerson) as refused:
        rows.hints_of(replace(ROWS[0], hints=hints))
    assert refused.value.problems[0].code == Code.HISTORY_DAMAGED
