"""plan, check, history, inspect and the preview of a rollback change nothing: no name, no byte, no lock."""

import os
import shutil
import sqlite3
import sys
from contextlib import closing

import pytest

from schemasync.engines.sqlite import connection
from schemasync.engines.sqlite.connection import Opener, wal_of
from schemasync.sync import check, history, inspection, preview, prune, rollback
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.status import status
from tests.crash.databases import V2, WRITE, SampleDatabase, changed, read, write
from tests.crash.processes import NOBODY, Stranger, child, sqlite
from tests.crash.scenarios import leave_a_log

LATER = changed(V2, "papers", title="TEXT")

LOOKS = {
    "check": lambda target: check.check(target, read(V2)).differs(strict=False),
    "plan": lambda target: preview.outlook(target, read(LATER), SyncOptions()).plan is not None,
    "history": lambda target: len(history.history(target)),
    "inspect": lambda target: len(inspection.inspect_path(Opener(), target.layout.link).schema.tables),
    "a way back": lambda target: rollback.preview(target, None).to.generation[:4],
    "prune --dry-run": lambda target: len(prune.prune(target, 1, None, dry_run=True).gone),
}
LOOKING = pytest.mark.parametrize("name", LOOKS)


def seen(database):
    """Return the bytes, time and mode of every path. SQLite's shared memory has only its mode."""
    found = {}
    for path in sorted(database.folder.rglob("*")):
        status = path.lstat()
        content = None if path.is_dir() or path.is_symlink() or path.name.endswith("-shm") else path.read_bytes()
        stamp = None if path.name.endswith("-shm") or path.is_dir() else status.st_mtime_ns
        found[str(path.relative_to(database.folder))] = (content, stamp, status.st_mode)
    return found


def unchanged_by(database, name, user=None, allowed=frozenset()):
    """Run a read-only action twice and return its result. The folder must not change except for the paths `allowed`."""
    before = seen(database)
    answers = [child(lambda: LOOKS[name](database.target()), user=user).result() for _ in range(2)]
    after = {path: what for path, what in seen(database).items() if path not in allowed}
    assert sorted(after) == sorted(before)
    assert after == before
    assert answers[0] == answers[1]
    return answers[0]


@pytest.fixture
def database(prepare, tmp_path):
    """Generation 2 is live, closed cleanly, with no side files."""
    database = prepare("fresh").copy(tmp_path / "w")
    assert not [n for n in database.names()["generations"] if n.endswith(("-wal", "-shm"))]
    return database


@LOOKING
def test_at_a_cleanly_closed_database(database, name):
    unchanged_by(database, name)


@LOOKING
def test_at_a_database_that_another_process_writes(database, name):
    """Its rows are only in the log, which schemasync must not checkpoint or remove when it closes its connection."""
    with Stranger() as stranger:
        stranger.open("a", database.link)
        assert stranger.execute("a", WRITE, "only in the log") == []
        assert [n for n in database.names()["generations"] if n.endswith("-wal")]
        unchanged_by(database, name)
        assert stranger.execute("a", "SELECT count(*) FROM ledger WHERE note = 'only in the log'") == [(1,)]
        assert stranger.execute("a", WRITE, "goes on") == []


@LOOKING
def test_at_a_database_in_the_middle_of_another_s_transaction(database, name):
    with Stranger() as stranger:
        stranger.open("a", database.link)
        stranger.execute("a", "BEGIN IMMEDIATE")
        assert stranger.execute("a", WRITE, "not yet") == []
        unchanged_by(database, name)
        assert stranger.execute("a", "COMMIT") == []


@LOOKING
def test_at_a_database_whose_writer_was_killed(database, name):
    """The log is the only place of an acknowledged row."""
    leave_a_log(database.link)
    assert [n for n in database.names()["generations"] if n.endswith("-wal")]
    unchanged_by(database, name)
    with sqlite(database.link) as connection:
        assert connection.execute("SELECT count(*) FROM ledger WHERE note = 'only in the log'").fetchone() == (1,)


@LOOKING
def test_at_a_log_without_its_index(database, name):
    """A copy of a database and its log may lack the index. SQLite cannot read a log without it, and makes it again."""
    leave_a_log(database.link)
    (index,) = database.layout.folder.glob("*-shm")
    index.unlink()
    unchanged_by(database, name, allowed={str(index.relative_to(database.folder))})


@pytest.mark.parametrize("journal", ["wal", "delete", "truncate", "persist"])
@pytest.mark.parametrize("name", ["inspect"])
def test_at_a_plain_file(prepare, tmp_path, name, journal):
    database = prepare("adopt_journal").copy(tmp_path / "w")
    with sqlite(database.link) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute(WRITE, ("one more",))
    unchanged_by(database, name)


@pytest.fixture
def foreign_folder(database, open_folder):
    """The database in a folder to which only the owner may write."""
    copy = SampleDatabase(open_folder / "w")
    shutil.copytree(database.folder, copy.folder, symlinks=True)
    for path in (copy.folder, copy.layout.folder):
        path.chmod(0o755)
    for path in copy.layout.folder.iterdir():
        path.chmod(0o644)
    yield copy
    for path in (copy.folder, copy.layout.folder):
        path.chmod(0o755)


def unable_to_write(database):
    """Make sure that user NOBODY cannot write, and if the test does not run as root, that no one can."""
    if os.geteuid() != 0:
        for path in (*database.layout.folder.iterdir(), database.layout.folder, database.folder):
            path.chmod(path.stat().st_mode & ~0o222)
    assert "readonly" in child(lambda: write(database.link, "no"), user=NOBODY).result()


@LOOKING
def test_as_a_user_that_may_only_read(foreign_folder, name):
    unable_to_write(foreign_folder)
    unchanged_by(foreign_folder, name, user=NOBODY)


@LOOKING
def test_as_a_user_that_may_only_read_while_the_owner_writes(foreign_folder, name):
    with Stranger() as stranger:
        stranger.open("a", foreign_folder.link)
        assert stranger.execute("a", WRITE, "only in the log") == []
        for path in foreign_folder.layout.folder.iterdir():
            path.chmod(0o644)
        unchanged_by(foreign_folder, name, user=NOBODY)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give the folder to somebody else")
@LOOKING
def test_at_a_file_that_may_not_be_written_in_a_folder_that_may(foreign_folder, name):
    for path in (foreign_folder.folder, foreign_folder.layout.folder):
        path.chmod(0o777)
    for path in foreign_folder.layout.folder.iterdir():
        path.chmod(0o444)
    unchanged_by(foreign_folder, name, user=NOBODY)


@LOOKING
def test_while_a_run_is_at_work(database, name):
    """A read-only command takes no lock, and so does not wait."""
    with Stranger() as stranger:
        stranger.open("a", database.link)
        stranger.execute("a", "BEGIN IMMEDIATE")

        def hold():
            with database.target().locked():
                return child_of(name, database)

        assert child(hold).result() is not None


def child_of(name, database):
    return LOOKS[name](database.target())


def test_status_opens_each_archive_once(prepare, tmp_path):
    """A monitor runs it often, and there may be many archives."""
    database = prepare("evolve").copy(tmp_path / "w")
    database.sync(V2)
    database.sync(LATER)

    def opened():
        found = []
        sys.addaudithook(lambda event, given: found.append(str(given[0])) if event == "sqlite3.connect" else None)
        assert len(status(database.target()).archives) == 2
        return found

    names = child(opened).result()
    for archive in database.files()[:2]:
        assert len([name for name in names if archive.name in name]) == 1


def test_a_reader_whose_file_loses_its_log_sees_what_comes_after(tmp_path, monkeypatch):
    """A file that others may write is never opened as immutable, even if it has no log at that moment."""
    path = tmp_path / "db.sqlite3"

    def look():
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("PRAGMA journal_mode=WAL")
            writer.execute("CREATE TABLE t (c)")

            class Closing(type(path)):
                def exists(self):
                    found = super().exists()
                    writer.close()
                    return found

            monkeypatch.setattr(connection, "wal_of", lambda path: Closing(wal_of(path)))
            reader = Opener().read(path)
            monkeypatch.undo()
        assert not reader.execute("SELECT c FROM t").fetchall()
        with closing(sqlite3.connect(path)) as writer:
            writer.execute("INSERT INTO t VALUES (1)")
            writer.commit()
            writer.execute("PRAGMA wal_checkpoint")
        return reader.execute("SELECT c FROM t").fetchall()

    assert child(look).result() == [(1,)]
