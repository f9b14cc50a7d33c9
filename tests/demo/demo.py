"""The demo with a database in a separate folder, and its commands as a shell runs them."""

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
    """The demo in a folder; `schema` names the file in demo_project that its commands use."""

    def __init__(self, folder: Path, schema: str = "schema.json") -> None:
        self.folder, self.schema = folder, schema
        self.link = folder / "db.sqlite3"

    def copy(self, folder: Path) -> Demo:
        """Copy the database to a folder. Its link is relative, and so leads into the copy."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Demo(folder, self.schema)

    @property
    def unmodelled(self) -> set[str]:
        """The tables without a model: those of the ERP, and those of schemasync."""
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
        """Run a command in another process, without a terminal."""
        given = self.environment | variables
        return run(self.command(*words)[1:], self.folder, given, stdin=stdin, fresh=fresh)

    def done(self, *words: str, fresh: bool = False, **given: str) -> Ended:
        """Like manage(), for a command that must succeed."""
        ended = self.manage(*words, fresh=fresh, **given)
        assert ended.code == 0, ended
        return ended

    def rows(self, query: str) -> list[tuple]:
        with closing(sqlite3.connect(self.link)) as connection:
            return connection.execute(query).fetchall()
