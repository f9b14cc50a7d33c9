"""Damage that no query has found yet: pages of a table that a run keeps, and a log that belongs to another file."""

import os
import shutil
import signal

import pytest

from schemasync.engines.sqlite.verify import integrity_check
from schemasync.sync.adopt import adopt
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.runner import sync
from tests.crash.databases import V2, dump, fence_of, first, plain, read
from tests.crash.processes import child, sqlite
from tests.faults.test_bad_files import content, damage

KEPT = {"kept": {"id": "INTEGER PRIMARY KEY", "body": "TEXT"}}
OLD = {**KEPT, "notes": {"id": "INTEGER PRIMARY KEY", "note": "TEXT"}}
NEW = {**KEPT, "notes": {"id": "INTEGER PRIMARY KEY", "note": "BLOB"}}


def test_a_damaged_page_of_a_table_that_is_kept_is_copied_as_it_is(tmp_path):
    """The run does not read all of that table. All others are whole in the new file, and the old file remains."""
    database = first(tmp_path / "w")
    database.sync(OLD)
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
    database.run(
        f"INSERT INTO kept {numbers} SELECT i, 'body of row ' || i FROM n; INSERT INTO notes VALUES (1, 'first')"
    )
    live = database.files()[0]
    page = live.read_bytes().index(b"body of row 250") // 4096 + 1
    damage(live, page, b"\x00" * 8)
    before = live.read_bytes()[(page - 1) * 4096 : page * 4096]
    assert child(lambda: sync(database.target(), read(NEW))).result().result == "synced"
    assert before in database.link.read_bytes()
    with sqlite(database.link) as connection:
        assert connection.execute("SELECT note FROM notes").fetchall() == [("first",)]
    trouble = child(lambda: sync(database.target(), read(NEW), SyncOptions(verify_full=True))).refusal()
    assert (trouble.codes, trouble.exit_code, fence_of(database.link)) == (("verify-differs",), 4, None), trouble
    with sqlite(database.link) as connection:
        connection.execute("INSERT INTO notes VALUES (2, 'goes on')")


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_damaged_page_stops_an_adoption(tmp_path, journal):
    database = plain(tmp_path / "w", journal)
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
    with sqlite(database.link) as connection:
        connection.execute(f"INSERT INTO people (name) {numbers} SELECT 'body of row ' || i FROM n")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage(database.link, database.link.read_bytes().index(b"body of row 250") // 4096 + 1, b"\x00" * 8)
    before = content(database)
    trouble = child(lambda: adopt(database.target(), None)).refusal()
    assert (trouble.codes, trouble.exit_code) == (("corrupt",), 3), trouble
    assert {name: data for name, data in content(database).items() if name in before} == before


@pytest.mark.parametrize(("made", "now"), [("TEXT", "INTEGER"), ("INTEGER", "TEXT")])
def test_a_value_that_its_column_would_convert_today_is_no_damage(tmp_path, made, now):
    """Tools that change the type of a column without its rows leave such values."""
    database = plain(tmp_path / "w", "wal")
    with sqlite(database.link) as connection:
        connection.execute(f"CREATE TABLE odd (id INTEGER PRIMARY KEY, n {made})")
        connection.execute("INSERT INTO odd VALUES (1, 12)")
        before = connection.execute("SELECT typeof(n), n FROM odd").fetchall()
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute(
            f"UPDATE sqlite_schema SET sql = 'CREATE TABLE odd (id INTEGER PRIMARY KEY, n {now})' WHERE name = 'odd'"
        )
        connection.execute("PRAGMA writable_schema=RESET")
        assert connection.execute("PRAGMA quick_check").fetchall() != [("ok",)]
    assert child(lambda: adopt(database.target(), None)).result() is not None
    with sqlite(database.link) as connection:
        assert connection.execute("SELECT typeof(n), n FROM odd").fetchall() == before


def test_writers_without_wal_wait_for_one_table_at_a_time(tmp_path, monkeypatch):
    """Without WAL, a reader delays commits."""
    database, wrote = plain(tmp_path / "w", "delete"), []
    of_table = integrity_check.of_table

    def then_written(connection, schema, table, pragma):
        found = of_table(connection, schema, table, pragma)
        with sqlite(database.link) as writer:
            writer.execute("PRAGMA busy_timeout=0")
            writer.execute("INSERT INTO ledger (note) VALUES (?)", (table,))
        wrote.append(table)
        return found

    monkeypatch.setattr(integrity_check, "of_table", then_written)
    assert child(lambda: (adopt(database.target(), None), len(wrote))[1]).result() >= 5
    with sqlite(database.link) as connection:
        assert connection.execute("SELECT count(*) FROM ledger WHERE note = 'people'").fetchone() == (1,)


def another(folder):
    """Make a database whose last rows are only in its log."""
    folder.mkdir()
    path = folder / "other.sqlite3"
    path.touch()

    def die():
        with sqlite(path) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute("CREATE TABLE other (id INTEGER PRIMARY KEY, text)")
            for first in (0, 400):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                numbers = (
                    f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {first + 399})"
                )
                connection.execute(f"INSERT INTO other {numbers} SELECT i, hex(zeroblob(100)) FROM n")
            os.kill(os.getpid(), signal.SIGKILL)

    assert child(die).killed
    return path


@pytest.mark.parametrize("journal", ["wal", pytest.param("delete", marks=pytest.mark.slow)])
def test_a_file_beside_the_log_of_another_one_is_not_adopted(tmp_path, journal):
    """Such a log remains if a database is copied over another one. SQLite reads it as if it were the file's own."""
    database = plain(tmp_path / "w", journal)
    shutil.copy(f"{another(tmp_path / 'x')}-wal", f"{database.link}-wal")
    before = content(database)
    trouble = child(lambda: adopt(database.target(), None)).refusal()
    assert (trouble.codes, trouble.exit_code) == (("corrupt",), 3), trouble
    assert "Keep a copy of it with its -wal file" in "".join(trouble.hints)
    after = {name: data for name, data in content(database).items() if not name.endswith(("generations", "lock"))}
    assert after == before


def test_a_log_of_another_file_beside_the_live_one_stops_the_run(prepare, tmp_path):
    database = prepare("evolve").copy(tmp_path / "w")
    live = database.files()[0]
    shutil.copy(f"{another(tmp_path / 'x')}-wal", f"{live}-wal")
    trouble = child(lambda: sync(database.target(), read(V2))).refusal()
    assert trouble.exit_code in (3, 6), trouble
    assert {path.name for path in database.files()} == {live.name}
    live.with_name(f"{live.name}-wal").unlink()
    live.with_name(f"{live.name}-shm").unlink(missing_ok=True)
    assert child(lambda: sync(database.target(), read(V2))).result().result == "synced"


def test_a_file_with_rows_that_its_table_does_not_allow_is_adopted(tmp_path):
    """Such rows are no damage of the file."""
    database = plain(tmp_path / "w", "wal")
    with sqlite(database.link) as connection:
        connection.executescript("CREATE TABLE strict_later (a INTEGER CHECK (a > 0))")
        connection.execute("PRAGMA ignore_check_constraints=ON")
        connection.execute("INSERT INTO strict_later VALUES (-1)")
        connection.execute("PRAGMA ignore_check_constraints=OFF")
        assert connection.execute("PRAGMA quick_check").fetchone() != ("ok",)
    before = dump(database.link)
    child(lambda: adopt(database.target(), None).generation).result()
    assert dump(database.link)["rows"]["strict_later"] == before["rows"]["strict_later"]
