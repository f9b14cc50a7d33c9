"""Create a tenant from the template.

First the row gets the state `creating`, then the folder gets its name by one rename, then the row gets the state
`active`. If the process dies in between, nobody can enter the tenant, and the same call finishes the creation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, IntegrityError, transaction
from django.utils.asyncio import async_unsafe

from .. import conf, databases
from ..engines.sqlite.connection import Opener
from ..engines.sqlite.copies import live_copy
from ..errors import Code, Refused, UsageError
from ..files.disk import Disk, DiskStep, sync_file, sync_folder
from ..files.layout import Layout
from ..files.scratch import new_folder, remove_dead, work_folder
from ..sync import history
from ..sync.run.error_translation import translated_errors
from .context import OtherHost, outside
from .folders import FILE
from .hosts import chosen_host
from .lives import change_state, durable_rows, refuse_in_a_transaction, rows_of, tenant_in
from .models import KEY, State, Tenant, validate_labels
from .settings import tenant_settings
from .wanted import wanted


@async_unsafe("You cannot create a tenant from an async context - use a thread or sync_to_async.")
def create_tenant(
    key: str,
    name: str = "",
    *,
    host: str = "",
    folder: str = "",
    labels: Mapping[str, str] | None = None,
    group: str = "",
    pinned: bool = False,
    disk: Disk | None = None,
) -> Tenant:
    """Create a tenant with a copy of the template: all or nothing. The other arguments are fields of its row.

    In a project with several hosts, a host with all `labels` is chosen unless `host` names one. Raises OtherHost if
    that is not this host; Refused if the tenant or its folder exists already, if no host has the labels, or if the
    template is not current; UsageError for an invalid key, labels or host; Busy in a transaction of the default
    database."""
    disk = disk or Disk()
    if not re.fullmatch(KEY, key):
        raise UsageError.of(
            Code.BAD_TENANT_KEY,
            f"{key!r} is no key of a tenant",
            "Use 1 to 63 of the characters a-z, 0-9 and -, with no - at either end: it is a label of a host name, too.",
        )
    refuse_in_a_transaction()
    asked = Tenant(key=key, name=name, folder=folder, labels=dict(labels or {}), group=group, pinned=pinned)
    begun = _begun(asked)
    _refuse_elsewhere(begun or asked, begun.host if begun else _host(asked, host))
    template = _template()
    made, is_new = (begun, False) if begun else _claimed(asked)
    try:
        if _is_placed(made):
            remove_dead(made.get_folder().parent, _work(key))  # the work folder of the process that has placed it
            version = _placed_version(made)
        else:
            version = _place(made, template, disk)
    except BaseException:
        if is_new and not made.get_folder().exists():
            rows_of(key).filter(state=State.CREATING).delete()
        raise
    made.state, made.version = State.ACTIVE, version
    if not change_state(key, (State.CREATING,), State.ACTIVE, version=version):
        raise _exists(key)
    return made


def _template() -> Path:
    """Return the live file of the template. Raises Refused if it is not current."""
    entry = tenant_settings().entry
    with outside():
        layout = Layout(databases.path_of(entry))
        row = wanted().current(layout) if conf.schema_path(entry).is_file() else None
    live = layout.live()
    if row is None or live is None:
        command = "migrate" if conf.is_enabled() else "schemasync"
        raise Refused.of(
            Code.NOT_CURRENT,
            f"the template {layout.link} is not current, and new tenants are copies of it",
            f"manage.py {command} --database {entry}",
        )
    return live.path


def _begun(asked: Tenant) -> Tenant | None:
    """Return the row of a tenant whose creation was not finished; None without a row. Raises Refused if the tenant
    exists, or its folder without a row."""
    is_there = asked.get_folder().exists()  # checked before the row, as creation writes the row first
    found = rows_of(asked.key).first()
    if found is None and is_there:
        refuse_folder(asked.key, asked.get_folder())
    if found is not None and found.state != State.CREATING:
        raise _exists(asked.key)
    return found


def _host(asked: Tenant, host: str) -> str:
    """Return the host of a new tenant. Raises UsageError for invalid labels or an unknown host."""
    try:
        validate_labels(asked.labels)
    except ValidationError as error:
        raise UsageError.of(Code.BAD_OPTION, f"the labels are {asked.labels!r}", error.messages[0]) from error
    return chosen_host(asked.key, host, asked.labels)


def _refuse_elsewhere(made: Tenant, host: str) -> None:
    """Set the host of a new tenant. Raise OtherHost if it is not this one."""
    if not (settings := tenant_settings()).is_here(host):
        raise OtherHost.of(
            Code.OTHER_HOST,
            f'the host of the tenant "{made.key}" is "{host}", and this is "{settings.host}"',
            f'On "{host}": manage.py schemasync tenants create {made.key} --host {host}',
            tenant=made.key,
            host=host,
        )
    made.host = host


def _claimed(asked: Tenant) -> tuple[Tenant, bool]:
    """Write the row of a tenant that is about to be created, and return it with True. Return the row with False if
    another process wrote it at the same moment: one of the two fails in the end."""
    asked.state = State.CREATING
    try:
        with durable_rows(), transaction.atomic(using=DEFAULT_DB_ALIAS):
            if (other := tenant_in(asked.get_folder(), asked.key)) is not None:
                raise Refused.of(
                    Code.OUTPUT_EXISTS,
                    f'{asked.get_folder()} is the folder of the tenant "{other}", or one of the two is in the other',
                    "Name another folder.",
                    tenant=other,
                )
            asked.save(using=DEFAULT_DB_ALIAS, force_insert=True)
    except IntegrityError as error:
        if (found := _begun(asked)) is None:
            raise _exists(asked.key) from error
        _refuse_elsewhere(found, found.host)
        return found, False
    return asked, True


def _is_placed(made: Tenant) -> bool:
    """True if the folder of a tenant exists with its database: it gets its name when it is complete. Raises Refused if
    something else is in its place."""
    if not made.get_folder().exists():
        return False
    if not made.get_path().exists():
        refuse_folder(made.key, made.get_folder())
    return True


def refuse_folder(key: str, path: Path) -> None:
    """Raise Refused if the path for the folder of a new tenant exists."""
    if path.exists():
        raise Refused.of(
            Code.OUTPUT_EXISTS,
            f'{path} is there, and does not belong to a tenant "{key}"',
            "Move it away, or remove it, then create the tenant again.",
        )


def _placed_version(made: Tenant) -> str:
    """Return the version of the database in the folder of a tenant, which another process may have placed."""
    newest = history.live(Layout(made.get_path()), Opener())
    return "" if newest is None else newest.version


def _place(made: Tenant, template: Path, disk: Disk) -> str:
    """Create the folder of a tenant with a copy of the template, which is durable before the folder gets its name.
    Return the version of the database in it."""
    folder = made.get_folder()
    with translated_errors(folder.parent):
        disk.make_folder(DiskStep.TENANT_FOLDER, folder.parent, None)
        with work_folder(folder.parent, _work(made.key)) as work:
            new_folder(work / "made")
            version = _copy(template, Layout(work / "made" / FILE), disk)
            try:
                disk.rename(DiskStep.TENANT_PLACE, work / "made", folder)
            except OSError:
                if not made.get_path().exists():
                    raise
                version = _placed_version(made)  # another process was faster
    return version


def _copy(template: Path, layout: Layout, disk: Disk) -> str:
    """Create the database in a folder that does not have its name yet, durably: a copy of the template as a generation
    of the same name, and its link. Return its version. Raises Refused if the history of the copy ends with another
    generation."""
    new_folder(layout.folder)
    generation = layout.generation(template.stem)
    assert generation is not None  # the name of the template's live file
    with disk.step(DiskStep.TENANT_COPY):
        newest = live_copy(Opener(), template, generation.path)
        sync_file(generation.path)
        sync_folder(layout.folder)
    if newest is None or newest.generation != generation.name:
        raise Refused.of(Code.NO_HISTORY, "the copy has no history, so it is none of a generation", "")
    disk.symlink(DiskStep.TENANT_LINK, layout.link, layout.target(generation))
    sync_folder(layout.link.parent)
    return newest.version


def _work(key: str) -> str:
    """Return the prefix of the names of work folders of a new tenant. No key has a dot."""
    return f".{key}."


def _exists(key: str) -> Refused:
    return Refused.of(Code.TENANT_EXISTS, f'the tenant "{key}" exists already', "Choose another key.", tenant=key)
