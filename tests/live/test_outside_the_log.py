"""Changes of the live file during a run that the change log misses: VACUUM, restored backups, statistics, DDL."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from contextlib import closing, suppress
from dataclasses import replace

import pytest

from schemasync.errors import Failed
from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.crash.databases import fence_of, traces, whole
from tests.support.columns import WRITTEN
from tests.support.sample import some

from .oracle import QUICK, Case, beside, content, made, read, waited
from .test_meanwhile import MORE, ROWS, T
from .test_runs import at, write

EVENTS = {"who": "TEXT", "what": "TEXT"}  # no column shows its row ids
SESSIONS = {"key": "TEXT PRIMARY KEY", "data": "TEXT"}  # neither here, but the table has an index
GAPS = "".join(
    f"INSERT INTO {table} SELECT 'u' || value, 'e' || value FROM json_each('[1,2,3,4,5,6,7,8]');"
    f"DELETE FROM {table} WHERE rowid IN (2, 4, 5);"
    for table in ("events", "sessions")
)
OLD = {"t": T, "events": EVENTS, "sessions": SESSIONS}
PLANS = {
    "kept": {**OLD, "t": MORE},
    "rewritten": {**OLD, "events": {**EVENTS, "more": "TEXT DEFAULT 'x'"}, "sessions": {**SESSIONS, "more": "INTEGER"}},
    "gets a key": {**OLD, "events": {"who": "TEXT PRIMARY KEY NOT NULL", "what": "TEXT", "_without_rowid": True}},
}
LABELS = {
    "logged": DiskStep.CAPTURE_INSTALL,
    "copied": DiskStep.BUILD_START,
    "filled": DiskStep.BUILD_REFILL,
    "sealed": DiskStep.BUILD_RENAME,
    "followed": DiskStep.CUTOVER_ROUND,
}
WRITES = (
    "UPDATE events SET what = what || '!' WHERE who IN ('u3', 'u8')",
    "INSERT INTO events VALUES ('u9', 'e9')",
    "DELETE FROM events WHERE who = 'u6'",
    "UPDATE sessions SET data = data || '!' WHERE key IN ('u3', 'u8')",
    "UPDATE t SET n = n + 1",
)


@pytest.fixture
def link(folder):
    return made(folder / "w", Case(OLD, PLANS["kept"], [], ROWS + GAPS))


def run(link, new, observer):
    return sync(target(link, disk=Disk(observer), wait=5.0), read(new), QUICK)


def rows(link, table):
    with closing(sqlite3.connect(link)) as connection:
        return sorted(row[:2] for row in connection.execute(f"SELECT * FROM {table}"))


def everything(link):
    return {table: rows(link, table) for table in OLD}


def ends(link, new, observer):
    """Return the code of the error that ends a run, and check that the file is open, whole and free of its objects."""
    with pytest.raises(Failed) as caught:
        run(link, new, observer)
    assert traces(link) == []
    assert fence_of(link) is None
    assert whole(link)
    assert len(list(link.with_name(link.name + ".generations").glob("[0-9]*.sqlite3"))) == 1
    (problem,) = caught.value.problems
    return str(problem.code)


# --- VACUUM -------------------------------------------------------------------------------------------------------


@pytest.mark.slow(but=["VACUUM between*"])
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("label", some(LABELS, {"filled", "followed"}))
@pytest.mark.parametrize("order", ["VACUUM between writes", "writes after VACUUM", "VACUUM after writes"])
def test_a_vacuum_during_a_run_loses_and_doubles_no_row(link, plan, label, order):
    """The run notices the VACUUM and ends, with the old file live, or the VACUUM does no harm."""
    cut = {"VACUUM between writes": 2, "writes after VACUUM": 0, "VACUUM after writes": len(WRITES)}[order]
    wanted = []

    def action():
        write(link, *WRITES[:cut], "VACUUM", *WRITES[cut:])
        wanted.append(everything(link))

    try:
        result = run(link, PLANS[plan], at(LABELS[label], action)).result
    except Failed as error:
        result = str(error.problems[0].code)
    assert result in ("synced", "row-ids-changed")
    assert everything(link) == wanted[0]
    assert traces(link) == []
    assert whole(link)
    if result != "synced":
        assert "more" not in str(content(link)["objects"])
        assert run(link, PLANS[plan], lambda *step: None).result == "synced", "the next run is not in its way"
        assert everything(link) == wanted[0]


@pytest.mark.parametrize("label", ["copied", "filled", "sealed"])
def test_rows_older_than_a_column_whose_default_changes_are_written_again_also_after_a_vacuum(link, label):
    """Such rows read the default from the definition, so editing the definition would change them."""
    write(link, "VACUUM")  # a second one changes no row id
    first, second = ({**OLD, "t": {**T, "more": f"TEXT NOT NULL DEFAULT '{value}'"}} for value in ("old", "new"))
    assert run(link, first, lambda *step: None).result == "synced"
    report = run(link, second, at(LABELS[label], lambda: write(link, "VACUUM")))
    assert report.result == "synced"
    assert any("read the default of more" in note for note in report.notes)
    with closing(sqlite3.connect(link)) as connection:
        assert set(connection.execute("SELECT more FROM t")) == {("old",)}


@pytest.mark.parametrize("plan", ["kept", "rewritten"])
@pytest.mark.parametrize("label", ["filled", "sealed", "followed"])
def test_row_ids_that_a_vacuum_renumbered_end_the_run_and_the_table_is_named(link, plan, label):
    with pytest.raises(Failed) as caught:
        run(link, PLANS[plan], at(LABELS[label], lambda: write(link, "VACUUM")))
    (problem,) = caught.value.problems
    assert (problem.code, problem.facts["table"]) == ("row-ids-changed", "events")
    assert "VACUUM" in str(problem)
    assert fence_of(link) is None
    assert traces(link) == []


@pytest.mark.parametrize("vacuum", [True, False])
def test_rows_that_got_another_key_are_followed_by_their_new_row_ids_after_a_vacuum(link, vacuum):
    """The plan keys the table by `who`, so the new file agrees with the old one whatever the row ids are."""
    rounds = []

    def observer(when, label):
        if (when, label) == ("after", DiskStep.CUTOVER_ROUND):
            rounds.append(label)
            if len(rounds) == 1 and vacuum:
                write(link, "VACUUM")
            if len(rounds) == 2 - (not vacuum):
                write(link, *WRITES)

    assert run(link, PLANS["gets a key"], observer).result == "synced"
    assert rows(link, "events") == [("u1", "e1"), ("u3", "e3!"), ("u7", "e7"), ("u8", "e8!"), ("u9", "e9")]


@pytest.mark.parametrize("label", LABELS)
def test_a_vacuum_does_not_end_a_run_whose_tables_all_have_an_integer_primary_key(folder, label):
    old, new = {"t": T, "o": T}, {"t": MORE, "o": T}
    statements = [
        "DELETE FROM o WHERE id = 2",
        "VACUUM",
        "UPDATE o SET a = 'x' WHERE id = 7",
        "INSERT INTO t (a) VALUES ('y')",
    ]
    case = Case(old, new, statements, ROWS + ROWS.replace("INTO t", "INTO o"))
    report, _ = beside(made(folder / "beside", case), case, ("after", LABELS[label]))
    assert report.result == "synced"
    waited(made(folder / "waited", case), case)
    assert content(folder / "beside" / "db.sqlite3") == content(folder / "waited" / "db.sqlite3")


@pytest.mark.parametrize("statement", ["ANALYZE", "REINDEX", "CREATE TABLE scratch (x)", "DROP INDEX by_who"])
def test_what_moves_the_schema_version_and_no_row_does_not_end_the_run(link, statement):
    back = {
        "CREATE TABLE scratch (x)": "DROP TABLE scratch",
        "DROP INDEX by_who": "CREATE INDEX by_who ON events (who)",
    }
    write(link, "CREATE INDEX by_who ON events (who)")
    action = lambda: write(link, WRITES[0], statement, *filter(None, [back.get(statement)]), *WRITES[1:])  # noqa: E731
    assert run(link, PLANS["kept"], at(DiskStep.CUTOVER_ROUND, action)).result == "synced"
    assert ("u9", "e9") in rows(link, "events")
    assert ("u3", "e3!") in rows(link, "events")


NOT_NULL = {**OLD, "events": {"who": "TEXT", "what": "TEXT NOT NULL"}}
NO_SHAPE = "INSERT INTO events VALUES ('u9', NULL)"  # a row that violates NOT_NULL
NO_KEY = "INSERT INTO events VALUES (NULL, 'x')"  # a row that violates a key on `who`
FIX = ("UPDATE events SET what = 'fixed' WHERE what IS NULL", "UPDATE events SET who = 'u10' WHERE who IS NULL")


@pytest.mark.parametrize("label", ["filled", "sealed"])
@pytest.mark.parametrize("new", [NOT_NULL, PLANS["gets a key"]], ids=["not null", "gets a key"])
def test_a_row_that_is_fixed_after_an_analyze_does_not_end_the_run(link, label, new):
    first = at(LABELS[label], lambda: write(link, NO_SHAPE, NO_KEY, "ANALYZE"))
    fixes = at(DiskStep.BUILD_ROUND if label == "filled" else DiskStep.CUTOVER_ROUND, lambda: write(link, *FIX))

    def observer(when, passed):
        first(when, passed)
        fixes(when, passed)

    assert run(link, new, observer).result == "synced"
    assert {("u9", "fixed"), ("u10", "x")} <= set(rows(link, "events"))


@pytest.mark.parametrize("label", ["filled", "sealed"])
def test_a_row_that_does_not_fit_is_named_and_no_vacuum_is_blamed_for_it(link, label):
    options = replace(QUICK, limits=replace(QUICK.limits, cutover_timeout=1.0))
    observer = at(LABELS[label], lambda: write(link, NO_SHAPE, "ANALYZE"))
    with pytest.raises(Failed) as caught:
        sync(target(link, disk=Disk(observer), wait=5.0), read(NOT_NULL), options)
    (problem,) = caught.value.problems
    assert (problem.code, problem.facts["table"], problem.facts["rows"]) == ("rows-violate-schema", "events", 1)
    assert traces(link) == []


@pytest.mark.parametrize("label", ["filled", "sealed"])
def test_rows_that_do_not_fit_because_a_vacuum_renumbered_them_end_the_run_at_once(link, label):
    """The run reads a row again by its new row id. The new file has it by the old one, so its key is there twice."""
    ended = []
    observer = at(LABELS[label], lambda: (write(link, "VACUUM", WRITES[0]), ended.append(time.monotonic())))
    unique = {**OLD, "events": {"who": "TEXT UNIQUE", "what": "TEXT"}}
    assert ends(link, unique, observer) == "row-ids-changed"
    assert time.monotonic() - ended[0] < QUICK.limits.cutover_timeout / 4


def test_a_vacuum_while_a_writer_is_at_work_loses_no_row(link):
    """A cron job vacuums at a random moment of a run, and a writer uses a table without an INTEGER PRIMARY KEY."""
    write(
        link,
        "INSERT INTO t (a) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n",
    )
    chance, stop, acknowledged = random.Random(5), threading.Event(), {"u3", "u6", "u7", "u8"}

    def work():
        connection, number = None, 100
        while not stop.is_set():
            with suppress(sqlite3.OperationalError):
                connection = connection or sqlite3.connect(link, isolation_level=None, timeout=10)
                number += 1
                try:
                    connection.execute("INSERT INTO events VALUES (?, 'w')", (f"u{number}",))
                except sqlite3.OperationalError:
                    connection.close()
                    connection = None
                    continue
                acknowledged.add(f"u{number}")
            time.sleep(0.002)

    def vacuum_with_a_gap():
        for _ in range(2):  # a superseded connection changes nothing
            with suppress(sqlite3.OperationalError):
                write(link, "DELETE FROM events WHERE who = 'u1'", "VACUUM")
                break

    writer = threading.Thread(target=work)
    writer.start()
    ended = set()
    for turn in range(4):
        new = {**OLD, "t": {**MORE, "more": f"TEXT NOT NULL DEFAULT 'm{turn}'"}}
        vacuum = threading.Timer(chance.random() * 0.3, vacuum_with_a_gap)
        vacuum.start()
        try:
            ended.add(run(link, new, lambda *step: None).result)
        except Failed as error:
            ended.add(str(error.problems[0].code))
        vacuum.join()
    stop.set()
    writer.join()
    found = [who for who, _ in rows(link, "events") if who != "u1"]
    assert sorted(found) == sorted(acknowledged)
    assert ended <= {"synced", "row-ids-changed"}


# --- restored backups ---------------------------------------------------------------------------------------------


def restore(link, backup):
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(link, timeout=5)) as there:
        source.backup(there)


def backed_up(link, backup):
    with closing(sqlite3.connect(link)) as source, closing(sqlite3.connect(backup)) as there:
        source.backup(there)


@pytest.mark.parametrize("label", ["filled", "sealed", "followed"])
def test_a_backup_that_is_restored_over_the_live_file_ends_the_run(link, label):
    backup = link.with_name("backup.sqlite3")
    backed_up(link, backup)
    before = everything(link)

    def action():
        write(link, *WRITES)
        restore(link, backup)

    assert ends(link, PLANS["kept"], at(LABELS[label], action)) == "log-incomplete"
    assert everything(link) == before


@pytest.mark.parametrize("since", [1, 40], ids=["the log is shorter", "the log is longer"])
def test_a_backup_from_the_same_run_ends_it_too_however_much_was_written_since(link, since):
    """The backup holds the change log, which enough later writes make longer than the part already read."""
    backup = link.with_name("backup.sqlite3")
    seen = []

    def observer(when, label):
        if (when, label) == ("after", DiskStep.BUILD_REFILL):
            backed_up(link, backup)
            write(
                link,
                "UPDATE t SET a = 'undone by the restore' WHERE id = 1",
                *["UPDATE t SET n = n + 1 WHERE id = 7"] * 5,
            )
        if (when, label) == ("after", DiskStep.BUILD_RENAME):
            restore(link, backup)
            write(link, *["UPDATE t SET n = n + 1 WHERE id = 7"] * since)
            seen.append(everything(link))

    assert ends(link, PLANS["kept"], observer) == "log-incomplete"
    assert everything(link) == seen[0]


# --- writes past the triggers -------------------------------------------------------------------------------------


def write_past_triggers(link, *statements):
    """Run statements on a connection that has its triggers switched off."""
    with closing(sqlite3.connect(link, isolation_level=None, timeout=5)) as connection:
        if hasattr(connection, "setconfig"):  # Python 3.12
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)
            for statement in statements:
                connection.execute(statement)
            return
        connection.execute("BEGIN IMMEDIATE")
        logs = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB '_schemasync_log*'"
        last = {
            log: connection.execute(f"SELECT max(id) FROM {log}").fetchone()[0]
            for (log,) in connection.execute(logs).fetchall()
        }
        for statement in statements:
            connection.execute(statement)
        for log, highest in last.items():
            connection.execute(f"DELETE FROM {log} WHERE id > ?", (highest or 0,))
        connection.execute("COMMIT")


CODES = {"code": "TEXT COLLATE NOCASE", "n": "INTEGER", "_primary_key": ["code", "n DESC"], "_without_rowid": True}
PAST = {
    "the newest row is deleted": "DELETE FROM t WHERE id = 7",
    "the oldest row is deleted": "DELETE FROM t WHERE id = 1",
    "a row comes before all others": "INSERT INTO t (id) VALUES (-5)",
    "the last key of a WITHOUT ROWID table is deleted": "DELETE FROM codes WHERE code = 'D'",
    "a key comes after all others": "INSERT INTO codes VALUES ('z', 1)",
    "only the case of a key changes": "UPDATE codes SET code = 'd' WHERE code = 'D'",
}


@pytest.fixture
def coded(folder):
    rows = ROWS + "INSERT INTO codes VALUES ('a', 1), ('B', 1), ('B', 2), ('D', 9);"
    return made(folder / "w", Case({"t": T, "codes": CODES, "o": T}, {}, [], rows))


def later(change):
    return {"t": T, "codes": CODES, "o": {**T, **change}}


@pytest.mark.parametrize("name", PAST)
def test_rows_at_the_ends_of_a_table_that_are_changed_past_the_triggers_end_the_run(coded, name):
    past = at(DiskStep.BUILD_REFILL, lambda: write_past_triggers(coded, PAST[name]))
    assert ends(coded, later({"more": WRITTEN}), past) == "log-incomplete"


def test_rows_that_are_added_past_the_triggers_come_along_and_let_the_table_be_compared(coded):
    """The row ids show added rows. Changes of other rows past the triggers do not show, so the table is compared."""
    added = "INSERT INTO t (a) VALUES ('past the triggers')"
    assert (
        run(
            coded, later({"more": WRITTEN}), at(DiskStep.BUILD_RENAME, lambda: write_past_triggers(coded, added))
        ).result
        == "synced"
    )
    assert ("past the triggers",) in [row[1:] for row in rows(coded, "t")]
    both = at(
        DiskStep.BUILD_RENAME, lambda: write_past_triggers(coded, added, "UPDATE t SET a = 'changed' WHERE id = 2")
    )
    with pytest.raises(Failed) as caught:
        run(coded, later({"more": "INTEGER"}), both)
    assert (caught.value.problems[0].code, caught.value.problems[0].facts["table"]) == ("log-incomplete", "t")


def blob(link):
    connection = sqlite3.connect(link, isolation_level=None)
    with closing(connection), connection.blobopen("t", "a", 2) as handle:
        handle.write(b"TWO")


def test_blob_io_is_found_by_a_full_verification(coded):
    full = replace(QUICK, verify_full=True)
    with pytest.raises(Failed) as caught:
        sync(
            target(coded, disk=Disk(at(DiskStep.BUILD_REFILL, lambda: blob(coded))), wait=5.0),
            read(later({"more": WRITTEN})),
            full,
        )
    assert caught.value.problems[0].facts["table"] == "t"
    assert fence_of(coded) is None
    assert traces(coded) == []
