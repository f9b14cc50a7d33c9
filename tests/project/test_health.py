"""The setting HEALTH: the project's own check of a new file, before it goes live."""

import hashlib
import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from schemasync.errors import Failed
from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.live.oracle import QUICK, content, made, read
from tests.live.test_runs import CASE, STRICTER, assert_as_before, at, write
from tests.support.site import Site

HEALTH = """
import threading
from django.db import connections, transaction
from django.test import Client
from shop.models import Tag

def healthy(using):
    assert Tag.objects.using(using).filter(label="red").exists()

def false(using):
    return False

def writes(using):
    Tag.objects.using(using).create(label="written by the check")
    with transaction.atomic(using=using):
        Tag.objects.using(using).filter(label="red").delete()
    assert not Tag.objects.using(using).filter(label="red").exists()

def commits(using):
    with connections[using].cursor() as cursor:
        cursor.execute("INSERT INTO shop_tag (label, weight) VALUES ('committed', 1)")
        cursor.execute("COMMIT")
        cursor.execute("BEGIN")

def swallows(using):
    try:
        Tag.objects.using(using).raw("SELECT nonsense FROM nowhere")[0]
    except Exception:
        pass

def asks_the_site(using):
    answer = Client(SERVER_NAME="localhost").get("/tags/")
    assert answer.status_code == 200, answer.status_code
    assert answer.content == b"red", answer.content
    made = Client(SERVER_NAME="localhost").post("/tags/", {"label": "by a request"})
    assert made.content == b"by a request, red", made.content

def weight(using):
    assert [tag.weight for tag in Tag.objects.using(using).all()] == [3]

def exits(using):
    raise SystemExit(0)

def writes_in_a_thread(using):
    thread = threading.Thread(target=lambda: connections[using].cursor().execute("INSERT INTO shop_tag (label) VALUES ('thread')"))
    thread.start()
    thread.join()
    assert [tag.label for tag in Tag.objects.using(using).all()] == ["red"]

def counts_triggers(using):
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name = 'lower_tag'")
        assert cursor.fetchone() == (1,)
"""
URLS = """
from django.contrib import admin
from django.http import HttpResponse
from django.urls import path
from shop.models import Tag

def tags(request):
    if request.method == "POST":
        Tag.objects.create(label=request.POST["label"])
    return HttpResponse(", ".join(Tag.objects.order_by("label").values_list("label", flat=True)))

urlpatterns = [path("admin/", admin.site.urls), path("tags/", tags)]
"""


@pytest.fixture
def site(built):
    """A project with a pending change: Tag gets a weight."""
    (built.folder / "shop" / "health.py").write_text(HEALTH)
    (built.folder / "site_urls.py").write_text(URLS)
    built.change(
        (
            "label = models.SlugField()",
            "label = models.SlugField(unique=True)\n    weight = models.IntegerField(default=3)",
        )
    )
    built.done("schemasync", "export")
    return built


def checked(site: Site, name: str, *words: str, flag: bool = True):
    site.settings(flag=flag, more=f'SCHEMASYNC["HEALTH"] = "shop.health.{name}"')
    return site.manage("schemasync", *words)


def tags(site: Site):
    return site.rows("SELECT label FROM shop_tag ORDER BY label")


def generations(site: Site):
    return sorted(path.name for path in (site.folder / "db.sqlite3.generations").glob("*.sqlite3*"))


WAYS = [
    pytest.param((), id="beside writers"),
    pytest.param(("--block-writers",), id="writers wait", marks=pytest.mark.slow),
]


@pytest.mark.slow(but=["healthy-beside writers", "writes-beside writers"])
@pytest.mark.parametrize("words", WAYS)
@pytest.mark.parametrize("name", ["healthy", "writes", "swallows", "asks_the_site", "weight"])
def test_a_healthy_file_goes_live_and_the_check_leaves_nothing(site, name, words):
    ended = checked(site, name, *words)
    assert ended.code == 0, ended
    assert tags(site) == [("red",)]
    assert site.rows("SELECT weight FROM shop_tag") == [(3,)]
    assert site.rows("SELECT count(*) FROM django_session") == [(0,)]


@pytest.mark.slow(but=["commits-*", "false-*"])
@pytest.mark.parametrize("words", WAYS)
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("false", "shop.health.false returned False for the new file"),
        ("nowhere", "shop.health.nowhere, which cannot be imported"),
        ("commits", "shop.health.commits has committed a change to the new file"),
        ("exits", "shop.health.exits failed on the new file: SystemExit: 0"),
    ],
)
def test_an_unhealthy_file_does_not_go_live(site, name, message, words):
    before, live = generations(site), site.link.readlink()
    ended = checked(site, name, *words)
    assert ended.code in (2, 4)
    assert message in ended.err
    assert site.link.readlink() == live
    assert tags(site) == [("red",)]
    assert generations(site) == before, "the new file is removed"
    assert not site.rows("SELECT name FROM sqlite_master WHERE name GLOB '_schemasync*'")
    site.settings(flag=True)
    site.done("schemasync")


def test_an_error_names_the_function_and_what_it_raised(site):
    site.run_sql("UPDATE shop_tag SET label = 'blue'")
    ended = checked(site, "healthy", "--json")
    (error,) = ended.json["errors"]
    assert (ended.code, error["code"]) == (4, "health-check-failed")
    assert error["message"].startswith("shop.health.healthy failed on the new file: AssertionError")


def test_the_report_says_that_the_check_failed(site):
    ended = checked(site, "false", "--report", "run.json")
    assert ended.code == 4
    found = json.loads((site.folder / "run.json").read_text())
    assert found["outcome"]["errors"][0]["code"] == "health-check-failed"
    assert "application" in {one["phase"] for one in found["run"]["phases"]}


def test_the_check_has_the_triggers_that_the_file_will_have(site):
    site.run_sql(
        "CREATE TRIGGER lower_tag AFTER INSERT ON shop_tag BEGIN UPDATE shop_tag SET label = lower(label) WHERE id = NEW.id; END"
    )
    assert checked(site, "counts_triggers").code == 0
    assert site.rows("SELECT count(*) FROM sqlite_master WHERE name = 'lower_tag'") == [(1,)]


def test_another_thread_writes_to_the_live_file_meanwhile(site):
    ended = checked(site, "writes_in_a_thread")
    assert ended.code == 0, ended
    assert tags(site) == [("red",), ("thread",)]
    assert site.rows("SELECT weight FROM shop_tag") == [(3,), (3,)]


def test_a_receiver_that_exits_ends_the_run_with_its_own_exit_code(site):
    (site.folder / "shop" / "apps.py").write_text(
        """
from django.apps import AppConfig

def leave(sender, using, apps, **kwargs):
    raise SystemExit(0)

class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        from schemasync.signals import before_swap
        before_swap.connect(leave)
"""
    )
    ended = site.manage("schemasync")
    assert ended.code == 4, "0 would say that the database has the new schema"
    assert "SystemExit: 0" in ended.err


def test_it_sees_what_receivers_of_before_swap_have_done(site):
    (site.folder / "shop" / "apps.py").write_text(
        """
from django.apps import AppConfig

def fill(sender, using, apps, **kwargs):
    apps.get_model("shop", "Tag").objects.using(using).update(weight=7)

class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        from schemasync.signals import before_swap
        before_swap.connect(fill)
"""
    )
    ended = checked(site, "weight")
    assert ended.code == 4, "the check ran after the receiver, on a weight of 7"
    site.settings(flag=True)
    site.done("schemasync")
    assert site.rows("SELECT weight FROM shop_tag") == [(7,)]


def test_without_the_flag_it_is_asked_too(site):
    assert checked(site, "false", flag=False).code == 4
    assert checked(site, "healthy", flag=False).code == 0


def test_a_new_database_and_one_that_is_current_are_not_checked(site, tmp_path):
    other = site.copy(tmp_path / "other")
    (other.link).unlink()
    for path in (other.folder / "db.sqlite3.generations").iterdir():
        path.unlink()
    (other.folder / "db.sqlite3.generations").rmdir()
    assert checked(other, "false").code == 0
    assert checked(other, "false").code == 0


def test_an_alteration_of_the_live_file_is_refused_since_there_is_no_new_one(site):
    ended = checked(site, "healthy", "--in-place")
    assert ended.code == 3
    assert "shop.health.healthy checks a new file" in ended.err


def test_a_mistake_in_the_setting_is_found(site):
    site.settings(flag=True, more='SCHEMASYNC["HEALTH"] = 3')
    ended = site.manage("schemasync")
    assert ended.code == 2
    assert 'SCHEMASYNC["HEALTH"] is 3' in ended.err


# --- beside writers -----------------------------------------------------------------------------------------------


class Check:
    """A check that takes some time, and records the number of rows that it saw."""

    name = "tests.check"

    def __init__(self, result=True, seconds=0.0):
        self.result, self.seconds, self.seen = result, seconds, []

    def check(self, path, prepare):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            prepare(connection)
            self.seen.append(connection.execute("SELECT count(*) FROM t").fetchone()[0])
            connection.execute("DELETE FROM t")
            time.sleep(self.seconds)
            connection.execute("ROLLBACK")
        return self.result


@pytest.fixture
def link(tmp_path):
    return made(tmp_path / "w", CASE)


def run(link, check, observer=lambda when, label: None, options=QUICK):
    return sync(target(link, disk=Disk(observer), wait=5.0, health=check), read({"t": STRICTER}), options)


def test_writers_do_not_wait_for_the_check_and_their_rows_come_along(link):
    """They write while the check runs, because it runs before the write lock is taken."""
    written = at(DiskStep.BUILD_HEALTH, lambda: write(link, "INSERT INTO t VALUES (50, 'meanwhile', 1)"), when="before")
    check = Check(seconds=0.5)
    done = run(link, check, written)
    assert done.result == "synced"
    assert done.pause_ms < 400
    assert len(check.seen) == 1
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone()[0] == check.seen[0] + 1


def test_a_file_that_is_found_unhealthy_leaves_the_live_one_as_it_was(link):
    before = content(link)
    with pytest.raises(Failed) as caught:
        run(link, Check(result=False))
    assert caught.value.code == "health-check-failed"
    assert_as_before(link, before)


def test_the_new_file_is_byte_for_byte_the_same_after_the_check(link):
    digests = []

    def observer(when, label):
        if label is DiskStep.BUILD_HEALTH:
            new = next(link.with_name(link.name + ".generations").glob("0002-*.sqlite3"))
            code = "import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())"
            digests.append(
                subprocess.run(
                    [sys.executable, "-c", code, str(new)], capture_output=True, text=True, check=True
                ).stdout
            )

    run(link, Check(), observer)
    assert len(digests) == 2
    assert digests[0] == digests[1] != hashlib.sha256(b"").hexdigest()
