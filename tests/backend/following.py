"""A connection that follows a database besides those of the tests' settings, and functions that swap that database."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from django.db import connections

from schemasync.backends.sqlite3.base import DatabaseWrapper
from schemasync.files.disk import Disk
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.live.ledger import PATIENT, schema

INSERT = "INSERT INTO moves (key, account, amount) VALUES (%s, 1, 0)"


def wrapper(link, **options):
    """Return a connection of the backend to a database that the tests' settings do not name."""
    settings = dict(connections["default"].settings_dict)
    settings |= {"ENGINE": "schemasync.backends.sqlite3", "NAME": link, "OPTIONS": options, "ATOMIC_REQUESTS": False}
    return DatabaseWrapper(settings, alias="followed")


def swap(link, version=1, observer=None):
    return sync(target(link, disk=Disk(observer) if observer else Disk(), wait=5.0), schema(version), PATIENT)


def keys(link):
    with closing(sqlite3.connect(link)) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM moves")}


def run(db, sql, *values):
    with db.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else None
