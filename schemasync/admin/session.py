"""Carries sessions across a rollback: sessions and the log entry belong to the database that is live afterwards."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import cached_db, db
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.db import DatabaseError
from django.http import HttpRequest

from . import accounts
from .pages import Pages
from .selected_database import SelectedDatabase

MOST_READ = 20_000  # sessions: about a second to decode
BATCH = 500  # keys in one statement: SQLite 3.31 allowed 999 parameters


def keep_signed_in(request: HttpRequest, selected: SelectedDatabase, left: Path) -> bool:
    """After a swap, end the sessions of accounts that differ from the file `left`, and copy the operator's session if
    it may continue. Return True if it does.

    The row of the session is in the file that was live before, if sessions are in this database at all.
    """
    if accounts.are_here(selected):
        live = selected.layout.link.resolve()
        stays = bool(selected.tenant) or accounts.is_same(request, left, live)
        with selected.inside():
            end_sessions(selected, accounts.to_sign_out(left, live))
        if not stays:
            with suppress(DatabaseError):
                request.session.flush()
            return False
    try:
        request.session.save(must_create=True)
    except CreateError:  # the session exists, or is stored elsewhere
        with suppress(UpdateError):
            request.session.save()
    return True


def model_in(selected: SelectedDatabase) -> Any:
    """Return the model of the sessions if they are stored in this database, otherwise None."""
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    model = store.get_model_class() if issubclass(store, db.SessionStore) else None
    return model if model is not None and selected.has(model) else None


def end_sessions(selected: SelectedDatabase, keys: frozenset[str] | None) -> None:
    """End the sessions of these accounts that the rollback restored; None: of all accounts.

    Only the content of a session names its account, so each one is decoded; if there are more than MOST_READ, all are
    ended. Sessions that are stored elsewhere cannot be listed, and continue.
    """
    model = model_in(selected)
    if model is None or keys == frozenset():
        return
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    with suppress(DatabaseError):  # a file without this table has no sessions
        rows = model.objects.using(selected.alias)
        if keys is None or rows.count() > MOST_READ:
            ended = list(rows.values_list("session_key", flat=True))
        else:
            ended = [row.session_key for row in rows.iterator() if str(row.get_decoded().get(SESSION_KEY)) in keys]
        if issubclass(store, cached_db.SessionStore):
            for key in ended:
                store(key).delete()
        for start in range(0, len(ended), BATCH):
            rows.filter(session_key__in=ended[start : start + BATCH]).delete()


def log(admin: Pages, request: HttpRequest, row: Any, message: str) -> None:
    """Write a LogEntry to the database that is live now; without its tables, only the history records the action."""
    with suppress(DatabaseError):
        admin.log_change(request, row, message)
