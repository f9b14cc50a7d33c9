"""A worker on the backend: `python -m tests.backend.served FOLDER ON_STARTUP [TRANSFORMS]`, run by the tests.

It connects twice, and prints each time the tables of the database, or the error.
"""

from __future__ import annotations

import sys
from pathlib import Path

import django
from django.conf import settings


def configure(folder: Path, on_startup: str, transforms: str | None = None) -> None:
    """Set up Django with a database in the folder."""
    sys.path.insert(0, str(folder))
    settings.configure(
        BASE_DIR=folder,
        INSTALLED_APPS=["schemasync"],
        DATABASES={"default": {"ENGINE": "schemasync.backends.sqlite3", "NAME": folder / "db.sqlite3"}},
        SCHEMASYNC={"SCHEMA": folder / "schema.json", "ON_STARTUP": on_startup, "TRANSFORMS": transforms},
    )
    django.setup()


def main(folder: Path, *words: str) -> None:
    configure(folder, *words)
    from django.db import DatabaseError, connection

    for _ in range(2):
        try:
            print("tables", *sorted(name for name in connection.introspection.table_names() if name[0] != "_"))
        except DatabaseError as error:
            print(type(error).__name__, error)
        connection.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
