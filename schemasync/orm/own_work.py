"""The project's own functions that fill a new database, and that do the work of data migrations which a database never
ran: the settings SEED and DATA_MIGRATIONS."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.utils.module_loading import import_string

from .. import conf
from ..errors import Code, UsageError
from ..sync import data_migrations as of_database
from ..sync.data_migrations import Installed
from ..sync.run.reading import reading
from ..sync.run.target import Target

Work = Callable[[str], object]
"""Called with the alias, which means the new file within the call."""


def function(path: str) -> Work:
    """The function of a dotted path. Raises UsageError if it cannot be imported."""
    try:
        found: Work = import_string(path)
    except ImportError as error:
        message = f"SCHEMASYNC names {path}, which cannot be imported: {error}"
        raise UsageError.of(Code.UNKNOWN_SETTING, message, 'Use a dotted path, as in "shop.seeds.fill".') from error
    return found


def asked_about(installed: Installed) -> Installed:
    """The data migrations that a database is asked about; not those whose work a function does."""
    if installed is None:
        return None
    return tuple(one for one in installed if one.name not in conf.data_migrations())


def due(target: Target, installed: Installed) -> tuple[str, ...]:
    """The data migrations, as `app.name`, whose function the live database still needs, in the order of the setting."""
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
    """Fill a new database; returns the dotted path of the function, None if the setting names none."""
    path = conf.seed()
    if path is not None:
        function(path)(alias)
    return path
