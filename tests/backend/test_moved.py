"""A file whose database has moved to another engine: it takes no writes, and the error names the new place."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from django.db import connections, transaction

from schemasync.backends.superseded import Moved
from schemasync.databases import MOVED_FROM, current
from schemasync.engines.sqlite import fence
from schemasync.engines.sqlite.fence import Fence
from schemasync.errors import Refused
from schemasync.sync.rollback import rollback
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from schemasync.sync.status import status
from tests.live.ledger import schema

from .following import INSERT, keys, run

MOVED = "this database has moved to pg, open it there"


def close(link):
    with closing(sqlite3.connect(link, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        fence.raise_fence(connection, Fence.moved(7, "pg", "2026-11-30T00:00:00Z"))
        connection.execute("COMMIT")


def reopen(link):
    with closing(sqlite3.connect(link, isolation_level=None)) as connection:
        fence.open_fence(connection)


def test_any_program_that_writes_gets_an_error_that_says_where_the_database_is(link, db):
    run(db, INSERT, "before")
    close(link)
    with closing(sqlite3.connect(link)) as other, pytest.raises(sqlite3.OperationalError, match=MOVED):
        other.execute("INSERT INTO moves (key, account, amount) VALUES ('lost', 1, 0)")
    with pytest.raises(Moved, match="has moved to pg"):
        run(db, INSERT, "lost")
    assert keys(link) == {"before"}


def test_a_transaction_fails_at_once_and_is_not_tried_again(link, db):
    close(link)
    connections["followed"] = db
    with pytest.raises(Moved, match="has moved to pg"), transaction.atomic(using="followed"):
        run(db, INSERT, "lost")
    assert keys(link) == set()


def test_the_file_takes_writes_again_once_it_is_opened(link, db):
    close(link)
    reopen(link)
    run(db, INSERT, "back")
    assert keys(link) == {"back"}


@pytest.mark.parametrize(
    "action", [lambda one: sync(one, schema(2)), lambda one: rollback(one, "1", lambda ahead: True)]
)
def test_commands_leave_it_alone_and_say_where_the_database_is(link, db, action):
    close(link)
    before = link.read_bytes()
    with pytest.raises(Refused, match="has moved to pg") as refusal:
        action(target(link))
    assert [problem.code for problem in refusal.value.problems] == ["moved"]
    assert link.read_bytes() == before


def test_status_says_it(link, db):
    close(link)
    assert [problem.code for problem in status(target(link), None).problems] == ["moved"]


def test_settings_open_the_database_where_it_is(link, db, tmp_path):
    file, server = {"ENGINE": "schemasync.backends.sqlite3", "NAME": link}, {"ENGINE": "django.db.backends.postgresql"}
    assert current(sqlite=file, postgres=server) == file
    close(link)
    assert current(sqlite=file, postgres=server) == {**server, MOVED_FROM: file}
    reopen(link)
    assert current(sqlite=file, postgres=server) == file
    missing = {**file, "NAME": tmp_path / "missing.sqlite3"}
    assert current(sqlite=missing, postgres=server) == missing
