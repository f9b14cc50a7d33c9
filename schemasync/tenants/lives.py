"""Suspend, activate, archive and delete a tenant.

To archive or delete a tenant, its row first gets a state in which nobody can enter it, then its folder is moved by one
rename, or removed. To activate one, the folder is moved first. If the process dies in between, the same call finishes
the work.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import QuerySet

from ..engines.sqlite.transactions import durable_commits
from ..errors import Busy, Code, Failed, Refused, UsageError
from ..files.disk import Disk, DiskStep
from ..sync.run.error_translation import translated_errors
from .context import UnknownTenant, entered
from .folders import folder_at
from .hosts import refuse_other_host
from .lookup import forget
from .models import State, Tenant
from .paths import archived_folder_of, folder_of
from .settings import tenant_settings

DELETABLE = (State.CREATING, State.ARCHIVED, State.DELETING)
"""The states in which a tenant may be deleted without its key as a confirmation: nothing is served from its file."""


def suspend_tenant(key: str) -> None:
    """Suspend a tenant: requests for it get a 503. Its file stays, and code can still enter it. Raises UnknownTenant
    unless it is active or suspended."""
    if not change_state(key, (State.ACTIVE, State.SUSPENDED), State.SUSPENDED):
        raise _not(key, "active")


def activate_tenant(key: str, *, disk: Disk | None = None) -> None:
    """Activate a suspended or archived tenant. Raises UnknownTenant for any other; OtherHost if the folder of an
    archived one is on another host; Busy in a transaction of the default database."""
    refuse_in_a_transaction()
    if change_state(key, (State.ACTIVE, State.SUSPENDED), State.ACTIVE):
        return
    _refuse_elsewhere(key)
    if not change_state(key, (State.ARCHIVED,), State.ARCHIVED):
        raise _not(key, "suspended or archived")
    old, new, disk = archived_folder_of(key), folder_of(key), disk or Disk()
    with translated_errors(new.parent):
        if _is_to_be_moved(old, new):
            disk.rename(DiskStep.TENANT_RETURN, old, new)
    change_state(key, (State.ARCHIVED,), State.ACTIVE)


def archive_tenant(key: str, *, disk: Disk | None = None) -> Path:
    """Archive a tenant: move its whole folder, and return the new path. Raises UnknownTenant unless the tenant is
    active, suspended or archived; OtherHost if it is on another host; Busy in a transaction of the default database.

    A request that is under way keeps the file open, and its writes are in the archived folder.
    """
    refuse_in_a_transaction()
    _refuse_elsewhere(key)
    if not change_state(key, (State.ACTIVE, State.SUSPENDED, State.ARCHIVED), State.ARCHIVED):
        raise _not(key, "active or suspended")
    _close(key)
    old, new, disk = folder_of(key), archived_folder_of(key), disk or Disk()
    with translated_errors(new.parent):
        if _is_to_be_moved(old, new):
            disk.make_folder(DiskStep.TENANT_FOLDER, new.parent, None)
            disk.rename(DiskStep.TENANT_ARCHIVE, old, new)
    return new


def delete_tenant(key: str, *, confirm: str, disk: Disk | None = None) -> None:
    """Delete a tenant with its file, its archives and its row. `confirm` must be its key. Raises UsageError if it is
    not; UnknownTenant; OtherHost if the tenant is on another host; Busy in a transaction of the default database."""
    if confirm != key:
        raise UsageError.of(
            Code.DECLINED,
            f'to delete the tenant "{key}", confirm it by its key',
            f'delete_tenant("{key}", confirm="{key}")',
        )
    _delete(key, (State.ACTIVE, State.SUSPENDED, *DELETABLE), "there", disk)


def delete_archived(key: str, *, disk: Disk | None = None) -> None:
    """Like delete_tenant(), but only for an archived tenant, or one whose creation or deletion was not finished. Raises
    UnknownTenant, without a change, for a tenant in use, which may have writers."""
    _delete(key, DELETABLE, "archived", disk)


def refuse_in_use(key: str) -> None:
    """Raise UnknownTenant unless delete_archived() would delete a tenant."""
    if not rows_of(key).filter(state__in=DELETABLE).exists():
        raise _not(key, "archived")


def _delete(key: str, states: tuple[State, ...], what: str, disk: Disk | None) -> None:
    refuse_in_a_transaction()
    _refuse_elsewhere(key)
    if not change_state(key, states, State.DELETING):
        raise _not(key, what)
    _close(key)
    disk = disk or Disk()
    for folder in (folder_of(key), archived_folder_of(key)):
        if tenant_in(folder, key) is not None:
            continue  # its files are those of another tenant
        with translated_errors(folder):
            disk.remove_folder(DiskStep.TENANT_REMOVE, folder)
        if folder.exists():
            message = (
                f"{folder} cannot be removed as a whole, and the tenant stays in the table as one that is being deleted"
            )
            raise Failed.of(Code.PERMISSION, message, "Remove it by hand, then delete the tenant again.")
    rows_of(key).delete()


def tenant_in(folder: Path, key: str) -> str | None:
    """Return the key of another tenant of this host whose folder is this one, or is in it, or has it in itself; None
    without one."""
    host = tenant_settings().host
    others = Tenant.objects.using(DEFAULT_DB_ALIAS).filter(host=host).exclude(pk=key).only("key", "folder")
    if folder == folder_at(key, ""):  # the default one: only a folder that was named can be the same
        others = others.exclude(folder="")
    this = Path(os.path.normpath(folder))
    for other in others:
        for that in (Path(os.path.normpath(one)) for one in (other.get_folder(), other.get_archived_folder())):
            if this == that or this in that.parents or that in this.parents:
                return str(other.key)
    return None


def _is_to_be_moved(old: Path, new: Path) -> bool:
    """Return False if a process that died has moved the folder. Raises Refused if both folders exist."""
    if not old.exists():
        return False
    if new.exists():
        raise Refused.of(Code.OUTPUT_EXISTS, f"both {old} and {new} are there", "Move one of them away.")
    return True


def rows_of(key: str) -> QuerySet[Tenant]:
    """Return a queryset of the row of a tenant, in the default database."""
    return Tenant.objects.using(DEFAULT_DB_ALIAS).filter(pk=key)


def _refuse_elsewhere(key: str) -> None:
    """Raise OtherHost if the folder of a tenant is on another host, where this process cannot move or remove it."""
    for host in rows_of(key).values_list("host", flat=True):
        refuse_other_host(key, host)


def _close(key: str) -> None:
    """Close this thread's connection to a tenant."""
    with entered(key):
        connections[tenant_settings().alias(key)].close()


def refuse_in_a_transaction() -> None:
    """Raise Busy in a transaction of the default database: its rollback would not undo changes of a folder."""
    try:
        with transaction.atomic(using=DEFAULT_DB_ALIAS, durable=True):  # Django accepts that of a TestCase
            pass
    except RuntimeError:
        raise Busy.of(
            Code.DATABASE_LOCKED,
            "a transaction is open on the default database, whose rollback would not put the folder of the tenant back",
            "Call it outside of transaction.atomic() and ATOMIC_REQUESTS, or when that is committed: "
            "transaction.on_commit(…)",
        ) from None


@contextmanager
def durable_rows() -> Iterator[None]:
    """Make the commits of the block durable, so that the row of a tenant is on the disk before its folder is changed.

    The backend does not sync each commit: after a power loss the folder could exist without its row.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    with durable_commits(connection.connection):
        yield


def change_state(key: str, old: tuple[State, ...], new: State, *, at: str | None = None, **values: str) -> bool:
    """Write the state of a tenant, and `values` for other fields, if it has one of the states `old`, and is on the host
    `at` if that is given. Return False otherwise."""
    rows = rows_of(key) if at is None else rows_of(key).filter(host=at)
    with durable_rows():
        changed = rows.filter(state__in=old).update(state=new, **values)
    forget(key)
    return bool(changed)


def _not(key: str, what: str) -> UnknownTenant:
    found = rows_of(key).values_list("state", flat=True).first()
    message = f'there is no tenant "{key}"' if found is None else f'the tenant "{key}" is {found}, not {what}'
    match what, found:
        case "archived", State.ACTIVE | State.SUSPENDED:
            hint = f"To take it out of use, with its file: manage.py schemasync tenants archive {key}"
        case "active", State.ARCHIVED:
            hint = f"To take it into use again: manage.py schemasync tenants activate {key}"
        case _:
            hint = ""
    return UnknownTenant.of(Code.UNKNOWN_TENANT, message, hint, tenant=key)
