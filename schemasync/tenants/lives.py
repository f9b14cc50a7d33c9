"""A tenant's life: created from the template, suspended, archived, put back, deleted.

The row says first what is going to happen, then the folder moves by one rename, then the row says that it is done: a
process that dies in between leaves a tenant that nobody can enter, and the same call finishes it.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, transaction
from django.db.models import QuerySet
from django.utils.asyncio import async_unsafe

from .. import conf, databases
from ..engines.sqlite.connection import Opener
from ..engines.sqlite.copies import exact_copy
from ..errors import Busy, Code, Failed, Refused, UsageError
from ..files.disk import Disk, DiskStep
from ..files.layout import Layout
from ..files.scratch import remove_dead, work_folder
from ..history.row import HistoryRow
from ..orm.models_fingerprint import beside
from ..orm.transforms import stamp
from ..sync import up_to_date
from ..sync.place import place
from ..sync.run.error_translation import translated_errors
from ..sync.run.target import target
from .context import UnknownTenant, entered, outside
from .folders import FILE
from .lookup import forget
from .models import KEY, State, Tenant
from .paths import archived_folder_of, folder_of, path_of
from .settings import tenant_settings


@async_unsafe("You cannot create a tenant from an async context - use a thread or sync_to_async.")
def create_tenant(key: str, name: str = "", *, disk: Disk | None = None) -> Tenant:
    """Create a tenant with a copy of the template: all or nothing. Raises Refused if it exists already, if its folder
    does, or if the template is not current."""
    disk = disk or Disk()
    if not re.fullmatch(KEY, key):
        raise UsageError.of(
            Code.BAD_TENANT_KEY,
            f"{key!r} is no key of a tenant",
            "Use 1 to 63 of the characters a-z, 0-9 and -, with no - at either end: it is a label of a host name, too.",
        )
    _not_in_a_transaction()
    template, row = _template()
    is_new = _claim(key, name)
    try:
        if path_of(key).exists():
            remove_dead(folder_of(key).parent, _work(key))  # of the process that has placed it
        else:
            refuse_folder(key, folder_of(key))
            _place(key, template, disk)
    except BaseException:
        if is_new and not folder_of(key).exists():
            _rows(key).filter(state=State.CREATING).delete()
        raise
    if not _moved(key, (State.CREATING,), State.ACTIVE, version=row.version):
        raise _exists(key)
    return _rows(key).get()


def suspend_tenant(key: str) -> None:
    """Let requests for a tenant be refused with 503. Its file stays, and code can still enter it. Raises
    UnknownTenant."""
    if not _moved(key, (State.ACTIVE, State.SUSPENDED), State.SUSPENDED):
        raise _not(key, "active")


def activate_tenant(key: str, *, disk: Disk | None = None) -> None:
    """Take back a suspension, or put an archived tenant back. Raises UnknownTenant."""
    _not_in_a_transaction()
    if _moved(key, (State.ACTIVE, State.SUSPENDED), State.ACTIVE):
        return
    if not _moved(key, (State.ARCHIVED,), State.ARCHIVED):
        raise _not(key, "suspended or archived")
    old, new, disk = archived_folder_of(key), folder_of(key), disk or Disk()
    with translated_errors(new.parent):
        if _is_to_be_moved(old, new):
            disk.rename(DiskStep.TENANT_RETURN, old, new)
    _moved(key, (State.ARCHIVED,), State.ACTIVE)


def archive_tenant(key: str, *, disk: Disk | None = None) -> Path:
    """Put the folder of a tenant out of the way, whole; returns where it is. Raises UnknownTenant.

    A request that is under way keeps its open file, and what it writes is in the archived one.
    """
    _not_in_a_transaction()
    if not _moved(key, (State.ACTIVE, State.SUSPENDED, State.ARCHIVED), State.ARCHIVED):
        raise _not(key, "active or suspended")
    _close(key)
    old, new, disk = folder_of(key), archived_folder_of(key), disk or Disk()
    with translated_errors(new.parent):
        if _is_to_be_moved(old, new):
            disk.make_folder(DiskStep.TENANT_FOLDER, new.parent, None)
            disk.rename(DiskStep.TENANT_ARCHIVE, old, new)
    return new


def delete_tenant(key: str, *, confirm: str, disk: Disk | None = None) -> None:
    """Delete a tenant with its file, its archives and its row. `confirm` is its key once more. Raises UnknownTenant."""
    if confirm != key:
        raise UsageError.of(
            Code.DECLINED,
            f'to delete the tenant "{key}", confirm it by its key',
            f'delete_tenant("{key}", confirm="{key}")',
        )
    _not_in_a_transaction()
    everything = (State.CREATING, State.ACTIVE, State.SUSPENDED, State.ARCHIVED, State.DELETING)
    if not _moved(key, everything, State.DELETING):
        raise _not(key, "there")
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
    _rows(key).delete()


def _template() -> tuple[Path, HistoryRow]:
    """The live file of the template, and its newest history row. Raises Refused if it is not current."""
    entry = tenant_settings().entry
    with outside():
        layout = Layout(databases.path_of(entry))
        schema = conf.schema_path(entry)
        data = schema.read_bytes() + stamp(entry) if schema.is_file() else b""
        row = up_to_date.current(layout, Opener(), data, beside())
    live = layout.live()
    if row is None or live is None:
        command = "migrate" if conf.is_enabled() else "schemasync"
        raise Refused.of(
            Code.NOT_CURRENT,
            f"the template {layout.link} is not current, and new tenants are copies of it",
            f"manage.py {command} --database {entry}",
        )
    return live.path, row


def _claim(key: str, name: str) -> bool:
    """Write the row of a tenant that is about to be created; False if a dead process has. Raises Refused."""
    if not _rows(key).exists():
        refuse_folder(key, folder_of(key))
        try:
            with transaction.atomic(using=DEFAULT_DB_ALIAS):
                Tenant.objects.using(DEFAULT_DB_ALIAS).create(key=key, name=name, state=State.CREATING)
            return True
        except IntegrityError:
            pass  # another process creates it at the same moment: one of both is told so in the end
    if not _rows(key).filter(state=State.CREATING).exists():
        raise _exists(key)
    return False


def refuse_folder(key: str, path: Path) -> None:
    """Raise Refused if something is where the folder of a new tenant will be."""
    if path.exists():
        raise Refused.of(
            Code.OUTPUT_EXISTS,
            f'{path} is there, and does not belong to a tenant "{key}"',
            "Move it away, or remove it, then create the tenant again.",
        )


def _place(key: str, template: Path, disk: Disk) -> None:
    """Make the folder of a tenant, with a copy of the template that is durable before it has its name."""
    parent = folder_of(key).parent
    with translated_errors(parent):
        disk.make_folder(DiskStep.TENANT_FOLDER, parent, None)
        with work_folder(parent, _work(key)) as work:
            made = work / "made"
            disk.make_folder(DiskStep.TENANT_FOLDER, made, None)
            place(target(made / FILE, disk=disk), partial(exact_copy, Opener(), template))
            try:
                disk.rename(DiskStep.TENANT_PLACE, made, folder_of(key))
            except OSError:
                if not path_of(key).exists():  # else another process was faster
                    raise


def _work(key: str) -> str:
    """The begin of the names of folders for the work on a new tenant. No key has a dot."""
    return f".{key}."


def _is_to_be_moved(old: Path, new: Path) -> bool:
    """False if a process that died has moved the folder. Raises Refused if something else is in its place."""
    if not old.exists():
        return False
    if new.exists():
        raise Refused.of(Code.OUTPUT_EXISTS, f"both {old} and {new} are there", "Move one of them away.")
    return True


def _rows(key: str) -> QuerySet[Tenant]:
    return Tenant.objects.using(DEFAULT_DB_ALIAS).filter(pk=key)


def _close(key: str) -> None:
    """Close this thread's connection to a tenant."""
    with entered(key):
        connections[tenant_settings().alias(key)].close()


def _not_in_a_transaction() -> None:
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


def _moved(key: str, old: tuple[State, ...], new: State, **values: str) -> bool:
    """Write the state of a tenant, if it has one of the old ones; False otherwise."""
    changed = _rows(key).filter(state__in=old).update(state=new, **values)
    forget(key)
    return bool(changed)


def _exists(key: str) -> Refused:
    return Refused.of(Code.TENANT_EXISTS, f'the tenant "{key}" exists already', "Choose another key.", tenant=key)


def _not(key: str, what: str) -> UnknownTenant:
    found = _rows(key).values_list("state", flat=True).first()
    message = f'there is no tenant "{key}"' if found is None else f'the tenant "{key}" is {found}, not {what}'
    return UnknownTenant.of(Code.UNKNOWN_TENANT, message, "", tenant=key)
