"""A site on the backend while its database is swapped: no request fails, no row is lost, no result is stale."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.db import DatabaseError, connections, transaction
from django.db.utils import OperationalError

from schemasync.backends.sqlite3.base import TRIES, DatabaseWrapper
from schemasync.backends.superseded import Superseded, again_when_superseded
from schemasync.files.disk import DiskStep
from schemasync.signals import generation_changed
from schemasync.sync.eject import eject
from schemasync.sync.rollback import rollback
from schemasync.sync.run.target import target
from tests.live.ledger import ACCOUNTS, Ledger

from .following import INSERT, keys, run, swap, wrapper

ROOT = Path(__file__).resolve().parents[2]


def test_a_connection_that_is_kept_writes_to_the_new_file(link, db):
    run(db, INSERT, "before")
    swap(link)
    run(db, INSERT, "after")
    assert keys(link) == {"before", "after"}


def test_a_connection_that_is_kept_reads_the_new_file(link, db):
    assert run(db, "SELECT count(*) FROM accounts") == [(ACCOUNTS,)]
    swap(link)
    with closing(sqlite3.connect(link)) as other, other:
        other.execute("DELETE FROM accounts")
    assert run(db, "SELECT count(*) FROM accounts") == [(0,)]


@contextmanager
def moving(link, looks, monkeypatch):
    """Yield a connection by a link to one of two files, in which `t` holds 1 and 2. The link moves to the other file
    after each of the checks with these numbers."""
    files = [link.with_name(f"{number}.sqlite3") for number in (1, 2)]
    for number, file in enumerate(files, 1):
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("CREATE TABLE t AS SELECT ? AS x", (number,))
    moved = link.with_name("moved")
    moved.symlink_to(files[0])
    look, count = DatabaseWrapper._look, itertools.count(1)

    def then_it_moves(self):
        seen = look(self)
        if next(count) in looks:
            link.with_name("next").symlink_to(files[moved.readlink() == files[0]])
            link.with_name("next").rename(moved)
        return seen

    monkeypatch.setattr(DatabaseWrapper, "_look", then_it_moves)
    connection = wrapper(moved)
    connections["followed"] = connection
    try:
        yield connection
    finally:
        connection.close()


@pytest.mark.parametrize("look", [1, 2, 3, 4])
def test_a_link_that_moves_while_it_is_opened_leaves_no_connection_on_the_old_file(link, db, look, monkeypatch):
    with moving(link, {look}, monkeypatch) as connection:
        run(connection, "SELECT x FROM t")
        run(connection, "SELECT x FROM t")
        assert run(connection, "SELECT x FROM t") == [(2,)]


def test_a_link_that_never_rests_is_an_error_and_the_next_query_connects(link, db, monkeypatch):
    with moving(link, range(1, 2 * TRIES, 2), monkeypatch) as connection:
        with pytest.raises(Superseded, match="while it was being opened"):
            connection.ensure_connection()
        assert run(connection, "SELECT x FROM t") == [(2,)]


def test_a_file_that_connecting_creates_is_followed_when_it_is_replaced_at_once(
    tmp_path, django_db_blocker, monkeypatch
):
    new, other = tmp_path / "new.sqlite3", tmp_path / "other.sqlite3"
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 2 AS x")
    look = DatabaseWrapper._look

    def replaced_when_created(self):
        if new.exists() and other.exists():
            other.rename(new)
        return look(self)

    monkeypatch.setattr(DatabaseWrapper, "_look", replaced_when_created)
    with django_db_blocker.unblock(), closing(wrapper(new)) as connection:
        assert run(connection, "SELECT x FROM t") == [(2,)]


def test_a_transaction_begins_on_the_new_file(link, db):
    run(db, INSERT, "before")
    swap(link)
    with transaction.atomic(using="followed"):
        run(db, INSERT, "within")
    assert keys(link) == {"before", "within"}


def test_a_transaction_that_is_open_is_waited_for(link, db):
    """The transaction holds the lock that the swap needs."""

    def observer(when, label):
        if (when, label) == ("after", DiskStep.BUILD_RENAME):
            with transaction.atomic(using="followed"):
                run(db, INSERT, "one")
                run(db, INSERT, "two")

    assert swap(link, observer=observer).result == "synced"
    assert keys(link) == {"one", "two"}


def test_a_statement_that_meets_the_fence_runs_on_the_new_file(link, db):
    """Between the fence and the move of the link, a statement can only wait."""
    import threading

    run(db, INSERT, "before")
    threads = []

    def observer(when, label):
        if (when, label) == ("after", DiskStep.CUTOVER_FENCE):
            db.inc_thread_sharing()
            threads.append(threading.Thread(target=lambda: run(db, INSERT, "met the fence")))
            threads[0].start()
            threads[0].join(0.2)
            assert threads[0].is_alive(), "it waits"

    swap(link, observer=observer)
    threads[0].join(5)
    assert keys(link) == {"before", "met the fence"}


def test_a_connection_goes_along_when_the_database_becomes_a_plain_file(link, db):
    run(db, INSERT, "before")
    eject(target(link, wait=5.0), None, lambda plain: None)
    run(db, INSERT, "after")
    with transaction.atomic(using="followed"):
        run(db, INSERT, "within")
    assert not link.is_symlink()
    assert keys(link) == {"before", "after", "within"}


def test_a_deferred_transaction_that_has_read_is_told_to_begin_again(link, django_db_blocker):
    with django_db_blocker.unblock():
        db = wrapper(link, transaction_mode="DEFERRED")
        connections["followed"] = db
        tries = []

        @again_when_superseded
        def work():
            with transaction.atomic(using="followed"):
                run(db, "SELECT count(*) FROM moves")
                if not tries:
                    tries.append(1)
                    swap(link)
                run(db, INSERT, "in the end")

        with pytest.raises((Superseded, OperationalError)), transaction.atomic(using="followed"):
            run(db, "SELECT count(*) FROM moves")
            swap(link, 2)
            run(db, INSERT, "never")
        work()
        db.close()
        del connections["followed"]
    assert keys(link) == {"in the end"}


def test_a_statement_that_fails_in_a_transaction_fails_as_with_django(link, db):
    """The error is not Superseded: a program that catches that one retries."""
    with transaction.atomic(using="followed"):
        run(db, INSERT, "kept")
        with pytest.raises(OperationalError, match="no such column") as caught, transaction.atomic(using="followed"):
            run(db, "UPDATE moves SET wrong = 1")
        assert not isinstance(caught.value, Superseded)
    assert keys(link) == {"kept"}


def test_rows_that_are_still_read_are_read_to_the_end(link, db):
    cursor = db.cursor()
    cursor.execute("SELECT id FROM accounts ORDER BY id")
    first = cursor.fetchone()
    swap(link)
    run(db, INSERT, "meanwhile")
    assert [first, *cursor.fetchall()] == [(n,) for n in range(ACCOUNTS)]


def test_the_signal_says_from_where_to_where(link, db):
    seen = []
    receiver = lambda sender, alias, old, new, **rest: seen.append((alias, old, new))  # noqa: E731
    generation_changed.connect(receiver)
    run(db, "SELECT 1")
    report = swap(link)
    run(db, "SELECT 1")
    run(db, "SELECT 1")
    generation_changed.disconnect(receiver)
    assert [(alias, new) for alias, _, new in seen] == [("followed", report.generation)]
    assert seen[0][1].startswith("0001-")


def test_it_follows_a_swap_back(link, db):
    run(db, INSERT, "before")
    swap(link)
    run(db, INSERT, "set aside")
    rollback(target(link), None, lambda ahead: True)
    run(db, INSERT, "after")
    assert keys(link) == {"before", "after"}


def test_a_missing_file_is_not_created(link, django_db_blocker):
    link.resolve().unlink()
    with django_db_blocker.unblock():
        db = wrapper(link)
        with pytest.raises(DatabaseError):
            run(db, "SELECT 1")
    assert not link.resolve().exists()


def test_a_fork_opens_a_connection_of_its_own(link, db):
    run(db, INSERT, "parent")
    mine = db.connection
    child = os.fork()
    if child == 0:
        status = 2
        try:
            run(db, INSERT, "child")
            status = int(db.connection is mine)
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    run(db, INSERT, "parent again")
    assert keys(link) == {"parent", "child", "parent again"}


def test_a_cursor_that_is_kept_across_a_fork_leaves_the_connection_of_the_parent_alone(link, db):
    cursor = db.cursor()
    cursor.execute(INSERT, ["parent"])
    mine = db.connection
    child = os.fork()
    if child == 0:
        status = 2
        try:
            cursor.execute(INSERT, ["child"])
            status = int(cursor.cursor.connection is mine)
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    cursor.execute(INSERT, ["parent again"])
    assert keys(link) == {"parent", "child", "parent again"}


def test_a_fork_keeps_what_is_in_memory(django_db_blocker):
    with django_db_blocker.unblock(), closing(wrapper(":memory:")) as db:
        run(db, "CREATE TABLE t AS SELECT 1 AS x")
        child = os.fork()
        if child == 0:
            status = 2
            try:
                status = int(run(db, "SELECT x FROM t") != [(1,)])
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0


def test_settings_are_as_promised_and_can_be_others(link, django_db_blocker):
    with django_db_blocker.unblock():
        db = wrapper(link)
        assert run(db, "PRAGMA journal_mode") == [("wal",)]
        assert run(db, "PRAGMA synchronous") == [(1,)]
        assert run(db, "PRAGMA foreign_keys") == [(1,)]
        assert run(db, "PRAGMA busy_timeout") == [(20000,)]
        assert db.begin == "BEGIN IMMEDIATE"
        other = wrapper(link, timeout=3, transaction_mode="DEFERRED", init_command="PRAGMA synchronous=FULL")
        assert run(other, "PRAGMA synchronous") == [(2,)]
        assert run(other, "PRAGMA busy_timeout") == [(3000,)]
        assert (other.begin, other.transaction_mode) == ("BEGIN", "DEFERRED")
        db.close()
        other.close()


def test_in_memory_it_is_django_s_own(django_db_blocker):
    with django_db_blocker.unblock():
        db = wrapper(":memory:")
        run(db, "CREATE TABLE t (x)")
        assert (db.begin, db.transaction_mode) == ("BEGIN", None)
        assert run(db, "PRAGMA journal_mode") == [("memory",)]


@contextmanager
def served(*commands):
    """Start sites, and yield their processes once all answer requests. They stop when their standard input is
    closed."""
    sites = [
        subprocess.Popen(
            [sys.executable, "-m", f"tests.backend.{module}", *map(str, given)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for module, *given in commands
    ]
    try:
        for site in sites:
            assert site.stdout.readline() == "begun\n"
        yield sites
    finally:
        for site in sites:
            site.kill()
            site.wait()


@pytest.mark.slow
def test_no_request_fails_while_the_database_is_swapped(folder):
    ledger = Ledger(folder, seed=5)
    with served(*(("site", folder, n) for n in range(3))) as sites:
        for _ in range(8):
            ledger.sync()
        reported = [json.loads(site.communicate(timeout=60)[0]) for site in sites]
    assert [one["errors"] for one in reported] == [[], [], []]
    acknowledged = {key for one in reported for key in one["done"]}
    assert len(acknowledged) > 100
    assert keys(ledger.link) == acknowledged
    with closing(sqlite3.connect(ledger.link)) as connection:
        sums = connection.execute("SELECT (SELECT total(balance) FROM accounts), (SELECT total(amount) FROM moves)")
        assert len(set(sums.fetchone())) == 1


def test_no_request_fails_behind_asgi(folder):
    """Some views run in the one thread that synchronous code has under ASGI, and some in other threads."""
    ledger = Ledger(folder, seed=6)
    with served(("asgi_site", folder)) as (site,):
        for _ in range(4):
            ledger.sync()
        reported = json.loads(site.communicate(timeout=60)[0])
    assert reported["errors"] == []
    assert len(reported["done"]) > 50
    assert keys(ledger.link) == set(reported["done"])


FORGET = """
import sys
from pathlib import Path
from tests.backend.site import configure
folder = Path(sys.argv[1])
configure(folder)
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites import models as sites
from django.db import connection
from schemasync.sync.runner import sync
from schemasync.sync.run.target import target
from tests.live.ledger import PATIENT, schema

connection.ensure_connection()
ContentType.objects._add_to_cache("default", ContentType(id=7, app_label="a", model="b"))
sites.SITE_CACHE[1] = sites.Site(id=1, domain="old.example")
sync(target(folder / "db.sqlite3"), schema(1), PATIENT)
assert ContentType.objects._cache and sites.SITE_CACHE
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
assert not ContentType.objects._cache and not sites.SITE_CACHE
"""


def test_what_django_keeps_of_the_old_file_is_forgotten(link):
    """A content type may have another id in the new file, and a site another domain."""
    subprocess.run([sys.executable, "-c", FORGET, str(link.parent)], cwd=ROOT, check=True)
