"""Work of the application on the new file while writers go on: its result is as if all writes had come before it."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from schemasync.engines.sqlite.capture.table_access import TableAccess, recorded
from schemasync.errors import Code, Failed
from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

from .damaged import MODES, NEW, OLD, RENAMED, ROWS, SEALED, at, copy, execute, make, new_file, read

WORKED = ("after", DiskStep.BUILD_HOOKS)
REKEYED = {
    **NEW,
    "bare": {"a": "TEXT NOT NULL", "b": "TEXT", "more": "TEXT", "_primary_key": ["a"], "_without_rowid": True},
}
AUTHOR = "CREATE TABLE sums (person REFERENCES people, n); INSERT INTO sums VALUES (2, 7)"


@dataclass
class Work:
    """SQL that an application runs on the new file: ahead of the swap if possible, else while writers wait."""

    script: str
    ahead: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    def is_due(self, new):
        return True

    def do_ahead(self, new) -> TableAccess:
        self.ahead.append(new.path.name)
        with closing(sqlite3.connect(new.path, isolation_level=None)) as connection, recorded(connection) as access:
            try:
                connection.executescript(self.script)
            except sqlite3.DatabaseError:
                if not access.is_denied:
                    raise
            return access

    def __call__(self, new) -> bool:
        if new.is_ahead:
            return False
        self.waiting.append(new.path.name)
        execute(new.path, self.script)
        return True


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    more = "CREATE TABLE boss (id INTEGER PRIMARY KEY); INSERT INTO boss VALUES (1); CREATE TABLE hand (b REFERENCES boss);"
    return make(tmp_path_factory.mktemp("ahead") / "old", rows=ROWS + more)


@pytest.fixture
def link(old, tmp_path):
    return copy(old, tmp_path / "w")


def bring(link, work, observer, tree=NEW, options=MODES["live"]):
    return sync(target(link, disk=Disk(observer), wait=5.0), read(tree), options, work, work)


def content(link):
    """Return schema, rows and counters as SQL, without the history and without statistics."""
    with closing(sqlite3.connect(link)) as connection:
        lines = list(connection.iterdump())
    return sorted(line for line in lines if "_schema_versions" not in line and "sqlite_stat" not in line)


def expected(old, folder, work, writes, tree=NEW):
    """Return the content of a database with all writes first, then the sync, and the work last."""
    link = copy(old, folder)
    execute(link, writes)
    sync(target(link), read(tree))
    execute(link, work)
    return content(link)


APART = {
    "other tables are written": ("INSERT INTO foreign_table VALUES (4)", "UPDATE people SET name = 'z' WHERE id = 1"),
    "nothing is written": ("UPDATE people SET height = 9", "SELECT 1"),
    "a table is created and filled from one that is not written": (
        "CREATE TABLE sums AS SELECT count(*) AS n FROM codes",
        "INSERT INTO kept (x) VALUES ('m'); DELETE FROM people WHERE id = 3",
    ),
    "a table with a counter is created": (
        "CREATE TABLE numbers (id INTEGER PRIMARY KEY AUTOINCREMENT, x); INSERT INTO numbers VALUES (41, 1)",
        "INSERT INTO counted (x) VALUES ('r'); INSERT INTO kept (x) VALUES ('m')",
    ),
    "a table is made again, as Django does it": (
        "CREATE TABLE new_one (id INTEGER PRIMARY KEY AUTOINCREMENT, q TEXT NOT NULL, more TEXT DEFAULT 'x');"
        "INSERT INTO new_one (id, q) SELECT id, q FROM foreign_counted; DROP TABLE foreign_counted;"
        "ALTER TABLE new_one RENAME TO foreign_counted; CREATE INDEX of_q ON foreign_counted (q)",
        "INSERT INTO people (name) VALUES ('y'); INSERT INTO kept_bare VALUES ('3')",
    ),
    "a table is dropped": ("DROP VIEW foreign_view; DROP TABLE foreign_table", "INSERT INTO bare VALUES ('7', '8')"),
    "a table with a counter is dropped": ("DROP TABLE foreign_counted", "INSERT INTO kept (x) VALUES ('m')"),
    "a trigger is created on a table that is written": (
        "CREATE TABLE seen (x); CREATE TRIGGER sees AFTER INSERT ON kept_bare BEGIN INSERT INTO seen VALUES (1); END",
        "INSERT INTO people (name) VALUES ('y')",
    ),
    "rows refer to rows that are written": (AUTHOR, "UPDATE people SET height = 3 WHERE id = 2"),
}
MET = {
    "a written table is written": ("UPDATE people SET height = 9", "INSERT INTO people (name) VALUES ('y')"),
    "a read table is written": ("CREATE TABLE sums AS SELECT count(*) AS n FROM kept_codes", "DELETE FROM kept_codes"),
    "a table is read through a view": (
        "CREATE TABLE sums AS SELECT count(*) AS n FROM foreign_view",
        "INSERT INTO foreign_table VALUES (9)",
    ),
    "a table is written by a trigger": (
        "CREATE TRIGGER sees AFTER INSERT ON foreign_table BEGIN UPDATE kept_bare SET a = 'seen'; END;"
        "INSERT INTO foreign_table VALUES (4)",
        "INSERT INTO kept_bare VALUES ('3')",
    ),
    "an index is created on a written table": (
        "CREATE INDEX more_of_it ON foreign_table (q)",
        "INSERT INTO foreign_table VALUES (9)",
    ),
    "a renamed table is written": ("ALTER TABLE foreign_table RENAME TO it", "INSERT INTO foreign_table VALUES (9)"),
    "a table is written that refers to a renamed one": (
        "ALTER TABLE boss RENAME TO chief",
        "INSERT INTO hand VALUES (1)",
    ),
    "a dropped table is written": ("DROP TABLE foreign_counted", "INSERT INTO foreign_counted (q) VALUES (9)"),
    "only the counter of a table is set": (
        "INSERT INTO kept (x) VALUES ('w')",
        "UPDATE sqlite_sequence SET seq = 50 WHERE name = 'kept'",
    ),
    "a row is inserted past the change log": (
        "UPDATE kept_bare SET a = 'w'",
        "CREATE TEMP TRIGGER hides AFTER INSERT ON kept_bare BEGIN SELECT RAISE(IGNORE); END;"
        "INSERT INTO kept_bare VALUES ('v')",
    ),
    "row ids may have changed": ("UPDATE kept_bare SET a = 'w'", "VACUUM"),
}
DENIED = {
    "a number of the file is set": "PRAGMA user_version = 9",
    "another file is attached": "ATTACH ':memory:' AS other; CREATE TABLE other.t (x)",
    "a virtual table is created": "CREATE VIRTUAL TABLE words USING fts5 (w)",
}


@pytest.mark.slow(but=["a table*", "nothing*"])
@pytest.mark.parametrize("case", APART)
def test_work_apart_from_the_writes_is_done_once_and_ahead(old, link, tmp_path, case):
    script, writes = APART[case]
    work = Work(script)
    report = bring(link, work, at(WORKED, lambda: execute(link, writes)))
    assert report.result == "synced"
    assert (len(work.ahead), work.waiting) == (1, [])
    assert content(link) == expected(old, tmp_path / "expected", script, writes)


@pytest.mark.parametrize("case", MET)
def test_work_that_writes_have_met_is_done_again_on_another_file_while_writers_wait(old, link, tmp_path, case):
    script, writes = MET[case]
    work = Work(script)
    bring(link, work, at(WORKED, lambda: execute(link, writes)))
    assert (len(work.ahead), len(work.waiting)) == (1, 1)
    assert content(link) == expected(old, tmp_path / "expected", script, writes)
    assert len(list((link.parent / "db.sqlite3.generations").glob("000*.sqlite3"))) == 2, "the first file is removed"


@pytest.mark.parametrize(
    "case", ["a read table is written", "a row is inserted past the change log", "row ids may have changed"]
)
def test_a_write_between_the_last_look_and_the_lock_is_not_missed(old, link, tmp_path, case):
    script, writes = MET[case]
    work, rounds = Work(script), []

    def observer(when, label):
        if (when, label) == ("before", DiskStep.CUTOVER_ROUND):
            rounds.append(label)
            if len(rounds) == 1:
                execute(link, writes)

    bring(link, work, observer)
    assert len(work.waiting) == 1
    assert content(link) == expected(old, tmp_path / "expected", script, writes)


@pytest.mark.parametrize("case", DENIED)
def test_work_whose_effect_is_not_limited_to_tables_waits_for_the_lock(old, link, tmp_path, case):
    work = Work(DENIED[case])
    bring(link, work, lambda when, label: None)
    assert (len(work.ahead), len(work.waiting)) == (1, 1)
    assert content(link) == expected(old, tmp_path / "expected", DENIED[case], "")


def test_a_full_text_table_that_the_work_writes_waits_for_the_lock(tmp_path):
    link = make(tmp_path / "w", OLD, "CREATE VIRTUAL TABLE words USING fts5 (w); INSERT INTO words VALUES ('one')")
    work = Work("INSERT INTO words VALUES ('two')")
    bring(link, work, lambda when, label: None)
    assert len(work.waiting) == 1
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT w FROM words WHERE words MATCH 'one OR two'").fetchall() == [
            ("one",),
            ("two",),
        ]


@pytest.mark.parametrize(
    "tree, mode, one, other",
    [
        pytest.param(RENAMED, "live", "bare", "codes", id="other names"),
        pytest.param(REKEYED, "live", "bare", "codes", id="other keys used"),
        pytest.param(REKEYED, "live", "codes", "bare", id="other keys written"),
        pytest.param(REKEYED, "fresh", "codes", "bare", id="other keys written, all is rebuilt"),
    ],
)
def test_rows_are_followed_beside_the_work_under_other_names_and_keys(old, link, tmp_path, tree, mode, one, other):
    script, writes = f"UPDATE {one} SET more = 1", f"INSERT INTO {other} VALUES ('7', '8'); DELETE FROM kept_bare"
    work = Work(script)
    bring(link, work, at(WORKED, lambda: execute(link, writes)), tree, MODES[mode])
    assert (len(work.ahead), work.waiting) == (1, [])
    assert content(link) == expected(old, tmp_path / "expected", script, writes, tree)


def test_a_table_with_other_keys_is_not_written_either(old, link, tmp_path):
    script, writes = "UPDATE bare SET more = 1", "INSERT INTO bare VALUES ('7', '8')"
    work = Work(script)
    bring(link, work, at(WORKED, lambda: execute(link, writes)), REKEYED)
    assert len(work.waiting) == 1
    assert content(link) == expected(old, tmp_path / "expected", script, writes, REKEYED)


def test_a_row_that_the_work_refers_to_cannot_go_meanwhile(link):
    work = Work(AUTHOR)
    options = SyncOptions(
        limits=Limits(max_pause=1.0, cutover_timeout=0.5)
    )  # the run waits this long for the row to come back
    with pytest.raises(Failed) as caught:
        bring(link, work, at(WORKED, lambda: execute(link, "DELETE FROM people WHERE id = 2")), options=options)
    assert caught.value.problems[0].code == Code.ROWS_VIOLATE_SCHEMA
    assert 'rows of "sums" refer to rows that do not exist' in caught.value.problems[0].message


def test_triggers_fire_on_the_work_and_not_on_the_replay(link):
    execute(
        link,
        "CREATE TABLE log (x); CREATE TRIGGER logs AFTER INSERT ON foreign_table BEGIN INSERT INTO log VALUES (1); END",
    )
    work = Work("INSERT INTO foreign_table VALUES (4)")
    bring(link, work, at(SEALED, lambda: execute(link, "INSERT INTO bare VALUES (1, 1)")))
    assert not work.waiting
    execute(link, "INSERT INTO foreign_table VALUES (5)")
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (2,)


def test_work_that_fails_ahead_leaves_the_live_file_as_it_was(link):
    before = content(link)
    with pytest.raises(Failed) as caught:
        bring(link, Work("INSERT INTO nothing VALUES (1)"), lambda when, label: None)
    assert caught.value.problems[0].code == Code.HOOK_FAILED
    assert content(link) == before
    assert not list((link.parent / "db.sqlite3.generations").glob("0002-*"))


def test_work_that_changes_a_table_of_the_plan_ahead_is_refused(link):
    with pytest.raises(Failed, match="changed the schema of people"):
        bring(link, Work("ALTER TABLE people ADD COLUMN another"), lambda when, label: None)


def test_no_work_is_done_ahead_while_the_swap_is_postponed_or_writers_wait(link):
    work = Work("UPDATE people SET height = 9")
    bring(link, work, lambda when, label: None, options=MODES["pause"])
    assert (work.ahead, len(work.waiting)) == ([], 1)
    assert new_file(link).exists()
