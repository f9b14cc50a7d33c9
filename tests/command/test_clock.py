"""A clock that was ahead and is set back: the newest backup or archive is kept, and times in the future are not
trusted."""

from datetime import datetime, timedelta

import pytest

from schemasync.actions import health as action
from schemasync.history import rows
from schemasync.keep import backup
from tests.support.project import V2

pytest.importorskip("backports.zstd")


def clock(ahead):
    """Return a `datetime` class whose now() is ahead of the time, or behind it if `ahead` is negative."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + ahead

    return Clock


@pytest.fixture
def dated_later(evolved, monkeypatch):
    """A project with a backup made while the clock was two days ahead, and a row written since."""
    with monkeypatch.context() as patch:
        patch.setattr(backup, "datetime", clock(timedelta(days=2)))
        evolved.done("backup")
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve')")
    return evolved


def names(project):
    return [one["name"] for one in project.done("backups", json=True).json["backups"]]


def test_which_one_is_the_newest_is_not_guessed(dated_later):
    for command in ("restore", "drill"):
        ended = dated_later.call(command, noinput=True)
        assert (ended.code, "[backup-dated-later]" in ended.err) == (1 if command == "drill" else 3, True), ended
    dated_later.done("backup")
    later, newest = names(dated_later)
    assert "[backup-dated-later]" in dated_later.call("restore", noinput=True).err
    dated_later.run_sql("DELETE FROM Users")
    dated_later.done("restore", newest, noinput=True)
    assert len(dated_later.rows("SELECT * FROM Users")) == 3
    dated_later.done("restore", later, noinput=True)
    assert len(dated_later.rows("SELECT * FROM Users")) == 2


def test_it_is_no_proof_of_a_recent_backup(dated_later, settings):
    required = {"BACKUP_NO_OLDER_THAN": timedelta(hours=1)}
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "REQUIRE": required}
    action._known.clear()
    (overdue,) = dated_later.call("health", json=True).json["attention"]
    assert overdue["code"] == "backup-overdue"
    assert "comes in 48 hours" in overdue["message"]
    dated_later.write({**V2, "More": {"id": "INTEGER PRIMARY KEY"}})
    ended = dated_later.call()
    assert (ended.code, "comes in 48 hours" in ended.err) == (3, True), ended


def test_the_order_of_generations_and_archives_is_not_that_of_their_times(evolved, monkeypatch):
    """Each history row is an hour older than the one before it."""
    for number in range(3):
        monkeypatch.setattr(rows, "datetime", clock(-timedelta(hours=number + 1)))
        evolved.write({**V2, **{f"More{n}": {"id": "INTEGER PRIMARY KEY"} for n in range(number + 1)}})
        evolved.done()
    found = evolved.done("history", json=True).json["generations"]
    times = [one["applied_at"] for one in found[:3]]
    assert times == sorted(times)
    assert [one["generation"][:4] for one in found] == ["0005", "0004", "0003", "0002", "0001"]
    evolved.done("rollback", noinput=True)
    assert evolved.live().startswith("0004")
    evolved.done("prune", keep=1, noinput=True)
    kept = {name[:4] for name in evolved.generations()}
    assert kept - {"0001"} == {"0004", "0005"}  # 0001 may be kept: it was live a moment ago
