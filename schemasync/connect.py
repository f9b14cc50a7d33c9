"""Registers the functions, collations and modules of the application on schemasync's own connections.

The application registers everything once, on a connection in memory that records the calls. Each of schemasync's
connections repeats them: so code of the application never gets a connection to a file.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from django.core.signals import setting_changed
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.backends.sqlite3._functions import register as register_functions
from django.utils.module_loading import import_string

from . import conf
from .engines.sqlite.connection import Connection
from .engines.sqlite.connection_settings import Call, can_load_extensions, extensions_enabled, register, scratch
from .errors import APPLICATION_ERRORS, Code, Problem, Refused

LIBRARIES = (".so", ".dylib", ".dll")
NO_EXTENSIONS = "the sqlite3 module of this Python cannot load extensions"
OTHER_PYTHON = "Use a Python that was built with --enable-loadable-sqlite-extensions, such as Debian's."
CALLED_WITH = (
    "It is called with a connection to an empty database in memory: register functions on it, and read nothing."
)

logger = logging.getLogger("schemasync")


class Registered:
    """Registers on a connection everything that the application registers on connections of an alias.

    The first call runs the application's receivers. A later call runs them again if the receivers of
    `connection_created` changed.
    """

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._calls: tuple[Call, ...] | None = None
        self._receivers: tuple[object, ...] = ()
        self._kept: list[object] = []  # a function may need the connection on which it was registered
        self._lock = threading.RLock()

    def __call__(self, connection: Connection) -> None:
        """Register everything on the connection. Raises Refused if a setting of SCHEMASYNC fails."""
        register(self._current(), connection)

    def _current(self) -> tuple[Call, ...]:
        with self._lock:
            receivers = tuple(connection_created.receivers)  # keeps them alive, so that no id is used again
            if self._calls is None or receivers != self._receivers:
                self._calls, self._receivers = self._recorded(), receivers
            return self._calls

    def _recorded(self) -> tuple[Call, ...]:
        if found := tuple(problems()):
            raise Refused(found)
        connection = scratch()
        register_functions(connection)
        for extension in conf.extensions():
            _load(extension, connection)
        if (function := conf.connect()) is not None:
            _call(_name(function), _imported(function), connection)
        asked_for: tuple[Call, ...] = connection.calls()
        self._kept.append(connection)
        if (site := connections[self.alias]).vendor == "sqlite":
            self._kept.append(_receivers_called(site, connection))
        # An extension that a receiver loads may bring a module that uses ordinary tables (sqlite-vec): these would
        # count as the user's. Without the module, its tables are carried along unchanged.
        return tuple(call for call in connection.calls() if call[0] != "load_extension" or call in asked_for)


def _receivers_called(site: BaseDatabaseWrapper, connection: Connection) -> BaseDatabaseWrapper:
    """Call the receivers of `connection_created` with the connection, as if it were one of the site's. Return its
    wrapper."""
    wrapper = type(site)({**site.settings_dict}, site.alias)
    wrapper.connection, wrapper.autocommit = connection, True
    wrapper.inc_thread_sharing()  # registered functions are called in the threads of all connections
    wrapper.close = lambda: None  # type: ignore[method-assign]  # a receiver that closes it would affect the others
    for receiver, failure in connection_created.send_robust(sender=type(site), connection=wrapper):
        if isinstance(failure, Exception):
            name = getattr(receiver, "__qualname__", repr(receiver))
            logger.warning("A receiver of connection_created failed, %s: %s", name, failure)
    return wrapper


@cache
def registered(alias: str) -> Registered:
    """Return the instance for an alias, cached: receivers take milliseconds, and a page or a run opens many
    connections."""
    return Registered(alias)


def _forget(**changed: Any) -> None:
    registered.cache_clear()


setting_changed.connect(_forget)  # sent by tests: https://docs.djangoproject.com/en/stable/ref/signals/#setting-changed


def is_library(extension: object) -> bool:
    """True for the path or name of a loadable library, False for a function that loads one."""
    if not isinstance(extension, str | os.PathLike):
        return False
    text = os.fspath(extension)
    return os.sep in text or text.endswith(LIBRARIES) or "." not in text


def problems() -> Iterator[Problem]:
    """Yield the problems of the settings CONNECT and EXTENSIONS in this process."""
    connect = conf.connect()
    for key, one in [("EXTENSIONS", one) for one in conf.extensions()] + ([("CONNECT", connect)] if connect else []):
        if key == "EXTENSIONS" and is_library(one):
            if not can_load_extensions():
                yield Problem(Code.CONNECT_FAILED, f"{one} cannot be loaded: {NO_EXTENSIONS}", OTHER_PYTHON)
        elif isinstance(one, str):
            try:
                import_string(one)
            except ImportError as error:
                hint = 'Use the dotted path of a function that accepts the connection: "myapp.sqlite.connect".'
                yield Problem(Code.CONNECT_FAILED, f'SCHEMASYNC["{key}"]: {error}', hint)


def _load(extension: Any, connection: Connection) -> None:
    with extensions_enabled(connection):
        if is_library(extension):
            _call(str(extension), lambda raw: raw.load_extension(os.fspath(extension)), connection)
        else:
            _call(_name(extension), _imported(extension), connection)


def _imported(function: Any) -> Callable[[Connection], object]:
    found: Callable[[Connection], object] = import_string(function) if isinstance(function, str) else function
    return found


def _call(name: str, function: Callable[[Connection], object], connection: Connection) -> None:
    try:
        function(connection)
    except APPLICATION_ERRORS as error:
        lacks = isinstance(error, AttributeError) and not can_load_extensions()
        raise Refused.of(
            Code.CONNECT_FAILED,
            f"{name} failed: {NO_EXTENSIONS}" if lacks else f"{name} failed: {type(error).__name__}: {error}",
            OTHER_PYTHON if lacks else CALLED_WITH,
        ) from error


def _name(function: object) -> str:
    return function if isinstance(function, str) else getattr(function, "__qualname__", repr(function))
