"""A Django project whose database is the file of another program, with the name that the program gives it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.support.folder import ProjectFolder
from tests.support.processes import Ended

from .format import Environment, Format

ENGINE = "django.db.backends.sqlite3"

SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = "tests"
INSTALLED_APPS = ["schemasync"]
USE_TZ = True
TIME_ZONE = "UTC"
DATABASES = {"default": {"ENGINE": %r, "NAME": BASE_DIR / %r}}
SCHEMASYNC = %r
"""


class Site(ProjectFolder):
    """The project. The file is in a folder of its own, with other files that the program may put there."""

    def __init__(self, folder: Path, file: Format, program: Environment) -> None:
        super().__init__(folder)
        self._interpreter = program.python if file.engine else sys.executable
        self.link = folder / "files" / file.file
        self.link.parent.mkdir(parents=True)
        self.write_project(SETTINGS % (file.engine or ENGINE, f"files/{file.file}", file.schemasync))

    def call(self, *words: object) -> Ended:
        """Run `schemasync WORDS`, and return how it ended."""
        return self.run("manage.py", "schemasync", *words, interpreter=self._interpreter)

    def done(self, *words: object) -> Ended:
        """Run `schemasync WORDS`, which must succeed."""
        ended = self.call(*words)
        assert ended.code == 0, f"schemasync {' '.join(map(str, words))}: exit {ended.code}\n{ended.out}{ended.err}"
        return ended

    @property
    def tree(self) -> dict[str, Any]:
        text = self.schema.read_text("utf-8")
        tree: dict[str, Any] = json.loads(text if text.startswith("{") else text[text.index("\n{") :])
        return tree

    def write(self, tree: dict[str, Any]) -> None:
        self.schema.write_text(json.dumps(tree, indent=2), "utf-8")
