"""The setting REQUIRE: the conditions for a run; a run that does not meet them leaves the database as it is."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.old_readers import is_held_back
from tests.command.test_run_report import PROC, another_process, report
from tests.command.test_settings import errors
from tests.support.project import REWRITTEN, V1, V2

ENOUGH, TOO_MUCH = 1, 10**18  # bytes


def require(settings, **demands):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "REQUIRE": demands}


def aged(path, days):
    path.write_bytes(b"x")
    at = time.time() - days * 86400
    os.utime(path, (at, at))


def refused(project):
    """Return the problems of a run that is refused and leaves everything as it is."""
    before, names = project.live(), sorted(path.name for path in project.archive.iterdir())
    ended = project.call(json=True)
    assert (ended.code, ended.json["result"]) == (3, "refused")
    assert project.live() == before
    assert sorted(path.name for path in project.archive.iterdir()) == names
    assert {one["code"] for one in ended.json["errors"]} == {"requirement-unmet"}
    return ended.json["errors"]


@pytest.fixture
def changed(synced):
    synced.write(V2)
    return synced


# --- backups ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["a pattern", "a folder", "a file"])
def test_the_newest_file_of_backups_has_to_be_new_enough(changed, settings, tmp_path, where):
    folder = tmp_path / "backups [daily]"  # characters with a meaning in patterns
    folder.mkdir()
    plain = tmp_path / "backups"
    plain.mkdir()
    place, source = {
        "a pattern": (plain, plain / "*.sqlite3"),
        "a folder": (folder, folder),
        "a file": (plain, plain / "last.sqlite3"),
    }[where]
    require(settings, BACKUP=str(source), BACKUP_NO_OLDER_THAN=timedelta(days=1))
    (error,) = refused(changed)
    assert error["message"] == "there is no backup, and REQUIRE demands one"
    aged(place / "last.sqlite3", 3)
    (error,) = refused(changed)
    assert error["message"].startswith("the newest backup is 3 days old")
    assert error["facts"] == {"requirement": "BACKUP_NO_OLDER_THAN"}
    aged(place / "last.sqlite3", 0.5)
    changed.done()


def test_without_a_place_the_backups_of_schemasync_count(changed, settings):
    require(settings, BACKUP_NO_OLDER_THAN=timedelta(days=1))
    (error,) = refused(changed)
    assert error["message"] == "there is no backup, and REQUIRE demands one"
    assert "db.sqlite3.backups, by: manage.py schemasync backup" in error["hint"]
    changed.done("backup")
    require(settings, BACKUP_NO_OLDER_THAN=0)
    (error,) = refused(changed)
    assert error["message"].startswith("the newest backup is")
    require(settings, BACKUP_NO_OLDER_THAN=timedelta(days=1))
    changed.done()


def newest(alias):
    assert alias == "default"
    return datetime.now(UTC) - timedelta(hours=5)


def nothing(alias):
    return None


def wrong(alias):
    return "yesterday"


def leaves(alias):
    raise SystemExit(0)


def broken(alias):
    raise ConnectionError("the archive is not reachable")


@pytest.mark.parametrize(
    ("name", "hours", "message"),
    [
        ("newest", 4, "the newest backup is 5 hours old"),
        ("nothing", 4, "there is no backup"),
        ("wrong", 4, "neither a datetime nor None"),
        ("broken", 4, "ConnectionError: the archive is not reachable"),
        ("leaves", 1, "SystemExit: 0"),
        ("newest", 6, None),
    ],
)
@pytest.mark.parametrize("dotted", [True, False])
def test_a_function_says_when_the_newest_backup_was_made(changed, settings, name, hours, message, dotted):
    source = f"{__name__}.{name}" if dotted else globals()[name]
    require(settings, BACKUP=source, BACKUP_NO_OLDER_THAN=hours * 3600)
    if message is None:
        changed.done()
    else:
        (error,) = refused(changed)
        assert message in error["message"]


def test_a_new_database_needs_no_backup(project, settings):
    require(settings, BACKUP="/nowhere/*.sqlite3", BACKUP_NO_OLDER_THAN=1)
    project.done()


# --- the disk, and several requirements at once -------------------------------------------------------------------


def test_so_much_of_the_disk_stays_free(changed, settings):
    require(settings, DISK_LEFT=TOO_MUCH)
    (error,) = refused(changed)
    assert f"{TOO_MUCH:,}" in error["message"]
    require(settings, DISK_LEFT=ENOUGH)
    changed.done()


def test_all_that_is_not_so_is_said_at_once_and_in_a_plan_and_a_check(changed, settings):
    require(settings, DISK_LEFT=TOO_MUCH, BACKUP="/nowhere/*", BACKUP_NO_OLDER_THAN=1)
    assert [one["facts"]["requirement"] for one in refused(changed)] == ["BACKUP_NO_OLDER_THAN", "DISK_LEFT"]
    plan = changed.call("plan", json=True)
    assert (plan.code, plan.json["result"]) == (3, "refused")
    assert [one["code"] for one in plan.json["errors"]] == ["requirement-unmet"] * 2
    reported = changed.call("plan")
    assert "required:" in reported.out
    assert "2 requirements that are not met stop a sync; nothing was written" in reported.err
    check = changed.call("check", json=True)
    assert check.code == 1
    assert [one["code"] for one in check.json["refused"]] == ["requirement-unmet"] * 2


def test_a_plan_says_hazards_and_requirements_together(synced, settings):
    require(settings, DISK_LEFT=TOO_MUCH)
    synced.write({**V1, "Users": {**V1["Users"], "fax": "TEXT NOT NULL"}})
    reported = synced.call("plan")
    assert "1 hazard and 1 requirement that is not met stop a sync" in reported.err


def test_a_current_database_asks_for_nothing(synced, settings):
    require(settings, DISK_LEFT=TOO_MUCH)
    synced.done()
    synced.done("plan")
    synced.done("check")


def test_an_alteration_in_place_asks_for_the_same(synced, settings):
    require(settings, DISK_LEFT=TOO_MUCH)
    synced.write({**V1, "Log": {**V1["Log"], "more": "TEXT"}})
    assert synced.call(in_place=True).code == 3


def test_the_report_lists_what_was_required_and_found(changed, settings):
    require(settings, DISK_LEFT=ENOUGH, BACKUP=newest, BACKUP_NO_OLDER_THAN=60)
    changed.call(report=str(changed.folder / "report.json"))
    checks = {one["check"]: one for one in report(changed)["run"]["checks"]}
    assert checks["DISK_LEFT"]["met"]
    assert not checks["BACKUP_NO_OLDER_THAN"]["met"]
    assert checks["BACKUP_NO_OLDER_THAN"]["found"].startswith("5 hours: ")


# --- readers ------------------------------------------------------------------------------------------------------


@pytest.fixture
def old_reader(synced):
    """Yield the id of another process that reads the state from before the last write."""
    with another_process(synced.link, "BEGIN") as pid:
        synced.run_sql("INSERT INTO Log VALUES (99, 'after the reader began')")
        yield pid


def test_a_reader_that_stays_open_refuses_the_run_and_is_named(synced, old_reader, settings):
    require(settings, NO_READER_OPEN_LONGER_THAN=0.3)
    synced.write(REWRITTEN)
    begun = time.monotonic()
    (error,) = refused(synced)
    assert time.monotonic() - begun >= 0.3
    assert "for more than 0.3 s" in error["message"]
    if Path("/proc/locks").exists():
        assert f"process {old_reader} (python" in error["message"]


def test_a_reader_that_ends_in_time_is_waited_for(synced, settings):
    require(settings, NO_READER_OPEN_LONGER_THAN=20)
    synced.write(REWRITTEN)
    code = "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN'); c.execute('SELECT * FROM Log').fetchall(); print('there', flush=True); time.sleep(1)"
    reader = subprocess.Popen([sys.executable, "-c", code, str(synced.link)], stdout=subprocess.PIPE)
    reader.stdout.readline()
    synced.run_sql("INSERT INTO Log VALUES (99, 'after the reader began')")
    ended = synced.done()
    assert "waiting for at most 20 s for a reader" in ended.out
    assert reader.wait(30) == 0
    reader.stdout.close()


def test_readers_that_come_and_go_refuse_nothing(synced, settings):
    """At each moment there is some reader, but none reads for long."""
    require(settings, NO_READER_OPEN_LONGER_THAN=0.5)
    synced.write(REWRITTEN)
    code = """
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
print("there", flush=True)
while True:
    c.execute("BEGIN")
    c.execute("SELECT count(*) FROM sqlite_master").fetchall()
    c.execute("COMMIT")
"""
    writes = code.replace(
        'c.execute("BEGIN")', 'c.execute("BEGIN IMMEDIATE"); c.execute("INSERT INTO Log (what) VALUES (1)")'
    )
    busy = [
        subprocess.Popen(
            [sys.executable, "-c", text, str(synced.link)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        for text in (code, code, writes)
    ]
    try:
        for one in busy:
            assert one.stdout.readline() == b"there\n"
        synced.done()
    finally:
        for one in busy:
            one.kill()
            one.wait()
            one.stdout.close()


def test_a_reader_that_has_seen_everything_holds_nothing_back(synced):
    with another_process(synced.link, "BEGIN"):
        assert not is_held_back(Opener(), synced.link.resolve(), 0, lambda: None)


def test_a_log_that_was_reset_has_no_old_reader(synced):
    """The reader ended and the log was reset: pages that are not checkpointed now were written later."""
    path = synced.link.resolve()
    with closing(sqlite3.connect(path, isolation_level=None)) as first:
        first.execute("BEGIN")
        first.execute("SELECT * FROM Log").fetchall()
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            for number in range(200, 220):
                writer.execute("INSERT INTO Log VALUES (?, 'one')", (number,))

            def on_wait():
                first.execute("COMMIT")
                writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                writer.execute("INSERT INTO Log VALUES (99, 'two')")
                first.execute("BEGIN")
                first.execute("SELECT * FROM Log").fetchall()
                for number in range(100, 120):
                    writer.execute("INSERT INTO Log VALUES (?, 'more')", (number,))

            assert not is_held_back(Opener(), path, 0.3, on_wait)


@PROC
def test_without_the_setting_nobody_waits_for_a_reader(synced, old_reader):
    synced.write(REWRITTEN)
    assert "waiting" not in synced.done().out


# --- mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ([], "it is no dict"),
        ({"DISK": 3}, "it has no key 'DISK'"),
        ({"DISK_LEFT": "2 GB"}, "DISK_LEFT is '2 GB'"),
        ({"DISK_LEFT": True}, "DISK_LEFT is True"),
        ({"NO_READER_OPEN_LONGER_THAN": -1}, "NO_READER_OPEN_LONGER_THAN is -1"),
        ({"BACKUP": "/b"}, "BACKUP needs BACKUP_NO_OLDER_THAN"),
        ({"BACKUP": 3, "BACKUP_NO_OLDER_THAN": 5}, "BACKUP is 3"),
        ({"BACKUP": "/b", "BACKUP_NO_OLDER_THAN": "1 day"}, "BACKUP_NO_OLDER_THAN is '1 day'"),
    ],
)
def test_a_mistake_in_it_is_found_by_the_command_and_by_the_system_check(project, settings, value, fault):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "REQUIRE": value}
    ended = project.call()
    assert ended.code == 2
    assert fault in ended.error
    assert [item.id for item in errors()] == ["schemasync.E003"]


def test_a_function_that_is_not_there_is_named(changed, settings):
    require(settings, BACKUP="shop.nowhere", BACKUP_NO_OLDER_THAN=5)
    (error,) = refused(changed)
    assert "shop.nowhere" in error["message"]
