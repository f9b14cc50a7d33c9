"""assert_change: sound changes pass, and every fault of an unsound change is reported, all at once."""

import json
import sqlite3
import subprocess
from contextlib import closing

import pytest

from schemasync.sync import runner
from schemasync.testing import assert_change, change, database, git_revision, temporary_database
from tests.support.memory import memory, tmp_path  # noqa: F401  fixtures

BEFORE = {
    "Users": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL", "fax": "TEXT"},
    "Seats": {
        "row": "INTEGER",
        "number": "INTEGER",
        "user": "INTEGER REFERENCES Users (id)",
        "_primary_key": ["row", "number"],
        "_without_rowid": True,
    },
    "Log": {"what": "TEXT"},
    "Words": {"_virtual": "fts5(word)"},
}
AFTER = {
    "People": {
        "_was": ["Users"],
        "_dropped": ["fax"],
        "id": "INTEGER PRIMARY KEY",
        "full_name": {"type": "TEXT NOT NULL UNIQUE", "was": ["name"]},
        "email": "TEXT",
    },
    "Seats": {"row": "TEXT", "number": "INTEGER", "user": "INTEGER REFERENCES People (id)", "_primary_key": ["row", "number"], "_without_rowid": True},
    "Log": {"what": "TEXT CHECK (length(what) < 100)"},
    "Words": {"_virtual": "fts5(word)"},
}  # fmt: skip
ROWS = {
    "Seats": [{"row": 1, "number": 2, "user": 1}, {"row": 2, "number": 2, "user": None}],
    "Users": [{"id": 1, "name": "ann", "fax": "1"}, {"id": 2, "name": "bob"}],
    "Log": [{"what": "twice"}, {"what": "twice"}, {}],
    "Words": [{"word": "hello"}],
}


def failures(*args, **options):
    with pytest.raises(AssertionError) as caught:
        assert_change(*args, **options)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_a_sound_change_passes_and_says_what_was_seen():
    seen = assert_change(BEFORE, AFTER, ROWS, within=60, max_wait_ms=30_000)
    assert seen.compared == {"Users": 2, "Seats": 2, "Log": 3, "Words": 1}
    assert seen.lost == {"Users.fax": 1}
    assert seen.rows_after["People"] == [
        {"id": 1, "full_name": "ann", "email": None},
        {"id": 2, "full_name": "bob", "email": None},
    ]
    assert seen.writes >= 2
    assert seen.written_tables <= {"Users", "Seats", "Log"}
    assert {"sync", "rollback"} < set(seen.seconds)
    assert seen.report.result == "synced"
    assert seen.pause_ms >= 0
    assert seen.longest_wait_ms > 0  # less than the pause if the writer started no write during it


@pytest.mark.parametrize("options", [{"block_writers": True}, {"rebuild_all": True}], ids=["block", "rebuild"])
def test_the_ways_of_a_run_are_options(options):
    assert assert_change(BEFORE, AFTER, ROWS, **options).compared["Users"] == 2


def test_a_schema_that_stays_the_same_is_a_sound_change():
    assert assert_change(BEFORE, BEFORE, ROWS).report.result == "current"


def test_a_database_without_rows_is_changed_too():
    assert assert_change(BEFORE, AFTER, {}).compared["Users"] == 0


# --- unsound changes ------------------------------------------------------------------------------------------------


def test_a_refused_sync_is_reported_with_its_hint():
    rows = {"Users": [{"id": 1, "name": "ann"}, {"id": 2, "name": "ann"}]}
    (failure, *_) = failures(BEFORE, AFTER, rows)
    assert failure.startswith("goes forward: ")
    assert "People" in failure


def test_a_column_that_would_be_lost_is_reported():
    (failure, *_) = failures(BEFORE, BEFORE | {"Users": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL"}}, ROWS)
    assert "fax" in failure


def planted(monkeypatch, *statements):
    """Make the runner damage the database that it has built."""

    def damaging(target, document, *args, **kwargs):
        report = runner.sync(target, document, *args, **kwargs)
        if "People" in str(document.data) and report.result == "synced":
            with closing(sqlite3.connect(target.layout.link)) as connection, connection:
                for statement in statements:
                    connection.execute(statement)
        return report

    monkeypatch.setattr("schemasync.testing.database.sync", damaging)


LOSSES = {
    "DELETE FROM People WHERE id = 2": "Users, id 2: the row is gone",
    "INSERT INTO People VALUES (3, 'cy', NULL)": "Users, id 3: the row was not there before",
    "UPDATE People SET full_name = 'eve' WHERE id = 1": "Users, id 1: full_name was 'ann' and is 'eve'",
    "UPDATE Seats SET user = NULL WHERE row = '1'": "Seats, row '1', number 2: user was 1 and is NULL",
    "UPDATE Seats SET row = '02' WHERE row = '2'": "Seats, row '2', number 2: the row is gone",
    "DELETE FROM Log WHERE rowid = 1": "Log, row id 1: the row is gone",
    "UPDATE Log SET rowid = 9 WHERE rowid = 2": "Log, row id 9: the row was not there before",
    "UPDATE Words SET word = 'x'": "Words, row id 1: word was 'hello' and is 'x'",
}


def test_each_loss_is_reported_with_its_row(monkeypatch):
    planted(monkeypatch, *LOSSES)
    found = failures(BEFORE, AFTER, ROWS)
    assert {f"keeps rows: {said}" for said in LOSSES.values()} <= set(found), found


def test_a_lost_table_and_a_lost_write_are_reported(monkeypatch):
    planted(monkeypatch, "DROP TABLE Log", "DELETE FROM schemasync_testing_writes WHERE key = 'writer1-1'")
    found = failures(BEFORE, AFTER, ROWS)
    assert "keeps rows: Log: the table is gone" in found
    assert "writers: 1 acknowledged writes are lost, such as writer1-1" in found


def test_of_many_differences_some_are_shown(monkeypatch):
    planted(monkeypatch, "UPDATE Log SET what = 'x'")
    found = failures(BEFORE, AFTER, {"Log": [{"what": str(n)} for n in range(20)]})
    assert found[:2] == ["keeps rows: Log, row id 1: what was '0' and is 'x'", "keeps rows: Log, row id 10: what was '9' and is 'x'"]  # fmt: skip
    assert found[5] == "keeps rows: Log: 15 more rows differ"


def test_a_rollback_that_does_not_give_the_same_content_is_reported(monkeypatch):
    rollback = database.rollback

    def damaging(target, *args, **kwargs):
        done = rollback(target, *args, **kwargs)
        with closing(sqlite3.connect(target.layout.link)) as connection, connection:
            connection.execute("UPDATE Users SET fax = '2' WHERE id = 1")
            connection.execute("CREATE INDEX more ON Users (fax)")
        return done

    monkeypatch.setattr(database, "rollback", damaging)
    found = failures(BEFORE, AFTER, ROWS)
    assert "goes back: Users: the row (1, 'ann', '1') is not there again" in found
    assert "goes back: Users: the row (1, 'ann', '2') was not there before" in found
    assert any(line.startswith("goes back: Users: the index more was not there before") for line in found)


def test_what_takes_too_long_is_reported_and_all_failures_at_once():
    found = failures(BEFORE, AFTER, ROWS, within=0, max_wait_ms=0, expect={"People": [{"full_name": "zoe"}]})
    assert found[0] == "keeps rows: People: no row is {'full_name': 'zoe'}"
    assert any(line.startswith("in time: the sync took") for line in found)
    assert any(line.startswith("writers: a write waited") for line in found)


def test_a_sync_that_is_not_idempotent_is_reported(monkeypatch):
    planted(monkeypatch, "ALTER TABLE People DROP COLUMN email")
    assert any(line.startswith("is idempotent: ") for line in failures(BEFORE, AFTER, ROWS))


# --- conversions, fills, expectations -------------------------------------------------------------------------------


def test_values_are_compared_as_the_new_column_stores_them():
    before = {"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT", "b": "INTEGER"}}
    after = {"t": {"id": "INTEGER PRIMARY KEY", "a": "INTEGER", "b": "TEXT"}}
    seen = assert_change(before, after, {"t": [{"a": "12", "b": 3}, {"a": None, "b": None}]})
    assert seen.rows_after["t"] == [{"id": 1, "a": 12, "b": "3"}, {"id": 2, "a": None, "b": None}]


def test_computed_values_are_compared_with_what_the_test_expects():
    before = {"t": {"id": "INTEGER PRIMARY KEY", "price": "REAL"}}
    after = {"t": {"id": "INTEGER PRIMARY KEY", "cents": {"type": "INTEGER", "was": ["price"], "fill": "CAST(round(price * 100) AS INTEGER)"}}}  # fmt: skip
    rows = {"t": [{"price": 1.5}]}
    assert_change(before, after, rows, expect={"t": [{"id": 1, "cents": 150}]})
    found = failures(before, after, rows, expect={"t": [{"id": 1, "cents": 150.0}]})
    assert found == [
        "keeps rows: t: no row is {'id': 1, 'cents': 150.0}",
        "keeps rows: t: a row was not expected: {'id': 1, 'cents': 150}",
    ]


def test_rows_that_a_select_gives_are_compared_with_what_the_test_expects():
    before = {"t": {"id": "INTEGER PRIMARY KEY", "tag": "TEXT"}}
    after = {
        "t": {"id": "INTEGER PRIMARY KEY", "tag": "TEXT", "_from": "SELECT id, upper(tag) AS tag FROM old.t"},
        "tag": {"name": "TEXT PRIMARY KEY", "_from": "SELECT DISTINCT tag AS name FROM old.t"},
    }
    rows = {"t": [{"tag": "a"}, {"tag": "a"}]}
    seen = assert_change(before, after, rows, expect={"tag": [{"name": "a"}]})
    assert seen.rows_after["t"] == [{"id": 1, "tag": "A"}, {"id": 2, "tag": "A"}]
    assert seen.compared == {}
    assert failures(before, after, rows, expect={"tag": [{"name": "b"}]})[0].endswith("no row is {'name': 'b'}")


def test_null_that_a_default_replaces_is_no_loss():
    before = {"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}}
    after = {"t": {"id": "INTEGER PRIMARY KEY", "a": {"type": "TEXT NOT NULL", "fill": "coalesce(a, '-')"}}}
    assert assert_change(before, after, {"t": [{"a": None}, {"a": "x"}]}).rows_after["t"][0]["a"] == "-"


# --- hazards --------------------------------------------------------------------------------------------------------

NOT_NULL = {"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT NOT NULL"}}
NULL = {"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}}


def test_an_expected_hazard_that_stops_a_run_passes_if_the_run_is_refused():
    seen = assert_change(NULL, NOT_NULL, {"t": [{"a": None}]}, expect_hazards=["nulls"])
    assert [str(hazard.code) for hazard in seen.hazards] == ["nulls"]
    assert seen.report is None


@pytest.mark.parametrize(
    ("rows", "expected", "said"),
    [
        ([{"a": None}], [], "hazards: nulls was not expected"),
        ([{"a": "x"}], ["nulls"], "hazards: nulls was expected, and not found"),
        ([{"a": "x"}], ["nullz"], "hazards: nullz is no code of a hazard"),
    ],
)
def test_other_hazards_than_expected_are_reported(rows, expected, said):
    (failure, *_) = failures(NULL, NOT_NULL, {"t": rows}, expect_hazards=expected)
    assert failure.startswith(said)


# --- sources of the schemas -----------------------------------------------------------------------------------------


def test_a_schema_is_a_file_or_a_file_of_a_git_revision(tmp_path):  # noqa: F811
    path = tmp_path / "schema.json"
    git = ["git", "-C", tmp_path, "-c", "user.name=n", "-c", "user.email=e"]
    path.write_text(json.dumps(BEFORE))
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "1"]):
        subprocess.run([*git, *command], check=True)
    path.write_text(json.dumps(AFTER))
    assert assert_change(git_revision("HEAD", path), path, ROWS).lost == {"Users.fax": 1}
    with pytest.raises(FileNotFoundError, match=r"there is no .*schema\.json of v9"):
        assert_change(git_revision("v9", path), path, ROWS)


def test_a_row_that_does_not_fit_is_the_error_of_sqlite_with_the_row():
    with pytest.raises(sqlite3.IntegrityError) as caught, temporary_database(BEFORE, {"Users": [{"id": 1}]}):
        pass
    assert caught.value.__notes__ == ["This is row 1 of Users: {'id': 1}"]
    rows = {"Seats": [{"row": 1, "number": 1, "user": 7}]}
    with pytest.raises(sqlite3.IntegrityError, match="Seats refers to a row that Users does not have"):
        assert_change(BEFORE, AFTER, rows)


def test_rows_may_be_a_function():
    def fill(connection):
        connection.executemany("INSERT INTO Log VALUES (?)", [(str(n),) for n in range(100)])

    assert assert_change(BEFORE, AFTER, fill).compared["Log"] == 100


def test_steps_are_named_in_the_order_of_the_promise():
    assert [str(step) for step in change.Step][1:] == ["goes forward", "keeps rows", "is idempotent", "goes back", "in time", "writers"]  # fmt: skip
