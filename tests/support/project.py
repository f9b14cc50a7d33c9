"""A Django project in a folder of its own: its databases, its schema.json, and the command in and out of process."""

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command

from .folder import ProjectFolder
from .processes import Ended

SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = "tests"
INSTALLED_APPS = ["schemasync"]
USE_TZ = True
TIME_ZONE = "UTC"
ENGINE = "django.db.backends.sqlite3"
DATABASES = {
    "default": {"ENGINE": ENGINE, "NAME": BASE_DIR / "db.sqlite3"},
    "other": {"ENGINE": ENGINE, "NAME": BASE_DIR / "other.sqlite3"},
}
"""

V1 = {
    "Users": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL", "fax": "TEXT"},
    "Log": {"id": "INTEGER PRIMARY KEY", "what": "TEXT"},
}
V2 = {
    "Users": {
        "id": "INTEGER PRIMARY KEY",
        "full_name": {"type": "TEXT NOT NULL CHECK (full_name <> '')", "was": ["name"]},
        "_dropped": ["fax"],
    },
    "Log": V1["Log"],
    "Rooms": {"id": "INTEGER PRIMARY KEY"},
}
REWRITTEN = {
    **V2,
    "Users": {
        "id": "INTEGER PRIMARY KEY",
        "_dropped": ["fax"],
        "full_name": {"type": "TEXT NOT NULL UNIQUE CHECK (full_name <> '')", "was": ["name"]},
    },
}
"""V2 with a UNIQUE, which rewrites Users."""
ROWS = "INSERT INTO Users VALUES (1, 'ann', '1'), (2, 'bob', NULL); INSERT INTO Log VALUES (1, 'begun')"


class Project(ProjectFolder):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.archive = folder / "db.sqlite3.generations"

    # --- files ------------------------------------------------------------------------------------------------

    def write(self, tree: Any, name: str = "schema.json") -> Path:
        path = self.folder / name
        path.write_text(tree if isinstance(tree, str) else json.dumps(tree, indent=2), "utf-8")
        return path

    def generations(self) -> list[str]:
        return sorted(path.name for path in self.archive.glob("[0-9]*.sqlite3"))

    def live(self) -> str:
        return self.link.readlink().name.removesuffix(".sqlite3")

    # --- the command ------------------------------------------------------------------------------------------

    def call(self, *args: Any, **options: Any) -> Ended:
        """Run the command in this process by `call_command`, and return how it ended."""
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command("schemasync", *args, stdout=out, stderr=err, **options)
        except CommandError as error:
            return Ended(error.returncode, out.getvalue(), f"{err.getvalue()}{error}", ("schemasync", *args))
        return Ended(0, out.getvalue(), err.getvalue(), ("schemasync", *args))

    def done(self, *args: Any, **options: Any) -> Ended:
        """Run the command like `call`. It must succeed."""
        ended = self.call(*args, **options)
        assert ended.code == 0, ended
        return ended

    def manage(self, *args: object, limits: Mapping[int, int] | None = None, fresh: bool = False) -> Ended:
        """Run the command in a process of its own, as a shell runs it, without a terminal."""
        return self.run(*self.command(*args)[1:], limits=limits, fresh=fresh)

    def command(self, *args: object) -> list[str]:
        """Return the words of a command line, and write the project's files for it."""
        self.write_project(SETTINGS)
        return [sys.executable, "manage.py", "schemasync", *map(str, args)]
