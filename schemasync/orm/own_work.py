"""Runs the functions of the settings SEED, which fills a new database, and DATA_MIGRATIONS, which do the work of data
migrations that a database never ran."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from django.utils.module_loading import import_string

from .. import conf
from ..errors import Code, UsageError
from ..history.rows import Afterwards
from ..plan.model import NeverRun
from ..sync import data_migrations as of_database
from ..sync.data_migrations import Installed
from ..sync.run.reading import reading
from ..sync.run.target import Target

Work = Callable[[str], object]
"""Called with the alias, which means the new file during the call."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The work that a run leaves to the next one if a migration stops it: the functions of the `due` data migrations,
    and the seed of a new database. `never_run`: the record of the run, in which the `due` ones count as accepted."""

    due: tuple[str, ...] = ()
    never_run: NeverRun | None = None
    is_seed_due: bool = False

    def left_for_later(self, known: Afterwards) -> Afterwards:
        """Return the facts for the history, in which this work is still due."""
        found = self.never_run
        if found is not None and self.due:
            found = replace(found, passed_over=found.passed_over.difference(self.due))
            known = replace(known, never_run=found)
        return replace(known, is_seed_due=self.is_seed_due and conf.seed() is not None)


def is_seed_due(target: Target) -> bool:
    """True if the live database is new, and a migration stopped the run before it was filled."""
    if conf.seed() is None:
        return False
    with reading(target) as now:
        return now is not None and now.newest is not None and bool(now.newest.details.get("seed_due"))


def function(path: str) -> Work:
    """Return the function at a dotted path. Raises UsageError if it cannot be imported."""
    try:
        found: Work = import_string(path)
    except ImportError as error:
        message = f"SCHEMASYNC names {path}, which cannot be imported: {error}"
        raise UsageError.of(Code.UNKNOWN_SETTING, message, 'Use a dotted path, as in "shop.seeds.fill".') from error
    return found


def asked_about(installed: Installed) -> Installed:
    """Return the data migrations that must have run on a database, without those whose work a function of
    DATA_MIGRATIONS does."""
    if installed is None:
        return None
    return tuple(one for one in installed if one.name not in conf.data_migrations())


def due(target: Target, installed: Installed) -> tuple[str, ...]:
    """Return the data migrations, as `app.name`, whose function the live database still needs, in the order of the
    setting."""
    functions = conf.data_migrations()
    if not functions:
        return ()
    with reading(target) as now:
        missing = of_database.missing(now, installed) if now is not None and now.generation is not None else ()
    return tuple(name for name, path in functions.items() if name in missing and path is not None)


def do(alias: str, names: Sequence[str]) -> None:
    """Call the function of each data migration."""
    functions = conf.data_migrations()
    for name in names:
        if (path := functions[name]) is not None:
            function(path)(alias)


def seed(alias: str) -> str | None:
    """Fill a new database; return the dotted path of the function, None without the setting SEED."""
    path = conf.seed()
    if path is not None:
        function(path)(alias)
    return path
