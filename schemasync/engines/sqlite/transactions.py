"""Transactions on a connection to SQLite, and the durability of their commits."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from .connection import Connection


@contextmanager
def transaction(connection: Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """BEGIN … COMMIT, or ROLLBACK if the block raises."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


class Step(Protocol):
    """A change of the schema, in a transaction of the caller."""

    @property
    def is_alone(self) -> bool:
        """True if the step needs a transaction of its own."""

    def prepare(self, connection: Connection) -> None:
        """Do what can be done before the transaction, while writers do not wait."""

    def run(self, connection: Connection) -> None:
        """Change the schema."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of DDL."""

    sql: str

    @property
    def is_alone(self) -> bool:
        """False: one transaction has as many statements as there is time for."""
        return False

    def prepare(self, connection: Connection) -> None:
        """Do nothing: there is nothing to prepare."""

    def run(self, connection: Connection) -> None:
        """Run the statement."""
        connection.execute(self.sql)


def run_some(connection: Connection, steps: deque[Step], seconds: float) -> None:
    """Run steps from the left, in the caller's transaction, until one needs a transaction of its own, none is left or
    the time is up; at least one."""
    deadline = time.monotonic() + seconds
    while steps:
        step = steps.popleft()
        step.run(connection)
        if step.is_alone or time.monotonic() > deadline or (steps and steps[0].is_alone):
            break


def begin_deferred(connection: Connection) -> None:
    """Begin a transaction that takes its locks at its first read and first write."""
    connection.execute("BEGIN DEFERRED")


def run_script(cursor: sqlite3.Cursor, sql: str) -> sqlite3.Cursor:
    """Run statements one after the other, each as if alone; an open transaction is committed first."""
    return cursor.executescript(sql)


@contextmanager
def committed(connection: Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE … COMMIT, even if the block raises: each failed statement has undone itself."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """A transaction that is rolled back at the end of the block, with or without an error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        let_go(connection)


@contextmanager
def snapshot(connection: Connection, *schemas: str) -> Iterator[None]:
    """Hold one read transaction: all reads inside see the same rows, including those of the attached files that are
    named."""
    connection.execute("BEGIN")
    try:
        for schema in schemas or ("main",):
            connection.execute(f"SELECT count(*) FROM {schema}.sqlite_schema").fetchone()
        yield
    finally:
        connection.execute("ROLLBACK")


@contextmanager
def logged_durably(connection: Connection) -> Iterator[None]:
    """A transaction that is in the write-ahead log, and synced, at the end of the block."""
    commit_durably(connection)
    with transaction(connection):
        yield


def commit_durably(connection: Connection) -> None:
    """Make every commit from here on durable.

    In a file with a rollback journal only EXTRA syncs the folder after the journal is removed. With FULL a power loss
    may bring the journal back, and SQLite then rolls back the commit. In WAL mode both do the same.
    https://www.sqlite.org/pragma.html#pragma_synchronous
    """
    connection.execute("PRAGMA main.synchronous=EXTRA")


@contextmanager
def durable_commits(connection: Connection) -> Iterator[None]:
    """Make the commits of the block durable, and restore the setting after it. Call this outside of a transaction."""
    (before,) = connection.execute("PRAGMA main.synchronous").fetchone()
    commit_durably(connection)
    try:
        yield
    finally:
        with suppress(sqlite3.ProgrammingError):  # it was closed meanwhile, as the backend does after a swap
            connection.execute(f"PRAGMA main.synchronous={before}")


def hold_writers(connection: Connection) -> None:
    """Take the write lock; the transaction's commit is durable."""
    commit_durably(connection)
    connection.execute("BEGIN IMMEDIATE")


def commit(connection: Connection) -> None:
    """Commit the transaction."""
    connection.execute("COMMIT")


def let_go(connection: Connection) -> None:
    """Roll back the transaction, if one is open."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
