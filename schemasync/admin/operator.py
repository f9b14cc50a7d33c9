"""The operator across a swap: accounts, the session and the log entry belong to the database that goes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.db import DatabaseError, connections, router
from django.http import HttpRequest

from .. import databases
from ..engines.sqlite.accounts import Account, AccountTable, account, accounts
from .place import Place

if TYPE_CHECKING:
    from ..models import SchemaVersion
    from .versions import SchemaVersionAdmin


@dataclass(frozen=True, slots=True)
class Accounts:
    """What a swap does to users. `returning` are in the older file only, `vanishing` in the live one only; `altered`
    have another password or are active in one of the two only. `stays`: the operator is signed in afterwards.
    `are_compared`: False where there are too many, or a file has no such table."""

    returning: tuple[str, ...]
    vanishing: tuple[str, ...]
    altered: tuple[str, ...]
    stays: bool
    are_compared: bool = True


def accounts_across(request: HttpRequest, place: Place, live: Path, archive: Path) -> Accounts | None:
    """Compare the users of two files; None where they are kept in another database."""
    if router.db_for_write(get_user_model()) != place.alias:
        return None
    stays = _is_same(request, _one(archive, request.user.pk))
    now, then = _all(live), _all(archive)
    if now is None or then is None:
        return Accounts((), (), (), stays, are_compared=False)
    both = now.keys() & then.keys()
    return Accounts(
        tuple(sorted(then[key].name for key in then.keys() - now.keys())),
        tuple(sorted(now[key].name for key in now.keys() - then.keys())),
        tuple(sorted(now[key].name for key in both if now[key] != then[key])),
        stays,
    )


def keep_signed_in(request: HttpRequest, place: Place) -> bool:
    """After the swap: carry the session over, where the same account is there; else end it. True where it goes on.

    The row of the session is in the file that was left, if it was in this database at all.
    """
    if router.db_for_write(get_user_model()) == place.alias and not _is_same(
        request, _one(place.layout.link.resolve(), request.user.pk)
    ):
        with suppress(DatabaseError):
            request.session.flush()
        return False
    try:
        request.session.save(must_create=True)
    except CreateError:  # it is there, or kept elsewhere
        with suppress(UpdateError):
            request.session.save()
    return True


def log(admin: SchemaVersionAdmin, request: HttpRequest, row: SchemaVersion, message: str) -> None:
    """A LogEntry in the database that is live now; a project whose tables for it are not there has the history."""
    with suppress(DatabaseError):
        admin.log_change(request, row, message)


def _is_same(request: HttpRequest, found: Account | None) -> bool:
    """The same account, active, with the same password."""
    user: Any = request.user
    if found is None or not found.is_active:
        return False
    return found.name == user.get_username() and found.password == (user.password or "")


def _one(path: Path, key: object) -> Account | None:
    with closing(databases.opener().read(path)) as connection:
        return account(connection, _table(), _stored(key))


def _all(path: Path) -> Mapping[Any, Account] | None:
    with closing(databases.opener().read(path)) as connection:
        return accounts(connection, _table())


def _table() -> AccountTable:
    """The table that has the name by which one signs in: with inheritance a parent's, whose keys are the same."""
    model: Any = get_user_model()
    name = model._meta.get_field(model.USERNAME_FIELD)
    meta = name.model._meta
    columns = {field.name: str(field.column) for field in meta.local_concrete_fields}
    return AccountTable(meta.db_table, meta.pk.column, name.column, columns.get("password"), columns.get("is_active"))


def _stored(key: object) -> object:
    """The key as SQLite has it: a UUID, for one, is text there."""
    model: Any = get_user_model()
    field: Any = model._meta.pk
    while field.remote_field is not None:  # the key of a child is that of its parent
        field = field.target_field
    return field.get_db_prep_value(key, connections[router.db_for_write(model)])
