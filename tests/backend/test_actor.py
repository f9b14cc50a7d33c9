"""The actor is recorded with each write, in the same transaction, and never with the writes of others."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from django.db import IntegrityError, connections, transaction
from django.http import HttpResponse

from schemasync.actor import ActorMiddleware, acting_as, current_actor
from schemasync.engines.sqlite.actor import StatementKind, kind_of
from schemasync.schema import document
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

from .following import run, wrapper

NOTES = {"Notes": {"id": "INTEGER PRIMARY KEY", "text": "TEXT UNIQUE", "_use": ["authorship", "audit"]}}
INSERT = "INSERT INTO Notes (text) VALUES (%s)"


def read(tree):
    return document.read(json.dumps(tree).encode())


@pytest.fixture
def link(folder):
    path = folder / "db.sqlite3"
    sync(target(path), read(NOTES))
    return path


@pytest.fixture(params=["file", "memory"])
def place(request, link):
    """Yield the path of a database on disk, and ":memory:", where the backend differs from Django's own by the actor
    alone."""
    return link if request.param == "file" else ":memory:"


@pytest.fixture
def notes(place, django_db_blocker):
    with django_db_blocker.unblock():
        yield from opened(place)


@pytest.fixture
def filed(link, django_db_blocker):
    with django_db_blocker.unblock():
        yield from opened(link)


def opened(place, **options):
    connection = wrapper(place, **options)
    connections["followed"] = connection
    if place == ":memory:":
        with connection.cursor() as cursor:
            cursor.executescript(script())
    yield connection
    connection.close()
    del connections["followed"]


def script():
    from schemasync.engines.sqlite.validate import statements

    return ";\n".join(statements(read(NOTES).schema))


def actors(db):
    """Return the text of each note with its author; both mixins that record the author must agree."""
    assert run(db, "SELECT count(*) FROM schemasync_actor") == [(0,)], "nobody is left behind"
    found = run(db, "SELECT text, created_by FROM Notes ORDER BY id")
    logged = run(db, "SELECT new_values, actor FROM audit_log WHERE action = 'insert' ORDER BY id")
    assert [(json.loads(values)["text"], actor) for values, actor in logged][-len(found) :] == found
    return found


def test_a_write_has_its_actor_and_a_write_of_nobody_has_none(notes):
    with acting_as("ann"):
        run(notes, INSERT, "a")
    run(notes, INSERT, "b")
    with acting_as("ann"), transaction.atomic("followed"):
        run(notes, INSERT, "c")
        with acting_as("bob"):
            run(notes, INSERT, "d")
        run(notes, INSERT, "e")
    with acting_as(None), transaction.atomic("followed"):
        run(notes, INSERT, "f")
    assert actors(notes) == [("a", "ann"), ("b", None), ("c", "ann"), ("d", "bob"), ("e", "ann"), ("f", None)]


def test_what_a_statement_gives_back_stays_as_it_is(notes):
    with acting_as("ann"), notes.cursor() as cursor:
        cursor.execute(INSERT + " RETURNING id, text", ["a"])
        assert cursor.fetchall() == [(1, "a")]
        assert cursor.execute("UPDATE Notes SET text = text RETURNING id").fetchall() == [(1,)]
        cursor.execute(INSERT, ["b"])
        assert (cursor.rowcount, cursor.lastrowid) == (1, 2)
        cursor.executemany(INSERT, [["c"], ["d"]])
        assert cursor.rowcount == 2
        cursor.execute("SELECT last_insert_rowid()")
        assert cursor.fetchone() == (4,)
        cursor.execute("UPDATE Notes SET text = text || '!'")
        assert cursor.rowcount == 4
        cursor.execute("UPDATE Notes SET text = text || '?' RETURNING id")
        assert (cursor.fetchone(), cursor.fetchmany(), cursor.fetchmany(1), list(cursor)) == (
            (1,),
            [(2,)],
            [(3,)],
            [(4,)],
        )
        assert cursor.fetchone() is None
        cursor.execute("SELECT 7")
        assert cursor.fetchall() == [(7,)]
    found = run(notes, "SELECT created_by, updated_by FROM Notes UNION ALL SELECT actor, actor FROM audit_log")
    assert set(found) == {("ann", "ann")}


def test_a_failed_write_leaves_nobody_behind_and_what_was_written_before_it_stays(notes):
    with acting_as("ann"):
        run(notes, INSERT, "a")
        with pytest.raises(IntegrityError), notes.cursor() as cursor:
            cursor.executemany(INSERT, [["b"], ["a"]])
    assert actors(notes)[0] == ("a", "ann")
    assert run(notes, "SELECT updated_by FROM Notes WHERE text = 'b'") in ([], [("ann",)])


def test_a_rollback_to_a_savepoint_does_not_bring_an_earlier_actor_back(notes):
    with transaction.atomic("followed"):
        with acting_as("ann"):
            run(notes, INSERT, "a")
        with acting_as("bob"):
            with pytest.raises(ZeroDivisionError), transaction.atomic("followed"):
                run(notes, INSERT, "b")
                raise ZeroDivisionError
            run(notes, INSERT, "c")
        sid = transaction.savepoint("followed")
        run(notes, INSERT, "d")
        transaction.savepoint_rollback(sid, "followed")
        run(notes, INSERT, "e")
    assert actors(notes) == [("a", "ann"), ("c", "bob"), ("e", None)]
    with acting_as("ann"), pytest.raises(ZeroDivisionError), transaction.atomic("followed"):
        run(notes, INSERT, "f")
        raise ZeroDivisionError
    run(notes, INSERT, "g")
    assert actors(notes)[-1] == ("g", None)


def test_transactions_that_are_opened_by_hand_are_followed_too(notes):
    with acting_as("ann"):
        for text, begin, end in [("a", "BEGIN", "COMMIT"), ("b", "SAVEPOINT s", "RELEASE s"), ("c", "BEGIN", " end")]:
            run(notes, begin)
            run(notes, INSERT, text)
            run(notes, end)
            assert run(notes, "SELECT count(*) FROM schemasync_actor") == [(0,)]
        run(notes, "BEGIN")
        run(notes, INSERT, "x")
        run(notes, "ROLLBACK")
        notes.set_autocommit(False)
        run(notes, INSERT, "d")
        notes.commit()
        run(notes, INSERT, "y")
        notes.rollback()
        notes.set_autocommit(True)
    run(notes, INSERT, "e")
    assert actors(notes) == [("a", "ann"), ("b", "ann"), ("c", "ann"), ("d", "ann"), ("e", None)]


def test_a_transaction_that_only_reads_writes_nothing(notes):
    notes.ensure_connection()
    before = notes.connection.total_changes
    with acting_as("ann"), transaction.atomic("followed"):
        run(notes, "SELECT * FROM Notes")
        run(notes, "WITH n AS (SELECT 1) SELECT * FROM n")
    assert notes.connection.total_changes == before


def test_the_metadata_is_logged_as_json(notes):
    with acting_as("ann", request="7f", path="/ü"):
        run(notes, INSERT, "a")
    with acting_as(None, job=3):
        run(notes, INSERT, "b")
    assert run(notes, "SELECT actor, metadata FROM audit_log ORDER BY id") == [
        ("ann", '{"request": "7f", "path": "/ü"}'),
        (None, '{"job": 3}'),
    ]


def test_a_database_without_these_mixins_takes_writes_as_before(folder, django_db_blocker):
    path = folder / "plain.sqlite3"
    sync(target(path), read({"Notes": {"id": "INTEGER PRIMARY KEY", "text": "TEXT"}}))
    with django_db_blocker.unblock():
        for db in opened(path):
            with acting_as("ann"):
                run(db, INSERT, "a")
                with transaction.atomic("followed"):
                    run(db, INSERT, "b")
            assert run(db, "SELECT count(*) FROM Notes") == [(2,)]


def test_other_programs_write_with_no_actor_also_while_somebody_acts(filed, link):
    with acting_as("ann"):
        run(filed, INSERT, "a")
        with closing(sqlite3.connect(link)) as other, other:
            other.execute("INSERT INTO Notes (text) VALUES ('b')")
        run(filed, INSERT, "c")
    assert actors(filed) == [("a", "ann"), ("b", None), ("c", "ann")]


def test_threads_at_once_never_write_in_each_other_s_name(link, django_db_blocker):
    """Two threads write in transactions and two without; each text contains the name of its author."""

    def write(name, in_transactions):
        connection = wrapper(link)
        connections["followed"] = connection
        try:
            for number in range(25):
                with acting_as(name if number % 3 else None):
                    text = f"{name if number % 3 else None} {name} {number} {in_transactions}"
                    if in_transactions:
                        with transaction.atomic("followed"):
                            run(connection, INSERT, text)
                    else:
                        run(connection, INSERT, text)
        finally:
            connection.close()

    with django_db_blocker.unblock():
        threads = [
            threading.Thread(target=write, args=(name, inside)) for name in ("ann", "bob") for inside in (True, False)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for db in opened(link):
            found = actors(db)
    assert len(found) == 100
    assert all(text.split()[0] == str(actor) for text, actor in found)


KILLED = """
import os, signal, sys
import django
from django.conf import settings
settings.configure(DATABASES={"default": {"ENGINE": "schemasync.backends.sqlite3", "NAME": sys.argv[1]}})
django.setup()
from django.db import connection, transaction
from schemasync.actor import acting_as
with acting_as("ann"), transaction.atomic(), connection.cursor() as cursor:
    cursor.execute("INSERT INTO Notes (text) VALUES ('a')")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_leaves_nobody_behind(link, filed):
    ended = subprocess.run([sys.executable, "-c", KILLED, link], env=os.environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    run(filed, INSERT, "b")
    assert actors(filed) == [("b", None)]


@pytest.mark.parametrize("mode", ["IMMEDIATE", "DEFERRED"])
def test_the_actor_comes_along_when_the_database_is_swapped(link, mode, django_db_blocker):
    with django_db_blocker.unblock():
        for db in opened(link, transaction_mode=mode):
            with acting_as("ann"):
                run(db, INSERT, "a")
                sync(target(link), read(NOTES), SyncOptions(rebuild_all=True))
                run(db, INSERT, "b")
                with transaction.atomic("followed"):
                    run(db, INSERT, "c")
                if mode == "DEFERRED":
                    with transaction.atomic("followed"):  # begun on a file that is superseded before the first write
                        sync(target(link), read(NOTES), SyncOptions(rebuild_all=True))
                        run(db, INSERT, "d")
            found = actors(db)
            assert {actor for _, actor in found} == {"ann"}
            assert len(found) == 3 + (mode == "DEFERRED")


# --- requests -----------------------------------------------------------------------------------------------------


class User:
    """A user as the middleware of django.contrib.auth provides it."""

    def __init__(self, username="", pk=None):
        self.username, self.pk, self.is_authenticated = username, pk, bool(username or pk)

    def get_username(self):
        return self.username


class Request:
    def __init__(self, user):
        self.user = user


class OfKey(ActorMiddleware):
    def actor(self, request):
        return f"user {request.user.pk}"


@pytest.mark.parametrize(
    ("middleware", "user", "name"),
    [
        (ActorMiddleware, User(username="ann"), "ann"),
        (ActorMiddleware, User(), None),
        (OfKey, User(pk=7), "user 7"),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
def test_the_user_of_a_request_is_the_actor(middleware, user, name, is_async):
    def respond(request):
        seen.append(current_actor())
        return HttpResponse()

    async def respond_later(request):
        return respond(request)

    seen = []
    wrapped = middleware(respond_later if is_async else respond)
    answer = wrapped(Request(user))
    assert (asyncio.run(answer) if is_async else answer).status_code == 200
    assert [actor and actor.name for actor in seen] == [name]
    assert current_actor() is None


def test_a_function_is_asked_only_when_something_is_written_and_may_write_itself(notes):
    def name():
        asked.append(1)
        run(notes, INSERT, f"of nobody {len(asked)}")
        return "ann"

    asked = []
    with acting_as(name):
        run(notes, "SELECT 1")
        assert asked == []
        with transaction.atomic("followed"):
            run(notes, INSERT, "a")
    assert actors(notes) == [("of nobody 1", None), ("a", "ann")]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("INSERT INTO t VALUES (1)", StatementKind.WRITE),
        ("  /* a */ -- b\n replace INTO t VALUES (1)", StatementKind.WRITE),
        ("WITH n AS (SELECT 1) DELETE FROM t", StatementKind.WRITE),
        ("WITH n AS (SELECT 1) SELECT * FROM n", StatementKind.OTHER),
        ("SELECT 'UPDATE'", StatementKind.OTHER),
        ("COMMIT", StatementKind.END),
        ("end transaction", StatementKind.END),
        ("RELEASE SAVEPOINT s", StatementKind.END),
        ("ROLLBACK TO s", StatementKind.UNDO),
        ("", StatementKind.OTHER),
        ("(", StatementKind.OTHER),
    ],
)
def test_a_statement_is_known_by_its_first_word(sql, kind):
    assert kind_of(sql) is kind
