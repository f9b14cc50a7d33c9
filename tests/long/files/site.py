"""A Django project whose database is the file of another program, under the name that this program gives to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.folder import ProjectFolder
from tests.support.processes import Ended

SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = "tests"
INSTALLED_APPS = ["schemasync"]
USE_TZ = True
TIME_ZONE = "UTC"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / %r}}
SCHEMASYNC = %r
"""


class Site(ProjectFolder):
    """The file stands in a folder of its own, with what else the program keeps beside it."""

    def __init__(self, folder: Path, file: str, settings: dict[str, object]) -> None:
        super().__init__(folder)
        self.link = folder / "files" / file
        self.link.parent.mkdir(parents=True)
        self.write_project(SETTINGS % (f"files/{file}", settings))

    def done(self, *words: object) -> Ended:
        """The command `schemasync WORDS`, which must succeed."""
        ended = self.run("manage.py", "schemasync", *words)
        assert ended.code == 0, f"schemasync {' '.join(map(str, words))}: exit {ended.code}\n{ended.out}{ended.err}"
        return ended

    @property
    def tree(self) -> dict[str, Any]:
        text = self.schema.read_text("utf-8")
        tree: dict[str, Any] = json.loads(text if text.startswith("{") else text[text.index("\n{") :])
        return tree

    def write(self, tree: dict[str, Any]) -> None:
        self.schema.write_text(json.dumps(tree, indent=2), "utf-8")
