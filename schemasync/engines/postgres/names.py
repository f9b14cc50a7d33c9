"""Names that PostgreSQL accepts: it cuts names over 63 bytes silently; tables and indexes share one name space."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

LIMIT = 63  # bytes, unless the server was built with another NAMEDATALEN
_DIGITS = 8  # digits of the hash, so that two names with the same beginning stay different


def is_too_long(name: str) -> bool:
    return len(name.encode()) > LIMIT


def shortened(name: str) -> str:
    """Return the name, or its beginning and a hash of the whole name if it is too long."""
    if not is_too_long(name):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]
    return f"{name.encode()[: LIMIT - _DIGITS - 1].decode(errors='ignore')}_{digest}"


class Names:
    """The names of relations that are taken. `renamed`: (kind, name in SQLite, name on PostgreSQL)."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.taken = set(taken)
        self.renamed: list[tuple[str, str, str]] = []

    def relation(self, what: str, name: str, table: str, *, is_ours: bool = False) -> str:
        """Return a free name for an index, or for a constraint that has an index, and take it. In SQLite, two tables
        may have a UNIQUE of the same name. `is_ours`: the schema has no name for it."""
        found = shortened(name)
        if found in self.taken:
            found = shortened(f"{table}_{name}")
        number = 1
        while found in self.taken:
            number += 1
            found = shortened(f"{table}_{name}_{number}")
        self.taken.add(found)
        if not is_ours:
            self._note(what, name, found)
        return found

    def constraint(self, what: str, name: str, taken: set[str]) -> str:
        """Return a free name for a CHECK or foreign key, and add it to `taken`, the names of its table."""
        found, number = shortened(name), 1
        while found in taken:
            number += 1
            found = shortened(f"{name}_{number}")
        taken.add(found)
        self._note(what, name, found)
        return found

    def _note(self, what: str, name: str, found: str) -> None:
        if found != name:
            self.renamed.append((what, name, found))
