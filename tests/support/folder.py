"""The base of every project of the tests: a folder with a manage.py, settings, a database and a schema.json."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from .processes import Ended, environment, run

MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""


class ProjectFolder:
    """A project, with the paths and the helpers for commands and SQL that all projects have."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.link = folder, folder / "db.sqlite3"
        self.schema = folder / "schema.json"

    def write_project(self, settings: str) -> None:
        (self.folder / "manage.py").write_text(MANAGE)
        (self.folder / "site_settings.py").write_text(settings)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        return environment()

    def run(self, *words: object, variables: Mapping[str, str] | None = None, **how: Any) -> Ended:
        """Run `python WORDS` in the folder. `how` has other arguments of processes.run()."""
        return run(words, self.folder, {**self.environment, **(variables or {})}, **how)

    def rows(self, query: str, path: Path | None = None) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path or self.link)) as connection:
            return connection.execute(query).fetchall()

    def run_sql(self, script: str, path: Path | None = None) -> None:
        """Run SQL on the database, or on the file `path`, as any program would."""
        with closing(sqlite3.connect(path or self.link)) as connection:
            connection.executescript(script)
            connection.commit()
