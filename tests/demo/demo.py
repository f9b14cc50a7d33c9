"""The demo with a database in a folder of its own, and its commands as a shell runs them."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from tests.support.processes import ROOT, Ended, environment, run

DEMO = ROOT / "demo_project"
ERP = {"Contacts", "Departments", "ProjectAssignments", "Projects", "TimeEntries", "Users"}


class Demo:
    """`schema` names the file in demo_project that its commands use."""

    def __init__(self, folder: Path, schema: str = "schema.json") -> None:
        self.folder, self.schema = folder, schema
        self.link = folder / "db.sqlite3"

    def copy(self, folder: Path) -> Demo:
        """The database once more: its link is a relative one and leads into the copy."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Demo(folder, self.schema)

    @property
    def unmodelled(self) -> set[str]:
        """The tables that no model has: those of the ERP, and the history of schemasync."""
        return (
            ERP
            | {"_schema_versions"}
            | ({"Invoices", "Trips", "audit_log", "schemasync_actor"} if self.schema == "schema_v2.json" else set())
        )

    @property
    def environment(self) -> dict[str, str]:
        return environment() | {"DEMO_DATABASE": str(self.link), "DEMO_SCHEMA": str(DEMO / self.schema)}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, str(ROOT / "manage.py"), *words]

    def manage(self, *words: str, stdin: str = "", fresh: bool = False, **variables: str) -> Ended:
        """A command in a process of its own, without a terminal."""
        given = self.environment | variables
        return run(self.command(*words)[1:], self.folder, given, stdin=stdin, fresh=fresh)

    def done(self, *words: str, fresh: bool = False, **given: str) -> Ended:
        """The same for what must succeed."""
        ended = self.manage(*words, fresh=fresh, **given)
        assert ended.code == 0, ended
        return ended

    def rows(self, query: str) -> list[tuple]:
        with closing(sqlite3.connect(self.link)) as connection:
            return connection.execute(query).fetchall()
