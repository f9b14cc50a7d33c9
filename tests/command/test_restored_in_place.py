"""A backup that is restored into the live database through the link: its history is that of the backup."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from schemasync.sync import prune
from tests.support.processes import environment, run
from tests.support.project import V1, V2

V3 = {**V2, "Later": {"id": "INTEGER PRIMARY KEY"}}
MARK = "INSERT INTO Log VALUES (77, 'after the restore')"


def by_the_backup_api(backup, link):
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(link)) as target:
        source.backup(target)


def by_cp(backup, link):
    for side in ("-wal", "-shm"):
        link.resolve().with_name(link.resolve().name + side).unlink(missing_ok=True)
    shutil.copyfile(backup, link)


@pytest.fixture(params=[by_the_backup_api, by_cp])
def restored(evolved, request, monkeypatch):
    """A project with the backup of 0002 in the file of 0003, one row written since, and the schema.json of 0002."""
    monkeypatch.setattr(prune, "GRACE", timedelta(0))
    evolved.done("snapshot", evolved.folder / "backup.sqlite3")
    evolved.write(V3)
    evolved.done()
    request.param(evolved.folder / "backup.sqlite3", evolved.link)
    evolved.write(V2)
    evolved.run_sql(MARK)
    return evolved


def names(project):
    return [name.removesuffix(".sqlite3") for name in project.generations()]


def test_a_restore_into_the_live_file_is_recorded_and_loses_no_row(restored):
    _, second, third = names(restored)
    assert restored.live() == third
    out = restored.done().out
    assert f"{third} is current" in out or (third in out and second not in out.splitlines()[-1])
    entry = restored.done("history", json=True).json["generations"][0]
    assert (entry["generation"], entry["previous"], entry["action"], entry["live"]) == (third, second, "restore", True)

    back = restored.done("rollback", interactive=False)
    assert f"back from {third} to {second}" in back.out + back.err
    assert f"{third} stays whole" in back.out + back.err
    assert restored.live() == second
    restored.done("prune", keep=1)
    assert names(restored) == [second, third]
    restored.done("rollback", third, interactive=False)
    assert restored.live() == third
    assert restored.rows("SELECT what FROM Log WHERE id = 77") == [("after the restore",)]


@pytest.mark.parametrize("words", [("rollback",), ("prune",), ("eject",)], ids=lambda words: words[0])
def test_each_command_that_writes_records_it_first(restored, words):
    _, second, third = names(restored)
    options = {"interactive": False} if words == ("rollback",) else {}
    restored.done(*words, **options)
    rows = restored.rows(
        "SELECT generation, previous FROM _schema_versions ORDER BY id", restored.archive / f"{third}.sqlite3"
    )
    assert rows[-1] == (third, second)


def test_commands_that_read_say_so_and_change_nothing(restored):
    _, second, third = names(restored)
    before = restored.rows("SELECT * FROM _schema_versions")
    status = restored.done("status", json=True).json
    assert (status["result"], status["generation"]) == ("problem", third)
    assert status["errors"][0]["code"] == "restored-in-place"
    out = restored.done("history").out
    assert f"a backup of {second} was restored into this file" in out
    (live,) = [e["generation"] for e in restored.done("history", json=True).json["generations"] if e["live"]]
    assert live == third
    planned = restored.done("rollback", dry_run=True, json=True).json
    assert planned["differences"]["from"] == third
    assert planned["differences"]["tables"]["Log"]["added"] == 1
    restored.done("check")
    restored.done("plan")
    assert restored.rows("SELECT * FROM _schema_versions") == before


def test_a_change_by_hand_in_a_restored_file_is_still_drift(restored):
    restored.run_sql("ALTER TABLE Log ADD COLUMN by_hand TEXT")
    third = names(restored)[-1]
    restored.done("prune")
    assert restored.rows("SELECT generation FROM _schema_versions ORDER BY id DESC LIMIT 1") == [(third,)]
    assert "by_hand" in str(restored.call("check", json=True).json)
    assert restored.call().code != 0


def test_a_sync_goes_on_from_a_restored_file(restored):
    restored.write(V3)
    restored.done(block_writers=True)  # a snapshot that was copied over the file is not in WAL mode
    assert restored.live().startswith("0004-")
    assert restored.rows("SELECT what FROM Log WHERE id = 77") == [("after the restore",)]
    assert restored.done("status", json=True).json["result"] == "ok"


def test_two_files_that_were_each_restored_from_the_other_can_be_compared(restored):
    """A backup of 0003 is restored into 0002, of which 0003 was a copy."""
    _, second, third = names(restored)
    restored.done()
    restored.done("snapshot", restored.folder / "third.sqlite3")
    restored.done("rollback", second, interactive=False)
    by_the_backup_api(restored.folder / "third.sqlite3", restored.link)
    tables = restored.done("rollback", third, dry_run=True, json=True).json["differences"]["tables"]
    assert tables == {}
    restored.done("rollback", third, interactive=False)
    assert restored.live() == third


def test_an_archive_newer_than_the_history_is_kept_and_named(evolved, monkeypatch):
    monkeypatch.setattr(prune, "GRACE", timedelta(0))
    first, second = names(evolved)
    evolved.done("rollback", first, interactive=False)
    evolved.done("snapshot", evolved.folder / "old.sqlite3")
    with closing(sqlite3.connect(evolved.folder / "old.sqlite3")) as connection:  # the state before 0002
        connection.execute("DELETE FROM _schema_versions WHERE id > 1")
        connection.commit()
    by_the_backup_api(evolved.folder / "old.sqlite3", evolved.link)
    evolved.write(V1)
    found = evolved.done("prune", keep=1, dry_run=True, json=True).json
    assert [one["generation"] for one in found["not_in_history"]] == [second]
    assert f"kept, as the history does not know it (see --set-aside): {second}" in evolved.done("prune", keep=1).out
    assert names(evolved) == [first, second]


KILLED = """
import os, sys
from pathlib import Path
os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
from schemasync.files import disk
def observer(when, label):
    if (when, str(label)) == (sys.argv[1], "RECOVER:HISTORY"):
        os._exit(99)
def knocked(self, label, _old=disk.Disk.step):
    from contextlib import contextmanager
    @contextmanager
    def step():
        observer("before", label)
        with _old(self, label):
            yield
        observer("after", label)
    return step()
disk.Disk.step = knocked
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "schemasync", "--noinput"])
"""


@pytest.mark.parametrize(("when", "recorded"), [("before", False), ("after", True)])
def test_a_kill_around_the_record_of_a_restore_leaves_it_whole(restored, when, recorded):
    third = names(restored)[-1]
    restored.command()  # writes the settings of the project
    assert run(["-c", KILLED, when], restored.folder, environment()).code == 99
    newest = "SELECT generation FROM _schema_versions ORDER BY id DESC LIMIT 1"
    assert (restored.rows(newest) == [(third,)]) is recorded
    restored.done()
    assert restored.rows("SELECT count(*) FROM _schema_versions WHERE generation = ?".replace("?", f"'{third}'")) == [
        (1,)
    ]
    assert restored.rows("SELECT what FROM Log WHERE id = 77") == [("after the restore",)]


def test_a_snapshot_that_was_copied_over_the_database_goes_on_with_the_next_sync(evolved):
    """The snapshot has a rollback journal, as every file by VACUUM INTO."""
    evolved.done("snapshot", evolved.folder / "backup.sqlite3")
    evolved.write(V3)
    evolved.done()
    by_cp(evolved.folder / "backup.sqlite3", evolved.link)
    assert evolved.rows("PRAGMA journal_mode") == [("delete",)]
    evolved.done()
    assert evolved.rows("PRAGMA journal_mode") == [("wal",)]
    assert evolved.rows("SELECT count(*) FROM Later") == [(0,)]


# --- a backup from before the adoption ----------------------------------------------------------------------------

PLAIN = """
CREATE TABLE Users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, fax TEXT);
CREATE TABLE Log (id INTEGER PRIMARY KEY, what TEXT);
INSERT INTO Log VALUES (1, 'before');
"""


@pytest.fixture
def overwritten(evolved):
    """A project with a plain file in place of the live generation. `was`: the names of all generations."""
    evolved.was = names(evolved)
    backup = evolved.folder / "backup.sqlite3"
    with closing(sqlite3.connect(backup)) as connection:
        connection.executescript(PLAIN)
    by_cp(backup, evolved.link)
    return evolved


def test_a_command_names_the_one_command_that_goes_on_with_it(overwritten):
    for words in ((), ("plan",), ("rollback",), ("check",)):
        ended = overwritten.call(*words, **({"interactive": False} if words == ("rollback",) else {}))
        assert ended.code == 6
        assert "to go on with it: manage.py schemasync adopt\n" in ended.error
    assert overwritten.rows("SELECT name FROM sqlite_schema") == [("Users",), ("Log",)]


def test_adopt_records_what_the_file_holds_and_makes_no_other(overwritten):
    overwritten.write(V1)
    done = overwritten.done("adopt", json=True).json
    assert (done["generation"], done["differs"], done["previous"]) == (overwritten.live(), [], None)
    assert names(overwritten) == overwritten.was
    assert overwritten.rows("SELECT what FROM Log") == [("before",)]
    assert overwritten.rows("PRAGMA journal_mode") == [("wal",)]
    assert "nothing to do" in overwritten.done().out
    assert overwritten.done("status", json=True).json["result"] == "ok"
    overwritten.write(V2)
    overwritten.done(allow_drop=["Users.fax"])
    overwritten.done("rollback", interactive=False)
    assert overwritten.rows("SELECT what FROM Log") == [("before",)]


def test_no_prune_removes_an_archive_that_its_history_does_not_know(overwritten, monkeypatch):
    monkeypatch.setattr(prune, "GRACE", timedelta(0))
    overwritten.done("adopt")
    for number in range(3):
        tree = {f"t{number}": {"id": "INTEGER PRIMARY KEY"}, "_dropped": [f"t{n}" for n in range(number)]}
        overwritten.write({**V1, **tree})
        overwritten.done()
    overwritten.done("prune", keep=1)
    assert overwritten.was[0] in names(overwritten)


@pytest.mark.parametrize("how", ["damaged", "marked", "emptied"])
def test_a_file_that_is_not_whole_is_not_adopted(overwritten, how):
    path = overwritten.link.resolve()
    with closing(sqlite3.connect(path)) as connection:
        if how == "damaged":
            connection.execute("INSERT INTO Log (what) VALUES (hex(randomblob(9000)))")
        elif how == "marked":
            connection.execute("CREATE TABLE _schemasync_building (x)")
        else:
            connection.executescript("DROP TABLE Users; DROP TABLE Log")
        connection.commit()
    if how == "damaged":
        data = bytearray(path.read_bytes())
        data[-8192:-8188] = b"\xff" * 4  # the pointer from one overflow page of the long value to the next
        path.write_bytes(data)
    before = path.read_bytes()
    ended = overwritten.call("adopt")
    assert ended.code == (4 if how == "damaged" else 6)
    assert {"damaged": "[corrupt]", "marked": "[state-unknown]", "emptied": "[no-history]"}[how] in ended.error
    assert path.read_bytes() == before


def test_an_archive_of_another_past_lends_no_history(overwritten):
    """Without rows of django_migrations, nothing proves that the file is an older state of this database."""
    overwritten.done("adopt")
    history = overwritten.done("history", json=True).json["generations"]
    assert [(row["action"], row["id"]) for row in history] == [("adopt", 1)]
