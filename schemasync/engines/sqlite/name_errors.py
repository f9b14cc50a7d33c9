"""Reads SQLite's messages about functions, collations and modules that this process does not know."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...schema.names import fold

_FUNCTION = re.compile(r"(?:no such function: |unknown function: )(.+?)(?:\(\))?$")
_COLLATION = re.compile(r"no such collation sequence: (.+)$")
_MODULE = re.compile(r"no such module: (.+)$")
NO_NAME = "no query solution"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Names that a schema uses and this process does not know, folded."""

    functions: frozenset[str] = frozenset()
    collations: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.functions or self.collations or self.modules)

    def __or__(self, other: Unknown) -> Unknown:
        return Unknown(
            self.functions | other.functions, self.collations | other.collations, self.modules | other.modules
        )

    def __contains__(self, name: Unknown) -> bool:
        return self | name == self

    def __str__(self) -> str:
        kinds = (("function", self.functions), ("collation", self.collations), ("module", self.modules))
        return ", ".join(f"{kind} {name}" for kind, names in kinds for name in sorted(names))


def named_in(error: str) -> Unknown:
    """Return the name that SQLite's message reports as unknown; an empty Unknown for any other message."""
    found = []
    for pattern in (_FUNCTION, _COLLATION, _MODULE):
        match = pattern.search(error)
        found.append(frozenset({fold(match[1])}) if match else frozenset())
    return Unknown(*found)


def is_unknown_name(error: str) -> bool:
    """Return True for "no such function" and "no such collation sequence", which ALTER TABLE does not check, and for
    the message with which SQLite 3.37 replaces the latter if a WITHOUT ROWID table has such a collation in its key."""
    name = named_in(error)
    return bool(name.functions or name.collations) or error == NO_NAME


def hint_for(error: str) -> str:
    """The hint for a name that SQLite does not know; '' for any other message."""
    name = named_in(error)
    if not name:
        return ""
    how = 'SCHEMASYNC["EXTENSIONS"]' if name.modules else 'SCHEMASYNC["CONNECT"]'
    return (
        f"This process does not know the {name}. Receivers of connection_created run on its connections too; "
        f"name what is registered elsewhere in {how}."
    )
