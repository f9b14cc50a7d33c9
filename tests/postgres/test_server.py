"""The server of the other tests: each test has a separate database."""

from __future__ import annotations

import threading

import psycopg

from tests.support import postgres as servers


def test_each_test_has_an_empty_database_of_its_own(postgres):
    with postgres.database() as one, postgres.database() as other, one.connect() as connection:
        connection.execute("CREATE TABLE a (b int)")
        with other.connect() as beside:
            assert beside.execute("SELECT to_regclass('a')").fetchone() == (None,)


def test_the_entry_of_django_leads_to_the_same_database(postgres_database):
    from django.db.backends.postgresql.base import DatabaseWrapper

    entry = {
        "TIME_ZONE": None,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "AUTOCOMMIT": True,
        "ATOMIC_REQUESTS": False,
    }
    params = DatabaseWrapper({**entry, **postgres_database.params}, "other").get_connection_params()
    params.pop("cursor_factory")
    with postgres_database.connect() as ours, psycopg.connect(**params) as theirs:
        named = [one.execute("SELECT current_database()").fetchone() for one in (ours, theirs)]
    assert named[0] == named[1]


def test_workers_use_one_server_at_the_same_time_and_the_last_one_ends_it(postgres, tmp_path):
    folders, begun, may_end = [], threading.Event(), threading.Event()

    def use():
        with servers._shared_by_workers(tmp_path) as folder:
            folders.append(folder)
            begun.set()
            may_end.wait(10)

    with servers._shared_by_workers(tmp_path) as folder:
        other = threading.Thread(target=use)
        other.start()
        assert begun.wait(10), "it waits for the first user"
        assert folders == [folder]
    assert (folder / "data").exists()
    may_end.set()
    other.join(20)
    assert not folder.exists()
