"""Copies that operators make by hand, as in docs/howto/by-hand.md: each is restored completely, or its missing rows are
shown, or it is refused with the reason."""

import shutil
import sqlite3
import subprocess
from contextlib import closing, contextmanager

import pytest

from tests.support.project import V2
from tests.support.sqlite_builds import of_the_system

pytest.importorskip("backports.zstd")


def users(project):
    return [name for (name,) in project.rows("SELECT full_name FROM Users ORDER BY id")]


def run(*words):
    subprocess.run([str(word) for word in words], check=True, env=of_the_system())


@contextmanager
def in_use(project):
    """Keep the database open, so that its log is not merged, with a row that is only in the log."""
    with closing(sqlite3.connect(project.link, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("INSERT INTO Users VALUES (3, 'in the log')")
        yield


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "copies"
    folder.mkdir()
    return folder


def whole(name, make):
    return pytest.param(make, id=name)


WHOLE = [
    whole("cp -a", lambda link, folder: (run("cp", "-a", link, f"{link}.generations", folder), folder / link.name)[1]),
    whole(".backup", lambda link, folder: (run("sqlite3", link, f".backup {folder}/copy"), folder / "copy")[1]),
    whole("snapshot", None),
    whole("rsync -a", lambda link, folder: (run("rsync", "-a", link, f"{link}.generations", folder), folder / link.name)[1]),
    whole("the folder alone", lambda link, folder: (
        run("cp", "-a", f"{link}.generations", folder), folder / f"{link.name}.generations" / link.readlink().name)[1]),
]  # fmt: skip


@pytest.mark.slow(but=["cp -a"])
@pytest.mark.parametrize("make", WHOLE)
def test_a_whole_copy_is_restored_with_what_is_in_the_log(evolved, elsewhere, make, request):
    tool = request.node.callspec.id.split()[0].removeprefix(".")
    if tool == "rsync" and shutil.which("rsync") is None:
        pytest.skip("needs rsync")
    if tool == "backup" and shutil.which("sqlite3") is None:
        pytest.skip("needs sqlite3")
    with in_use(evolved):
        if make is None:
            evolved.done("snapshot", copy := elsewhere / "copy")
        else:
            copy = make(evolved.link, elsewhere)
    before = {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()}
    evolved.run_sql("DELETE FROM Users")
    evolved.done("restore", copy, noinput=True)
    assert users(evolved) == ["ann", "bob", "in the log"]
    assert {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()} == before, (
        "the copy is unchanged"
    )
    assert evolved.rows("SELECT count(*) FROM sqlite_schema WHERE name LIKE '#_schemasync#_%' ESCAPE '#'") == [(0,)]


def test_cp_of_the_link_lacks_the_log_and_the_restore_counts_that_before_it_asks(evolved, elsewhere):
    with in_use(evolved):
        run("cp", evolved.link, elsewhere)
        run("cp", *evolved.folder.glob("db.sqlite3-*"), evolved.schema, elsewhere)  # db.sqlite3* does not match the log
        found = evolved.done("restore", elsewhere / "db.sqlite3", dry_run=True, json=True).json
        assert found["differences"]["tables"]["Users"]["added"] == 1
        evolved.done("restore", elsewhere / "db.sqlite3", noinput=True)
    assert users(evolved) == ["ann", "bob"]
    evolved.done("rollback", noinput=True)
    assert users(evolved) == ["ann", "bob", "in the log"]


def test_cp_a_of_the_link_alone_copies_nothing_and_says_so(evolved, elsewhere):
    run("cp", "-a", evolved.link, elsewhere)
    ended = evolved.call("restore", elsewhere / "db.sqlite3", noinput=True)
    assert ended.code == 3 and "[no-backup]" in ended.err and "is no file" in ended.err


def torn(link, copy):
    """Copy the file with a checkpoint in the middle, as may happen with any large file beside writers."""
    data = link.read_bytes()
    with closing(sqlite3.connect(link, isolation_level=None)) as connection:
        connection.execute("UPDATE Halves SET n = n + 1")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    later = link.read_bytes()
    half = len(data) // 2
    copy.write_bytes(data[:half] + later[half:])


@pytest.fixture
def halves(evolved):
    """A project with a table of many pages, in which the same number is in all rows at any time."""
    evolved.write({**V2, "Halves": {"id": "INTEGER PRIMARY KEY", "n": "INTEGER NOT NULL", "pad": "TEXT"}})
    evolved.done()
    many = "WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 3000)"
    evolved.run_sql(
        f"{many} INSERT INTO Halves SELECT i, 0, printf('%100d', i) FROM i; PRAGMA wal_checkpoint(TRUNCATE)"
    )
    return evolved


def test_a_copy_beside_writers_may_be_torn_where_no_check_notices_it(halves, elsewhere):
    """This is why the page says that such a copy is not a backup: SQLite has no checksum over all pages."""
    torn(halves.link.resolve(), elsewhere / "copy")
    halves.done("restore", elsewhere / "copy", into=elsewhere / "restored")
    assert halves.rows("SELECT count(DISTINCT n) FROM Halves", elsewhere / "restored") == [(2,)]
    assert halves.rows("PRAGMA integrity_check", elsewhere / "restored") == [("ok",)]


@pytest.mark.slow(but=["an index"])
@pytest.mark.parametrize("damage", ["an index", "cut", "no database", "a build"])
def test_a_copy_with_damage_is_refused_by_name(halves, elsewhere, damage):
    copy = elsewhere / "copy"
    match damage:
        case "an index":  # with other values than the table: quick_check does not find that
            shutil.copyfile(halves.link.resolve(), copy)
            halves.run_sql(
                "CREATE INDEX i ON Halves (n); PRAGMA writable_schema=ON;"
                "UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON Halves (pad)' WHERE name = 'i'",
                copy,
            )
            assert halves.rows("PRAGMA quick_check", copy) == [("ok",)]
        case "cut":
            copy.write_bytes(halves.link.resolve().read_bytes()[:-50_000])
        case "no database":
            copy.write_bytes(b"<html>404" * 1000)
        case "a build":
            shutil.copyfile(halves.link.resolve(), copy)
            halves.run_sql("CREATE TABLE _schemasync_building (x)", copy)
    live, names = halves.live(), sorted(halves.archive.iterdir())
    ended = halves.call("restore", copy, noinput=True)
    assert ended.code == 4 and "[backup-damaged] the backup copy is damaged" in ended.err
    assert (halves.live(), sorted(halves.archive.iterdir())) == (live, names)


def test_a_link_that_was_moved_away_comes_back_with_the_next_command(evolved):
    evolved.link.rename(evolved.folder / "old.sqlite3")
    assert "was missing" in evolved.done().out
    assert users(evolved) == ["ann", "bob"]


def test_a_live_file_that_was_moved_away_is_named_by_check_and_goes_back(evolved, elsewhere):
    live = evolved.link.resolve()
    run("mv", live, elsewhere)
    ended = evolved.call("check")
    assert "generation-missing" in ended.err and live.name in ended.err
    run("mv", elsewhere / live.name, live)
    evolved.done("check")
    assert users(evolved) == ["ann", "bob"]


@pytest.mark.slow
def test_link_and_folder_can_be_moved_together(evolved, elsewhere):
    run("mv", evolved.link, f"{evolved.link}.generations", elsewhere)
    evolved.done("restore", elsewhere / "db.sqlite3", noinput=True)
    assert users(evolved) == ["ann", "bob"]
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve')", elsewhere / "db.sqlite3")
    assert evolved.rows("SELECT count(*) FROM Users", elsewhere / "db.sqlite3") == [(3,)]
