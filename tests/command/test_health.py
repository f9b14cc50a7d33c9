"""manage.py schemasync health, and the views: what it reports, that a run in progress is no problem, and that it is
cheap."""

import os
import shutil
import sqlite3
import time
from collections import namedtuple
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.db import connections
from django.test import Client, override_settings
from django.urls import include, path

from schemasync import views
from schemasync.actions import health as action
from schemasync.engines.sqlite import metrics_file
from schemasync.engines.sqlite.connection import Opener
from schemasync.files import lock
from schemasync.files.layout import Layout
from schemasync.metrics.totals import Totals
from schemasync.sync import health as of_files
from schemasync.sync.run.target import Target
from tests.crash.processes import child

urlpatterns = [path("health/", include("schemasync.urls"))]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def _nothing_is_known_yet():
    action._known.clear()


def health(project, *words):
    return project.call("health", *words, json=True).json


def codes(found):
    return [one["code"] for one in found["errors"]], [one["code"] for one in found["attention"]]


def test_a_database_that_can_be_used_and_needs_nothing_exits_with_0(evolved):
    ended = evolved.done("health")
    assert ended.out.startswith(f"{evolved.live()} can be used: version ")
    found = health(evolved)
    assert (found["result"], found["generation"], codes(found)) == ("ok", evolved.live(), ([], []))
    evolved.run_sql("CREATE TABLE t (x)", evolved.folder / "other.sqlite3")
    assert evolved.done("health", database="other").out.startswith("the database can be used; ")


def test_a_file_that_this_user_may_not_write_needs_a_person(evolved):
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # pytest closes the folders of tests to other users
        folder = Path(shutil.copytree(evolved.folder, Path(name) / "site", symlinks=True))
        target = Target(Layout(folder / evolved.link.name), Opener())
        live = target.layout.link.resolve()

        def look():
            if os.geteuid() == 0:  # root may do everything
                os.seteuid(65534)
            found = of_files.health(target)
            return [one.code for one in found.unusable], [(str(one.code), one.message) for one in found.attention]

        folder.chmod(0o700 if os.geteuid() == 0 else 0o600)
        assert child(look).result() == (["permission"], [])
        folder.chmod(0o755)
        live.chmod(0o444)
        unusable, ((code, message),) = child(look).result()
        assert (unusable, code) == ([], "permission")
        assert f"may not write {live}" in message
        live.chmod(0o644)
        assert of_files.health(target).attention == ()


def _no_database(project):
    pass


def _swap_interrupted(project):
    project.run_sql(
        "CREATE TABLE _schemasync_fence (swap INTEGER NOT NULL, successor TEXT NOT NULL, at TEXT NOT NULL);"
        "INSERT INTO _schemasync_fence VALUES (9, '0003-000000000000', '')"
    )


def _generation_gone(project):
    project.link.resolve().unlink()


def _not_a_database(project):
    project.link.resolve().write_bytes(b"no database, and more than a hundred bytes of it" * 20)


def _emptied(project):
    project.link.resolve().write_bytes(b"")


UNUSABLE = [
    (_swap_interrupted, "swap-unfinished"),
    (_generation_gone, "generation-missing"),
    (_not_a_database, "not-a-database"),
    (_emptied, "no-history"),
]


@pytest.mark.parametrize(("break_it", "code"), UNUSABLE, ids=lambda one: getattr(one, "__name__", one))
def test_a_database_that_cannot_be_used_exits_with_1_also_for_load_balancers(evolved, break_it, code):
    break_it(evolved)
    for words in ([], ["--ready"]):
        ended = evolved.call("health", *words, json=True)
        assert (ended.code, ended.json["result"], codes(ended.json)) == (1, "unusable", ([code], []))
        assert ended.json["errors"][0]["hint"]


def test_a_database_that_is_not_there_yet_cannot_be_used(project):
    assert codes(health(project)) == (["no-database"], [])
    assert not project.archive.exists()


def test_a_backup_over_the_link_or_in_the_live_file_needs_a_person(evolved):
    evolved.done("snapshot", evolved.folder / "backup.sqlite3")
    with closing(sqlite3.connect(evolved.folder / "backup.sqlite3")) as backup:
        backup.execute("UPDATE _schema_versions SET generation = '0009-000000000000'")
        backup.commit()
        with closing(sqlite3.connect(evolved.link)) as live:
            backup.backup(live)
    assert codes(health(evolved)) == ([], ["restored-in-place"])
    (evolved.folder / "backup.sqlite3").rename(evolved.link)
    assert codes(health(evolved)) == ([], ["not-adopted"])
    assert evolved.call("health").code == 1
    assert evolved.call("health", "--ready").code == 0


def test_what_a_dead_run_left_is_named_until_a_command_removes_it(evolved):
    building = evolved.archive / "0003-000000000000.sqlite3.building"
    building.touch()
    evolved.run_sql("CREATE TABLE _schemasync_log (id INTEGER PRIMARY KEY, t, k0)")
    (found,) = health(evolved)["attention"]
    assert found["code"] == "recovery-waiting"
    assert building.name in found["message"]
    assert "its change log" in found["message"]
    with lock.run_lock(evolved.archive / "lock", 0):
        assert health(evolved)["result"] == "ok"  # the files belong to the run in progress
    evolved.done("prune", keep=9)
    assert health(evolved)["result"] == "ok"


def test_the_moment_between_fence_and_link_of_a_run_at_work_is_no_problem(evolved):
    _swap_interrupted(evolved)
    with lock.run_lock(evolved.archive / "lock", 0):
        assert health(evolved)["result"] == "ok"
    assert health(evolved)["result"] == "unusable"


def test_the_disk_and_the_backups_are_measured_by_what_the_site_requires(evolved, settings, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(10**9, 0, 10**9))
    assert health(evolved)["result"] == "ok"
    backups = evolved.folder / "backups"
    backups.mkdir()
    required = {"DISK_LEFT": 2 * 10**9, "BACKUP": str(backups), "BACKUP_NO_OLDER_THAN": timedelta(hours=1)}
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "REQUIRE": required}
    assert codes(health(evolved)) == ([], ["disk-low", "backup-overdue"])
    ended = evolved.call("health")
    assert ended.code == 1
    assert ended.err.count("attention [") == 2  # all problems at once
    assert evolved.call("health", "--ready").code == 0
    (backups / "1").touch()
    os.utime(backups / "1", (time.time() - 7200,) * 2)
    action._known.clear()
    (overdue,) = [one for one in health(evolved)["attention"] if one["code"] == "backup-overdue"]
    assert overdue["message"] == "the newest backup is 2 hours old, and REQUIRE allows 60 minutes"
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(10**9, 0, 10**6))
    settings.SCHEMASYNC = {"SCHEMA": evolved.schema}
    assert codes(health(evolved)) == ([], ["disk-low"])


@pytest.mark.parametrize(
    ("busy", "commits", "ago", "expected"),
    [
        (20, 980, 60, ["busy-rate"]),
        (20, 2000, 60, []),
        (9, 91, 60, []),
        (20, 980, 7300, []),
    ],
    ids=["above the limit", "below it", "too few to say", "hours ago"],
)
def test_writes_that_fail_because_the_database_is_locked_need_a_person(evolved, busy, commits, ago, expected):
    minute = {int(time.time()) - ago: Totals(busy=busy, commits=commits)}
    assert metrics_file.add(Layout(evolved.link).metrics, evolved.link, minute, {})
    found = health(evolved)
    assert codes(found) == ([], expected)
    assert codes(health(evolved, "--ready")) == ([], [])
    assert not expected or "20 statements failed because the database was locked, 2.0% of the writes" in str(found)


def test_a_storage_is_asked_once_a_minute_and_its_failure_is_reported(evolved, settings, monkeypatch):
    asked = []

    def newest(alias):
        asked.append(alias)
        raise OSError("no route to host")

    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "REQUIRE": {"BACKUP": newest, "BACKUP_NO_OLDER_THAN": 60}}
    for _ in range(3):
        (found,) = health(evolved)["attention"]
        assert "no route to host" in found["message"]
    assert evolved.call("health", "--ready").code == 0
    assert asked == ["default"]
    monkeypatch.setattr(action, "CACHED", 0)
    health(evolved)
    assert len(asked) == 2


# --- the views ----------------------------------------------------------------------------------------------------


@pytest.fixture
def client(settings, project):
    settings.ROOT_URLCONF = __name__
    settings.SCHEMASYNC = {"SCHEMA": {"default": project.schema, "other": project.folder / "other.json"}}
    return Client()


def test_the_views_need_no_account_and_tell_no_more_than_codes(evolved, client):
    for address in ("/health/", "/health/ready"):
        answer = client.get(address)
        assert (answer.status_code, answer.json()) == (200, {"result": "ok", "codes": []})
        assert answer.headers["Cache-Control"] == "no-store"
        assert not answer.cookies
        assert client.post(address).status_code == 405
    (evolved.archive / "0003-000000000000.sqlite3.building").touch()
    answer = client.get("/health/")
    assert (answer.status_code, answer.json()) == (503, {"result": "attention", "codes": ["recovery-waiting"]})
    assert client.get("/health/ready").status_code == 200
    _generation_gone(evolved)
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"result": "unusable", "codes": ["generation-missing"]})


def test_a_mistake_in_the_settings_is_a_503_with_its_code(evolved, client):
    with override_settings(SCHEMASYNC={"KEEP": "three"}):
        answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["codes"]) == (503, ["unknown-setting"])


def test_a_database_whose_folder_is_gone_hides_no_other(evolved, client, monkeypatch, tmp_path):
    monkeypatch.setitem(connections["default"].settings_dict, "NAME", tmp_path / "gone" / "db.sqlite3")
    alone = client.get("/health/").json()["codes"]
    (evolved.folder / "other.json").write_text(evolved.schema.read_text())
    monkeypatch.setitem(connections["other"].settings_dict, "NAME", evolved.link)
    (evolved.archive / "0003-000000000000.sqlite3.building").touch()
    assert client.get("/health/").json()["codes"] == sorted([*alone, "recovery-waiting"])


def test_a_view_answers_while_a_writer_holds_the_lock_and_opens_no_transaction(evolved, client, monkeypatch):
    """ATOMIC_REQUESTS would take the write lock, and LoginRequiredMiddleware would require a user."""
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    evolved.run_sql("PRAGMA journal_mode = WAL")
    with closing(sqlite3.connect(evolved.link, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO Log VALUES (7, 'held')")
        begun = time.perf_counter()
        assert client.get("/health/").json()["result"] == "ok"
        assert time.perf_counter() - begun < 1
    for view in (views.health, views.ready):
        assert view._non_atomic_requests == {"default"}  # as in the settings at the time of its import
        assert view.login_required is False


def test_a_warm_process_answers_in_less_than_50_ms(evolved, client):
    client.get("/health/")
    begun = time.process_time()
    for _ in range(10):
        assert client.get("/health/").status_code == 200
    assert (time.process_time() - begun) / 10 < 0.05
