"""A tenant's life once it is created: suspended, archived, put back, deleted.

The row says first what is going to happen, then the folder moves by one rename, then the row says that it is done: a
process that dies in between leaves a tenant that nobody can enter, and the same call finishes it.
"""

from __future__ import annotations

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
from .hosts import refuse_other_host
from .lookup import forget
from .models import State, Tenant
from .paths import archived_folder_of, folder_of
from .settings import tenant_settings

DELETABLE = (State.CREATING, State.ARCHIVED, State.DELETING)
"""The states of a tenant that a person may delete: nothing is served from its file."""


def suspend_tenant(key: str) -> None:
    """Let requests for a tenant be refused with 503. Its file stays, and code can still enter it. Raises
    UnknownTenant."""
    if not change_state(key, (State.ACTIVE, State.SUSPENDED), State.SUSPENDED):
        raise _not(key, "active")


def activate_tenant(key: str, *, disk: Disk | None = None) -> None:
    """Take back a suspension, or put an archived tenant back. Raises UnknownTenant; OtherHost if its folder is
    elsewhere."""
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
    """Put the folder of a tenant out of the way, whole; returns where it is. Raises UnknownTenant; OtherHost if
    it is on another host.

    A request that is under way keeps its open file, and what it writes is in the archived one.
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
    """Delete a tenant with its file, its archives and its row. `confirm` is its key once more. Raises UnknownTenant;
    OtherHost if they are on another host."""
    if confirm != key:
        raise UsageError.of(
            Code.DECLINED,
            f'to delete the tenant "{key}", confirm it by its key',
            f'delete_tenant("{key}", confirm="{key}")',
        )
    _delete(key, (State.ACTIVE, State.SUSPENDED, *DELETABLE), "there", disk)


def delete_archived(key: str, *, disk: Disk | None = None) -> None:
    """The same for an archived tenant, or one whose creation or deletion was not finished. Raises UnknownTenant, with
    nothing changed, for one in use, which may have writers."""
    _delete(key, DELETABLE, "archived", disk)


def refuse_in_use(key: str) -> None:
    """Raise UnknownTenant unless `delete_archived` would delete a tenant."""
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
        with translated_errors(folder):
            disk.remove_folder(DiskStep.TENANT_REMOVE, folder)
        if folder.exists():
            message = (
                f"{folder} cannot be removed as a whole, and the tenant stays in the table as one that is being deleted"
            )
            raise Failed.of(Code.PERMISSION, message, "Remove it by hand, then delete the tenant again.")
    rows_of(key).delete()


def _is_to_be_moved(old: Path, new: Path) -> bool:
    """False if a process that died has moved the folder. Raises Refused if something else is in its place."""
    if not old.exists():
        return False
    if new.exists():
        raise Refused.of(Code.OUTPUT_EXISTS, f"both {old} and {new} are there", "Move one of them away.")
    return True


def rows_of(key: str) -> QuerySet[Tenant]:
    """The row of a tenant, if there is one."""
    return Tenant.objects.using(DEFAULT_DB_ALIAS).filter(pk=key)


def _refuse_elsewhere(key: str) -> None:
    """Raise OtherHost if the folder of a tenant is on another host: the row would say what is not done there."""
    for host in rows_of(key).values_list("host", flat=True):
        refuse_other_host(key, host)


def _close(key: str) -> None:
    """Close this thread's connection to a tenant."""
    with entered(key):
        connections[tenant_settings().alias(key)].close()


def refuse_in_a_transaction() -> None:
    """Raise Busy in a transaction of the default database: what it writes could be taken back, and the folder not."""
    try:
        with transaction.atomic(using=DEFAULT_DB_ALIAS, durable=True):  # the tests of Django's TestCase may have one
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
    """Make durable what the block writes to the table of tenants, before anything is done to a folder.

    The backend does not sync each commit: after a power loss the folder could be there without its row.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    with durable_commits(connection.connection):
        yield


def change_state(key: str, old: tuple[State, ...], new: State, *, at: str | None = None, **values: str) -> bool:
    """Write the state of a tenant, if it has one of the old ones, and is on the host `at` if that is given; False
    otherwise."""
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
