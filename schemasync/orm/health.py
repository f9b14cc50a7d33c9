"""The setting HEALTH: a function of the project that checks the new file through Django's connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connections, transaction

from .. import conf
from ..engines.sqlite.connection import Connection
from .new_file import on_file
from .own_work import function


@dataclass(frozen=True, slots=True)
class ProjectHealthCheck:
    """Calls a function, given as itself or as its dotted path, with the alias of the database. During the call the
    alias means the new file."""

    alias: str
    given: Callable[[str], Any] | str

    @property
    def name(self) -> str:
        return self.given if isinstance(self.given, str) else getattr(self.given, "__qualname__", repr(self.given))

    def check(self, path: Path, prepare: Callable[[Connection], None]) -> bool:
        """Call the function, and roll back its writes. Return False if the function returns False."""
        look = function(self.given) if isinstance(self.given, str) else self.given
        with on_file(self.alias, path), transaction.atomic(using=self.alias):
            prepare(connections[self.alias].connection)
            found = look(self.alias)
            transaction.set_rollback(True, using=self.alias)
        return found is not False


def health_check(alias: str) -> ProjectHealthCheck | None:
    """Return the check of a database; None without the setting."""
    given = conf.health()
    return None if given is None else ProjectHealthCheck(alias, given)
