"""Django's own SQLite backend while its database is swapped: the behaviour that a site without ours must know."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.db.utils import OperationalError

from tests.live.ledger import ACCOUNTS
from tests.live.workers import DJANGO_S_KEPT, DJANGO_S_NEW

from .following import INSERT, keys, run, swap

SUPERSEDED = "schemasync: superseded, open the database again"


@pytest.fixture
def connect(link, django_db_blocker):
    made = []

    def connect(backend):
        settings = {**connections["default"].settings_dict, **backend.settings(link), "ATOMIC_REQUESTS": False}
        made.append(DatabaseWrapper(settings, alias="own"))
        return made[-1]

    with django_db_blocker.unblock():
        yield connect
        for connection in made:
            connection.close()


def test_django_s_own_backend_does_not_let_go_of_a_stale_connection(link, connect):
    """After each request Django asks a connection that had an error whether it is usable, and SQLite's answers yes: a
    persistent connection keeps failing, visibly, until the site closes it or is restarted."""
    db = connect(DJANGO_S_KEPT)
    run(db, INSERT, "before")
    swap(link)
    for _ in range(2):
        with pytest.raises(OperationalError, match=SUPERSEDED):
            run(db, INSERT, "never")
        assert db.errors_occurred
        db.close_if_unusable_or_obsolete()
        assert db.connection is not None
    db.close()
    run(db, INSERT, "after")
    assert keys(link) == {"before", "after"}


def test_django_s_own_backend_comes_along_with_the_next_request_where_it_keeps_no_connection(link, connect):
    db = connect(DJANGO_S_NEW)
    run(db, INSERT, "before")
    swap(link)
    with pytest.raises(OperationalError, match=SUPERSEDED):
        run(db, INSERT, "the request during which it was swapped")
    db.close_if_unusable_or_obsolete()
    run(db, INSERT, "the next")
    assert keys(link) == {"before", "the next"}


def test_django_s_own_backend_reads_old_rows_until_it_connects_again(link, connect):
    db = connect(DJANGO_S_KEPT)
    count = "SELECT count(*) FROM accounts"
    assert run(db, count) == [(ACCOUNTS,)]
    swap(link)
    with closing(sqlite3.connect(link)) as other, other:
        other.execute("DELETE FROM accounts")
    db.close_if_unusable_or_obsolete()
    assert run(db, count) == [(ACCOUNTS,)], "and nothing says so"
    db.close()
    assert run(db, count) == [(0,)]
