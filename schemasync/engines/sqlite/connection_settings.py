"""Records the settings that an application makes on a connection, and applies them to another one.

The connection that replaces it after a swap gets its pragmas, its factories and its registrations: functions,
aggregates, collations, hooks, limits. It does not get objects that exist only in the connection: TEMP objects and
attached databases. Our own connections get functions, collations and extensions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from .connection import Connection

# Pragmas of a connection that can be read and written. Not those of the file (journal_mode), those of a transaction
# (defer_foreign_keys), those that cannot be read (case_sensitive_like), and writable_schema, which should be lost.
PRAGMAS = (
    "analysis_limit",
    "automatic_index",
    "busy_timeout",
    "cache_size",
    "cache_spill",
    "cell_size_check",
    "checkpoint_fullfsync",
    "foreign_keys",
    "fullfsync",
    "ignore_check_constraints",
    "journal_size_limit",
    "legacy_alter_table",
    "locking_mode",
    "max_page_count",
    "mmap_size",
    "query_only",
    "read_uncommitted",
    "recursive_triggers",
    "reverse_unordered_selects",
    "secure_delete",
    "synchronous",
    "temp_store",
    "threads",
    "trusted_schema",
    "wal_autocheckpoint",
)
WORDS = {("secure_delete", 2): "FAST"}  # a value that is read as a number and must be written as a word

# Methods that register something on a connection, and the arguments that identify a registration that is replaced.
REGISTERING = {
    "create_function": ("name", "narg"),
    "create_aggregate": ("name", "n_arg"),
    "create_window_function": ("name", "num_params"),
    "create_collation": ("name",),
    "set_authorizer": (),
    "set_progress_handler": (),
    "set_trace_callback": (),
    "enable_load_extension": (),
    "load_extension": ("name",),
    "setlimit": ("category",),
    "setconfig": ("op",),
}
FOR_OTHERS = ("create_function", "create_aggregate", "create_window_function", "create_collation", "load_extension")
FACTORIES = ("row_factory", "text_factory")

Call = tuple[str, tuple[Any, ...], dict[str, Any]]


class Recording:
    """A mixin for connections that record the calls that register something on them, last call last."""

    _calls: dict[tuple[Any, ...], Call]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._calls = {}
        super().__init__(*args, **kwargs)

    def calls(self) -> tuple[Call, ...]:
        """The registrations that were not replaced, since the connection was opened or since `forget_calls`."""
        return tuple(self._calls.values())

    def forget_calls(self) -> None:
        """Forget the calls when the connection is set up, because its replacement is set up in the same way."""
        self._calls = {}


@cache
def recording(factory: type[Connection] = Connection) -> type[Connection]:
    """Return a subclass of `factory` whose connections record the registrations on them."""
    methods = {name: _recorded(getattr(factory, name), name) for name in REGISTERING if hasattr(factory, name)}
    return type(f"Recording{factory.__name__}", (Recording, factory), methods)


def _recorded(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    arguments = REGISTERING[name]

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        key = (name, *args[: len(arguments)], *(kwargs[one] for one in arguments if one in kwargs))
        self._calls.pop(key, None)
        self._calls[key] = (name, args, kwargs)
        return result

    return call


def scratch() -> Any:
    """A connection to a database in memory that records what is registered on it; threads may share it."""
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, factory=recording())


def register(calls: Iterable[Call], connection: Connection) -> None:
    """Register the functions, collations and extensions of `calls`, but no hook or limit, which could stop a run."""
    for method, args, kwargs in calls:
        if method in FOR_OTHERS:
            _call_again(connection, method, args, kwargs)


def _call_again(connection: Connection, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if method == "load_extension":  # an application disables loading after it has loaded its own
        with extensions_enabled(connection):
            connection.load_extension(*args, **kwargs)
    else:
        getattr(connection, method)(*args, **kwargs)


def can_load_extensions() -> bool:
    """False if Python was built without extensions: https://docs.python.org/3/library/sqlite3.html#f1"""
    return hasattr(sqlite3.Connection, "enable_load_extension")


@contextmanager
def extensions_enabled(connection: Connection) -> Iterator[None]:
    """Allow loading extensions within the block, if Python supports it."""
    if not hasattr(connection, "enable_load_extension"):
        yield
        return
    connection.enable_load_extension(True)
    try:
        yield
    finally:
        connection.enable_load_extension(False)


def carry_over(old: Connection, new: Connection) -> None:
    """Apply to `new` the settings that the application made on `old` since it was opened.

    If one of them fails, all others are made; then the first error is raised.
    """
    errors: list[sqlite3.Error] = []
    for step in _steps(old, new):
        try:
            step()
        except sqlite3.Error as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _steps(old: Connection, new: Connection) -> Iterator[Callable[[], None]]:
    for name in FACTORIES:
        yield partial(setattr, new, name, getattr(old, name))
    for pragma in PRAGMAS:  # before the calls: an authorizer or a limit may refuse pragmas
        yield partial(_carry_pragma, old, new, pragma)
    calls = old.calls() if isinstance(old, Recording) else ()
    # loading an extension disables loading again, so the call that enables it comes last
    for call in sorted(calls, key=lambda call: call[0] == "enable_load_extension"):
        yield partial(_call_again, new, *call)


def _carry_pragma(old: Connection, new: Connection, pragma: str) -> None:
    if (value := read_pragma(old, pragma)) != read_pragma(new, pragma):
        new.execute(f"PRAGMA {pragma}={WORDS.get((pragma, value), value)}").fetchall()


def read_pragma(connection: Connection, name: str) -> Any:
    """The value of a pragma; None if this SQLite does not have it."""
    cursor = connection.cursor()
    cursor.row_factory = None
    row = cursor.execute(f"PRAGMA {name}").fetchone()
    value = row[0] if row else None
    return value.decode() if isinstance(value, bytes) else value  # bytes if text_factory is bytes


def left_behind(connection: Connection) -> tuple[str, ...]:
    """Return the names of everything that cannot be carried over from a connection: its TEMP objects and attached
    databases."""
    cursor = connection.cursor()
    cursor.row_factory = None
    temporary = cursor.execute("SELECT type, name FROM temp.sqlite_schema WHERE sql IS NOT NULL").fetchall()
    attached = cursor.execute("SELECT name FROM pragma_database_list WHERE name NOT IN ('main', 'temp')").fetchall()
    return (
        *(f'TEMP {kind} "{name}"' for kind, name in temporary),
        *(f'the attached database "{name}"' for (name,) in attached),
    )


def set_query_only(connection: Connection, is_on: bool) -> None:
    """Let SQLite refuse every write of this connection, or allow them again.

    https://www.sqlite.org/pragma.html#pragma_query_only
    """
    connection.execute(f"PRAGMA query_only={int(is_on)}")
