"""manage.py schemasync drill: whether the newest backup can be restored, and how long that takes."""

import shutil
from datetime import timedelta

import pytest
from django.db import connections

from schemasync import checks, process
from schemasync.actions import health as health_action
from tests.support.project import V2

pytest.importorskip("backports.zstd")


@pytest.fixture(autouse=True)
def _nothing_is_known_yet():
    health_action._known.clear()


@pytest.fixture
def backed_up(evolved):
    evolved.done("backup")
    evolved.run_sql("DELETE FROM Users")
    return evolved


def given(settings, **keys):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, **keys}


def damage(project):
    (stored,) = (project.folder / "db.sqlite3.backups" / "default").glob("*.zst")
    stored.write_bytes(stored.read_bytes()[:-9])


SEEN = []


def look(alias):
    with connections[alias].cursor() as cursor:
        SEEN.append(cursor.execute("SELECT count(*) FROM Users").fetchone()[0])
        cursor.execute("DELETE FROM Users")
    return SEEN[-1] != 0


def test_it_restores_the_newest_backup_and_says_how_long_that_took(backed_up):
    name = backed_up.done("backups", json=True).json["backups"][0]["name"]
    found = backed_up.done("drill", json=True).json
    assert (found["result"], found["drill"]["backup"], found["drill"]["error"]) == ("passed", name, None)
    assert found["drill"]["seconds"] > 0 and found["drill"]["bytes"] > 0
    assert backed_up.rows("SELECT count(*) FROM Users") == [(0,)]
    assert not list(backed_up.archive.glob("backup-*"))
    backed_up.write({**V2, "More": {"id": "INTEGER PRIMARY KEY"}})
    backed_up.done()
    status = backed_up.done("status", json=True).json
    assert (status["last_drill"], status["last_backup"]["name"]) == (found["drill"], name), "also after a swap"
    assert "last drill: " in backed_up.done("status").out


def test_the_health_check_of_the_project_looks_at_what_was_restored(backed_up, settings):
    given(settings, HEALTH=f"{__name__}.look")
    SEEN.clear()
    backed_up.done("drill")
    assert SEEN == [2]
    backed_up.done("backup")  # a backup of an empty table
    ended = backed_up.call("drill")
    assert ended.code == 1 and "[health-check-failed]" in ended.err
    assert "returned False for the newest backup" in ended.err


@pytest.mark.parametrize("fault", ["damaged", "none"])
def test_one_that_cannot_be_restored_is_recorded_and_exits_with_1(evolved, fault):
    if fault == "damaged":
        evolved.done("backup")
        damage(evolved)
    code = {"damaged": "backup-damaged", "none": "no-backup"}[fault]
    found = evolved.call("drill", json=True)
    assert (found.code, found.json["result"], found.json["drill"]["error"]) == (1, "failed", code)
    assert evolved.done("status", json=True).json["last_drill"]["error"] == code


def test_what_is_overdue_is_said_by_drill_health_and_the_system_checks(backed_up, settings, monkeypatch):
    monkeypatch.setattr(process, "command", lambda: "check")
    given(settings, BACKUPS={"DRILL_NO_OLDER_THAN": timedelta(days=8)})
    assert "no backup was ever restored on trial" in backed_up.call("drill", "--check").err
    assert [one.id for one in checks.check_backups(None)] == ["schemasync.W014"]
    backed_up.done("drill")
    backed_up.done("drill", "--check")
    assert checks.check_backups(None) == []
    given(settings, BACKUPS={"DRILL_NO_OLDER_THAN": 0}, REQUIRE={"BACKUP_NO_OLDER_THAN": 0})
    ended = backed_up.call("drill", "--check")
    assert ended.code == 1 and "[drill-overdue]" in ended.err
    ended = backed_up.call("drill")
    assert ended.code == 1 and "[backup-overdue]" in ended.err
    attention = backed_up.call("health", json=True).json["attention"]
    assert [one["code"] for one in attention] == ["backup-overdue", "drill-overdue"]
    assert [one.id for one in checks.check_backups(None)] == ["schemasync.W013", "schemasync.W014"]


@pytest.mark.slow
def test_without_deadlines_nothing_is_overdue(backed_up, monkeypatch):
    monkeypatch.setattr(process, "command", lambda: "check")
    assert checks.check_backups(None) == []
    backed_up.done("drill", "--check")


@pytest.mark.slow
def test_a_machine_without_the_database_can_do_it(backed_up):
    shutil.rmtree(backed_up.archive)
    backed_up.link.unlink()
    assert backed_up.done("drill", json=True).json["result"] == "passed"
    assert not backed_up.link.exists()
    assert not list(backed_up.folder.glob(".*backup-*"))
