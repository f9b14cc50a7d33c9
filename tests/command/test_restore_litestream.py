"""manage.py schemasync restore and drill with the real Litestream: it is used where it has newer states than the
backups."""

import shutil
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest

from schemasync.keep.litestream import moments
from tests.support.litestream import complete, daemon, setting

pytest.importorskip("backports.zstd")


@pytest.fixture
def replicated(evolved, settings):
    """A project whose settings name a Litestream, which is not running."""
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "LITESTREAM": setting(evolved.folder)}
    evolved.done("litestream", "config", output=evolved.folder / "litestream.yml")
    return evolved


def at_work(project):
    return daemon(project.folder / "litestream.yml", project.folder / "litestream.sock", project.folder / "log")


def logged(project):
    return [what for (what,) in project.rows("SELECT what FROM Log ORDER BY id")]


def now():
    return datetime.now(UTC).isoformat()


def test_the_state_of_a_moment_goes_live_whatever_the_backups_are(replicated):
    replicated.done("backup")
    with at_work(replicated) as control:
        time.sleep(3.5)  # longer than the margin after the backup
        replicated.run_sql("INSERT INTO Log VALUES (2, 'after the backup')")
        complete(control, str(replicated.link.resolve()))
        time.sleep(3)
        moment = now()
        time.sleep(1.1)  # Litestream knows the times of transactions to the second
        replicated.run_sql("INSERT INTO Log VALUES (3, 'after the moment')")
        complete(control, str(replicated.link.resolve()))
        before = replicated.live()

        planned = replicated.done("restore", dry_run=True, at=moment)
        assert "\nrestore litestream of " in planned.out and replicated.live() == before
        done = replicated.done("restore", at=moment, noinput=True, json=True).json
        assert done["source"]["name"] == "litestream" and done["source"]["made_at"] < moment
        assert (replicated.live(), logged(replicated)) == (done["generation"], ["begun", "after the backup"])
        assert done["differences"]["tables"]["Log"]["added"] == 1
        assert "litestream" in replicated.done("history").out
        assert replicated.done("check").code == 0 and replicated.done(json=True).json["result"] == "current"
        assert [one.path for one in control.databases()] == [str(replicated.link.resolve())]

        replicated.done("rollback", noinput=True)
        assert logged(replicated) == ["begun", "after the backup", "after the moment"]


def test_a_backup_that_is_as_new_is_taken_and_so_is_the_one_that_is_named(replicated):
    with at_work(replicated) as control:
        replicated.run_sql("INSERT INTO Log VALUES (2, 'written')")
        complete(control, str(replicated.link.resolve()))
    name = replicated.done("backup", json=True).json["backup"]["name"]
    moment, into = now(), replicated.folder / "look.sqlite3"
    assert replicated.done("restore", dry_run=True, at=moment, json=True).json["source"]["name"] == name
    # later than the last write: Litestream itself reports "timestamp does not exist"
    named = replicated.done("restore", "litestream", at=moment, into=into, json=True).json
    assert (named["source"]["name"], named["backup"]) == ("litestream", None)
    replicated.done("litestream", "restore", into=replicated.folder / "other.sqlite3", at=moment)
    early = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    ended = replicated.call("litestream", "restore", into=replicated.folder / "none.sqlite3", at=early, json=True)
    assert ended.json["errors"][0]["code"] == "litestream-failed" and "no state from before" in ended.err


def test_a_litestream_that_fails_prevents_no_restore_from_a_backup(replicated, settings):
    name = replicated.done("backup", json=True).json["backup"]["name"]
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "LITESTREAM": setting(replicated.folder, REPLICA="nowhere://x")}
    moment = now()
    ended = replicated.done("restore", dry_run=True, at=moment, json=True)
    assert ended.json["source"]["name"] == name
    assert "so only backups and archives are looked at" in ended.err
    assert replicated.call("restore", "litestream", dry_run=True, at=moment).code == 4


def lose(project):
    """Delete the database, as on a new machine that has only the project."""
    shutil.rmtree(project.archive)
    project.link.unlink()


def test_with_a_replica_alone_the_newest_state_of_it_is_restored_and_tried(replicated):
    with at_work(replicated) as control:
        replicated.run_sql("INSERT INTO Log VALUES (2, 'the last row')")
        complete(control, str(replicated.link.resolve()))
    rows = logged(replicated)
    drill = replicated.done("drill", json=True).json
    assert (drill["result"], drill["drill"]["backup"]) == ("passed", "litestream")
    assert "of " in replicated.done("status").out and not list(replicated.archive.glob("backup-*"))
    lose(replicated)
    assert replicated.done("drill", json=True).json["drill"]["backup"] == "litestream"
    look = replicated.folder / "look.sqlite3"
    assert replicated.done("restore", into=look, json=True).json["source"]["name"] == "litestream"
    done = replicated.done("restore", noinput=True, json=True).json
    assert (done["source"]["name"], done["previous"]) == ("litestream", None)
    assert logged(replicated) == rows == ["begun", "the last row"]
    assert [what for (what,) in replicated.rows("SELECT what FROM Log ORDER BY id", look)] == rows
    assert replicated.done(json=True).json["result"] == "current"
    elsewhere = replicated.call("restore", noinput=True, **{"from": str(replicated.folder / "empty")})
    assert "no-backup" in elsewhere.err, "the storage that was named counts"


def test_on_an_empty_machine_the_newer_of_backup_and_replica_is_taken(replicated):
    name = replicated.done("backup", json=True).json["backup"]["name"]
    assert replicated.done("restore", dry_run=True, json=True).json["source"]["name"] == name
    time.sleep(3.5)  # longer than the margin after the backup
    with at_work(replicated) as control:
        replicated.run_sql("INSERT INTO Log VALUES (2, 'after the backup')")
        complete(control, str(replicated.link.resolve()))
        assert replicated.done("restore", dry_run=True, json=True).json["source"]["name"] == name, "one is live"
    lose(replicated)
    assert replicated.done("restore", noinput=True, json=True).json["source"]["name"] == "litestream"
    assert logged(replicated) == ["begun", "after the backup"]


def test_a_replica_that_cannot_be_read_is_named_where_there_is_no_backup_either(replicated, settings):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "LITESTREAM": setting(replicated.folder, REPLICA="nowhere://x")}
    ended = replicated.call("restore", noinput=True)
    assert ended.code == 3 and "no-backup" in ended.err and "nowhere://x" in ended.err


def test_a_storage_out_of_reach_is_not_waited_for_without_an_end(replicated, settings, monkeypatch):
    """Litestream itself retries without end; with boto3's bundle of certificates in the environment it fails at
    once."""
    monkeypatch.setattr(moments, "PATIENCE", 0.5)
    for name in ("AWS_CA_BUNDLE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "given")
    lose(replicated)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"s3://bucket/app?endpoint=http://127.0.0.1:{silent.getsockname()[1]}"
        settings.SCHEMASYNC = {**settings.SCHEMASYNC, "LITESTREAM": setting(replicated.folder, REPLICA=url)}
        ended = replicated.call("restore", noinput=True)
    assert ended.code == 3 and "no-backup" in ended.err and "no answer for 0.5 s" in ended.err
