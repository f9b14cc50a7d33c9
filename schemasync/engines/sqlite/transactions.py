"""Transactions on a connection to SQLite, and what a commit promises."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from .connection import Connection


@contextmanager
def transaction(connection: Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """BEGIN … COMMIT, or ROLLBACK where the block raises."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def begin_deferred(connection: Connection) -> None:
    """Begin a transaction that takes its locks when it first reads and first writes."""
    connection.execute("BEGIN DEFERRED")


def run_script(cursor: sqlite3.Cursor, sql: str) -> sqlite3.Cursor:
    """Run statements one after the other, each as if alone; a transaction that is open is committed first."""
    return cursor.executescript(sql)


@contextmanager
def committed(connection: Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE … COMMIT, also where the block raises: each statement that failed has undone itself."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """A transaction that is rolled back when the block has ended, however it ends."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        let_go(connection)


@contextmanager
def snapshot(connection: Connection, *schemas: str) -> Iterator[None]:
    """Hold one read transaction: every read inside sees the same rows, those of attached files too if named."""
    connection.execute("BEGIN")
    try:
        for schema in schemas or ("main",):
            connection.execute(f"SELECT count(*) FROM {schema}.sqlite_schema").fetchone()
        yield
    finally:
        connection.execute("ROLLBACK")


@contextmanager
def logged_durably(connection: Connection) -> Iterator[None]:
    """A transaction that is in the write-ahead log, and synced, when the block has ended."""
    connection.execute("PRAGMA main.synchronous=FULL")
    with transaction(connection):
        yield


def commit_durably(connection: Connection) -> None:
    """Every commit from here on is on the disk."""
    connection.execute("PRAGMA main.synchronous=FULL")


def hold_writers(connection: Connection) -> None:
    """Take the write lock; what is committed then is on the disk."""
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("BEGIN IMMEDIATE")


def commit(connection: Connection) -> None:
    """End the transaction and keep what it did."""
    connection.execute("COMMIT")


def let_go(connection: Connection) -> None:
    """End the transaction, if one is open, and undo what it did."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
