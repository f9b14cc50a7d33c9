"""Worker processes with Django, of two threads each. A transaction is enclosed by the calls around a request."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import close_old_connections, connections, transaction
from django.db.utils import OperationalError

from .writers import (
    SUPERSEDED,
    MakePlan,
    NotDone,
    Plan,
    Reads,
    Seen,
    Writer,
    carry_out,
    carry_out_alone,
    look_alone,
    look_within,
    mixed,
    pairs,
)

ALIAS = "ledger"


@dataclass(frozen=True)
class Backend:
    """An engine, and the CONN_MAX_AGE of its connections: None is for ever, 0 is one request."""

    engine: str
    max_age: int | None

    def settings(self, link: Path) -> dict[str, Any]:
        """Return the settings for DATABASES. Django's own engine gets the options that ours sets by itself."""
        options = {} if self is OURS else {"transaction_mode": "IMMEDIATE", "timeout": 20}
        return {"ENGINE": self.engine, "NAME": str(link), "CONN_MAX_AGE": self.max_age, "OPTIONS": options}


OURS = Backend("schemasync.backends.sqlite3", None)
DJANGO_S_KEPT = Backend("django.db.backends.sqlite3", None)
DJANGO_S_NEW = Backend("django.db.backends.sqlite3", 0)


def reconnect_if_superseded(connection: Any, error: OperationalError) -> None:
    """Close a superseded connection, as a site with Django's own engine must do itself if it keeps connections.

    At the end of a request Django checks whether a connection that had an error is usable. SQLite's always is, so
    Django keeps it, and each write fails: `test_django_s_own_backend_does_not_let_go_of_a_stale_connection`
    """
    if SUPERSEDED in str(error):
        connection.close()


class Workers:
    """Processes that run transactions in `atomic`, or single statements in autocommit mode."""

    threads = 2

    def __init__(self, backend: Backend = OURS, make_plan: MakePlan | None = None, *, atomic: bool = True) -> None:
        self.backend, self.atomic = backend, atomic
        self.make_plan = make_plan or (mixed if atomic else pairs)
        self.never_fails = backend is OURS
        self.reads = Reads.IN_ORDER if backend is DJANGO_S_KEPT else Reads.AT_ONCE
        if not settings.configured:  # outside of pytest
            settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
            django.setup()

    def start(self, link: Path, folder: Path) -> None:
        self.link = link

    def stop(self) -> None: ...

    def kill_a_process(self) -> None: ...

    def enter(self) -> None:
        self.numbers = count()
        connections.settings[ALIAS] = {**connections.settings["default"], **self.backend.settings(self.link)}

    def writer(self) -> Writer:
        return _Thread(self.backend, self.atomic, next(self.numbers) % self.threads)


class _Thread:
    """A thread of a worker, with the connection that Django gives it. The first thread reads by single statements, the
    other in transactions: they follow a swap in two ways, and neither may be behind the other."""

    def __init__(self, backend: Backend, atomic: bool, number: int) -> None:
        self.backend, self.atomic, self.number = backend, atomic, number

    def do(self, plan: Plan) -> None:
        close_old_connections()
        try:
            if self.atomic:
                with transaction.atomic(using=ALIAS):
                    carry_out(execute_on(ALIAS), plan)
            else:
                carry_out_alone(execute_on(ALIAS), plan)
        except OperationalError as error:
            if self.backend is OURS or SUPERSEDED not in str(error):
                raise
            reconnect_if_superseded(connections[ALIAS], error)
            raise NotDone("superseded") from error
        finally:
            close_old_connections()

    def look(self) -> Seen:
        close_old_connections()
        if self.number == 0:
            seen = look_alone(execute_on(ALIAS))
        else:
            with transaction.atomic(using=ALIAS):
                seen = look_within(execute_on(ALIAS))
        close_old_connections()
        return seen

    def close(self) -> None:
        with suppress(KeyError):
            connections[ALIAS].close()


def execute_on(alias: str) -> Any:
    """Return a function that executes the ledger's SQL on a connection of Django."""

    def execute(sql: str, values: Sequence[object]) -> Any:
        cursor = connections[alias].cursor()
        cursor.execute(sql.replace("?", "%s"), values)
        return cursor

    return execute
