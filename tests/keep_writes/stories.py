"""A database whose schema advances, that is written to, and that is rolled back with the rows written."""

import json
import sqlite3
from contextlib import closing

from schemasync.schema import document
from schemasync.sync.keep_writes import KeepWritesOptions, keep_writes
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

OLDER = SyncOptions(allow_older=True)
ID = "INTEGER PRIMARY KEY AUTOINCREMENT"


def read(tree):
    return document.read(json.dumps(tree).encode())


class Story:
    """The history of the database at `link`."""

    def __init__(self, folder, first, rows=""):
        self.link = folder / "db.sqlite3"
        self.sync(first)
        self.write(rows)

    @property
    def target(self):
        return target(self.link, wait=30.0, keep=99)

    def sync(self, tree):
        assert sync(self.target, read(tree), OLDER).result == "synced"

    def write(self, sql):
        with closing(sqlite3.connect(self.link, isolation_level=None)) as connection:
            connection.executescript(sql)

    def ask(self, sql, path=None):
        with closing(sqlite3.connect(path or self.link)) as connection:
            return connection.execute(sql).fetchall()

    def back(self, wanted=None, *, fills=None, allow_drop=(), agree=lambda ahead: True, at=None, **options):
        given = KeepWritesOptions(fills or {}, frozenset(allow_drop), verify_full=True, **options)
        done = keep_writes(at or self.target, wanted, given, agree)
        assert self.ask("PRAGMA integrity_check") == [("ok",)]
        assert self.ask("PRAGMA foreign_key_check") == []
        return done

    def live(self):
        return self.link.resolve().name[:4]
