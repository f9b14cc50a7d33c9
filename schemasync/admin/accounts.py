"""Compares the accounts of two database files of one project: finds accounts that return, vanish, or gain rights."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, PermissionsMixin
from django.db import connections, models, router
from django.http import HttpRequest

from .. import databases
from ..engines.sqlite.account_rights import Grants, Link, Rights, rights
from ..engines.sqlite.accounts import Account, AccountTable, account, accounts
from .selected_database import SelectedDatabase

UNDOING = frozenset({"schemasync.view_schemaversion", "schemasync.rollback_schemaversion"})
REQUIRED = ("is_superuser", "is_staff")  # flags that Django itself checks


@dataclass(frozen=True, slots=True)
class Change:
    """An account whose rights differ in the two files: the rights that it gains and loses, as text."""

    name: str
    gains: tuple[str, ...]
    loses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accounts:
    """The effect of a rollback on users. `returning` are only in the older file, `vanishing` only in the live one;
    `altered` have another name or password, or are active in only one of the two; `changed` have other rights.

    `stays`: the operator is signed in afterwards. `may_roll_back`: False for an operator whose own rights would grow.
    `are_compared`: False if there are too many, or a file has no such table. `can_undo`: accounts that could undo the
    rollback in the browser; None if unknown.
    """

    returning: tuple[str, ...]
    vanishing: tuple[str, ...]
    altered: tuple[str, ...]
    changed: tuple[Change, ...]
    stays: bool
    may_roll_back: bool
    are_compared: bool = True
    can_undo: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class People:
    """The users of one file and their rights, by key; `rights` is None if the file does not have them."""

    accounts: Mapping[Any, Account]
    rights: Mapping[Any, Rights] | None

    def rights_of(self, key: Any) -> Rights | None:
        return None if self.rights is None else self.rights.get(key, frozenset())


def are_here(selected: SelectedDatabase) -> bool:
    """True if the project keeps its users in this database."""
    return selected.has(get_user_model())


def compared(request: HttpRequest, selected: SelectedDatabase, live: Path, archive: Path) -> Accounts | None:
    """Compare the users of two files; return None if users are in another database. The operator is never a tenant's
    user."""
    if not are_here(selected):
        return None
    grows = not selected.tenant and _grows(request, live, archive)
    stays = bool(selected.tenant) or is_same(request, live, archive)
    may_roll_back = not grows or bool(getattr(request.user, "is_superuser", False))
    now, then = everyone(live), everyone(archive)
    if now is None or then is None:
        return Accounts((), (), (), (), stays, may_roll_back, are_compared=False)
    both = now.accounts.keys() & then.accounts.keys()
    return Accounts(
        tuple(sorted(then.accounts[key].name for key in then.accounts.keys() - both)),
        tuple(sorted(now.accounts[key].name for key in now.accounts.keys() - both)),
        tuple(sorted(now.accounts[key].name for key in both if now.accounts[key] != then.accounts[key])),
        tuple(sorted(_changes(now, then), key=lambda change: change.name)),
        stays,
        may_roll_back,
        are_compared=now.rights is not None and then.rights is not None,
        can_undo=_can_undo(now, then),
    )


def _changes(now: People, then: People) -> list[Change]:
    found = []
    for key, one in then.accounts.items():
        before = now.rights_of(key) if key in now.accounts else frozenset()
        after = then.rights_of(key)
        if before is not None and after is not None and before != after:
            found.append(Change(one.name, tuple(sorted(after - before)), tuple(sorted(before - after))))
    return found


def _can_undo(now: People, then: People) -> tuple[str, ...] | None:
    """Return the accounts of the archive that may sign in to the admin there and roll back to the present live file:
    superusers, and accounts with the permissions and no further rights in the live file. None if unknown."""
    if now.rights is None or then.rights is None:
        return None
    found = []
    for key, one in then.accounts.items():
        there, here = then.rights.get(key, frozenset()), now.rights.get(key, frozenset())
        may = "is_superuser" in there or (there >= UNDOING and there >= here)
        if one.is_active and may and ("is_staff" in there or "is_staff" not in _grants().flags):
            found.append(one.name)
    return tuple(sorted(found))


def to_sign_out(left: Path, live: Path) -> frozenset[str] | None:
    """Return the keys, as text, of the accounts of the live file that must sign in again: in the file that was live
    before, they were missing or different, or had fewer rights. None if unknown: then all must sign in again."""
    now, then = everyone(left), everyone(live)
    if now is None or then is None or now.rights is None or then.rights is None:
        return None
    return frozenset(
        str(key)
        for key, one in then.accounts.items()
        if now.accounts.get(key) != one or (then.rights.get(key, frozenset()) - now.rights.get(key, frozenset()))
    )


def is_same(request: HttpRequest, left: Path, live: Path) -> bool:
    """True if the operator's account is the same in the live file: active, with the same password, and with no right
    that it did not have in the file that was live before."""
    user: Any = request.user
    found = _one(live, user.pk)
    if found is None or not found.is_active:
        return False
    if found.name != user.get_username() or found.password != (user.password or ""):
        return False
    return not _grows(request, left, live)


def _grows(request: HttpRequest, left: Path, live: Path) -> bool:
    """True if the operator would gain rights, or if that is unknown."""
    key = stored(request.user.pk)
    before, after = (_rights(path, key) for path in (left, live))
    if before is None or after is None:
        return True
    return bool(after.get(key, frozenset()) - before.get(key, frozenset()))


def everyone(path: Path) -> People | None:
    """Return the users of a file; None if there are too many, or the table is missing."""
    with closing(databases.opener(router.db_for_read(get_user_model())).read(path)) as connection:
        found = accounts(connection, _table())
        return None if found is None else People(found, rights(connection, _grants()))


def _one(path: Path, key: object) -> Account | None:
    with closing(databases.opener(router.db_for_read(get_user_model())).read(path)) as connection:
        return account(connection, _table(), stored(key))


def _rights(path: Path, key: object) -> Mapping[Any, Rights] | None:
    with closing(databases.opener(router.db_for_read(get_user_model())).read(path)) as connection:
        return rights(connection, _grants(), key)


def _meta() -> Any:
    """Return the `_meta` of the model whose table has USERNAME_FIELD: with multi-table inheritance a parent, whose keys
    are the same."""
    model: Any = get_user_model()
    return model._meta.get_field(model.USERNAME_FIELD).model._meta


def _table() -> AccountTable:
    model: Any = get_user_model()
    meta = _meta()
    name = meta.get_field(model.USERNAME_FIELD)
    columns = {field.name: str(field.column) for field in meta.local_concrete_fields}
    return AccountTable(meta.db_table, meta.pk.column, name.column, columns.get("password"), columns.get("is_active"))


def _grants() -> Grants:
    model: Any = get_user_model()
    meta = _meta()
    flags = [
        str(field.column)
        for field in meta.local_concrete_fields
        if isinstance(field, models.BooleanField) and field.name != "is_active"
    ]
    required = tuple(flag for flag in flags if flag in REQUIRED)
    if not issubclass(model, PermissionsMixin):
        return Grants(meta.db_table, meta.pk.column, tuple(flags), required)
    return Grants(
        meta.db_table,
        meta.pk.column,
        tuple(flags),
        required,
        _link(model._meta.get_field("user_permissions")),
        _link(model._meta.get_field("groups")),
        _link(Group._meta.get_field("permissions")),
    )


def _link(field: Any) -> Link:
    return Link(field.m2m_db_table(), field.m2m_column_name(), field.m2m_reverse_name())


def stored(key: object) -> object:
    """Return the key as SQLite stores it: a UUID, for example, as text."""
    model: Any = get_user_model()
    field: Any = model._meta.pk
    while field.remote_field is not None:  # with inheritance the key refers to the parent's
        field = field.target_field
    return field.get_db_prep_value(key, connections[router.db_for_write(model)])
