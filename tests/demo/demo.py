"""The demo with a database in a folder of its own, and its commands as a shell runs them."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from ..command.project import ROOT, Ended, environment

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
        return ERP | {"_schema_versions"} | ({"Invoices"} if self.schema == "schema_v2.json" else set())

    @property
    def environment(self) -> dict[str, str]:
        return environment() | {"DEMO_DATABASE": str(self.link), "DEMO_SCHEMA": str(DEMO / self.schema)}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, str(ROOT / "manage.py"), *words]

    def manage(self, *words: str, stdin: str = "", **variables: str) -> Ended:
        """A command in a process of its own, without a terminal."""
        ended = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment | variables,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def done(self, *words: str, **given: str) -> Ended:
        """The same for what must succeed."""
        ended = self.manage(*words, **given)
        assert ended.code == 0, ended
        return ended

    def rows(self, query: str) -> list[tuple]:
        with closing(sqlite3.connect(self.link)) as connection:
            return connection.execute(query).fetchall()
