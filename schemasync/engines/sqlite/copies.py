"""Makes copies of a database for others: complete, and without the objects of a run at work."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from .connection import Opener, copy_into
from .objects import has_temporary
from .temporary import remove_temporary
from .transactions import transaction


def compact_copy(opener: Opener, path: Path, copy: Path) -> None:
    """Write the present content of a database, without free pages, to the empty file `copy`."""
    with closing(opener.write(path)) as source:
        copy_into(source, copy)
    with closing(opener.build(copy)) as connection:
        if has_temporary(connection):
            with transaction(connection):
                remove_temporary(connection)
            connection.execute("VACUUM")  # the change log may have been large


def exact_copy(opener: Opener, path: Path, copy: Path) -> None:
    """Write the present content of a database, page for page, to `copy`, which does not exist."""
    opener.copy(path, copy)
    with closing(opener.write(copy)) as connection:
        if has_temporary(connection):
            with transaction(connection):
                remove_temporary(connection)
