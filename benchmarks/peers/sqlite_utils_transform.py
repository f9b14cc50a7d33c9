"""sqlite-utils: `table.transform(not_null=…)`, with its connection as it opens it."""

from importlib.metadata import version
from pathlib import Path

import sqlite_utils
from facts import FACTS, report


def change(path: Path, name: str) -> None:
    database = sqlite_utils.Database(path)
    try:
        if FACTS[name].enforced:
            database.execute("PRAGMA foreign_keys = ON")
        database["book"].transform(not_null={"pages"})
    finally:
        database.close()


report(f"sqlite-utils {version('sqlite-utils')}", change)
