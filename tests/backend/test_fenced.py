"""Transactions that begin between the fence and the move of the link, when a swap is half done."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from django.db import DatabaseError, connections, transaction

from schemasync.files.disk import DiskStep

from .following import INSERT, keys, run, swap


def during_the_swap(link, db, work):
    """Swap, and run `work` in another thread from the moment when the file is fenced; return the errors that it
    raised."""
    raised: list[DatabaseError] = []
    threads: list[threading.Thread] = []

    def guarded():
        connections["followed"] = db
        try:
            work()
        except DatabaseError as error:
            raised.append(error)

    def observer(when, label):
        if (when, label) == ("after", DiskStep.CUTOVER_FENCE):
            db.inc_thread_sharing()
            threads.append(threading.Thread(target=guarded))
            threads[0].start()
            threads[0].join(0.2)
            assert threads[0].is_alive(), "it waits for the link"

    swap(link, observer=observer)
    threads[0].join(5)
    return raised


def test_a_transaction_that_begins_on_a_fenced_file_begins_again_on_the_new_one(link, db):
    """Without the check for the fence at BEGIN, the first write would end the transaction although none of it had
    run."""

    def work():
        with transaction.atomic(using="followed"):
            run(db, INSERT, "first")
            run(db, INSERT, "second")

    run(db, INSERT, "before")
    assert during_the_swap(link, db, work) == []
    assert keys(link) == {"before", "first", "second"}


def test_a_transaction_that_begins_on_a_fenced_file_and_only_reads_sees_the_new_one(link, db):
    generations = []

    def work():
        with transaction.atomic(using="followed"):
            generations.extend(run(db, "SELECT max(generation) FROM _schema_versions"))

    work()
    assert during_the_swap(link, db, work) == []
    assert [name[:4] for (name,) in generations] == ["0001", "0002"]


@pytest.mark.parametrize("statements", [1, 3])
def test_a_transaction_within_another_ends_with_it(link, db, statements):
    def work():
        with transaction.atomic(using="followed"):
            for number in range(statements):
                with transaction.atomic(using="followed"):
                    run(db, INSERT, f"inner {number}")

    run(db, INSERT, "before")
    assert during_the_swap(link, db, work) == []
    assert keys(link) == {"before", *(f"inner {number}" for number in range(statements))}


def test_a_write_is_compiled_once_where_there_are_no_virtual_tables(link, db):
    """With virtual tables, each write is examined before it runs: those tables have no fence."""
    inserts: list[str] = []

    def authorizer(action, table, *rest):
        if action == sqlite3.SQLITE_INSERT:
            inserts.append(table)
        return sqlite3.SQLITE_OK

    run(db, "SELECT 1")
    db.connection.set_authorizer(authorizer)
    run(db, INSERT, "one")
    db.connection.set_authorizer(None)
    assert inserts == ["moves"]
