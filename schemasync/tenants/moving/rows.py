"""Check and change the row of a tenant before, during and after a move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DatabaseError

from ...errors import Code, NeedsPerson, Refused, UsageError
from ...files.disk import Disk, DiskStep
from ..context import UnknownTenant
from ..hosts import refuse_other_host, unknown_host
from ..lives import change_state, durable_rows, rows_of
from ..lookup import forget
from ..models import WHILE_MOVING
from ..rendezvous import has_labels
from ..settings import Host, tenant_settings


def row(key: str) -> tuple[str, str]:
    """Return host and state of a tenant. Raises UnknownTenant without a row."""
    for host, state in rows_of(key).values_list("host", "state"):
        return host, state
    raise UnknownTenant.of(Code.UNKNOWN_TENANT, f'there is no tenant "{key}"', "", tenant=key)


def host_named(to: str) -> Host:
    """Return the host of this name. Raises UsageError if no tenant can move there."""
    found = tenant_settings()
    if to not in found.hosts or not found.host:
        raise unknown_host(to)
    if not found.hosts[to].receive and to != found.host:
        raise UsageError.of(
            Code.NO_HOST,
            f'HOSTS["{to}"] has no RECEIVE, which runs the receiving side of a move there',
            '"RECEIVE": ["ssh", "HOST", "/srv/site/.venv/bin/python", "/srv/site/manage.py", "schemasync", "tenants", '
            '"receive"]',
        )
    return found.hosts[to]


def refuse_labels(key: str, host: Host) -> None:
    """Raise Refused if a host lacks a label of a tenant."""
    labels = rows_of(key).values_list("labels", flat=True).first() or {}
    if not has_labels(host, labels):
        asked = ", ".join(f"{name}={value}" for name, value in labels.items())
        raise Refused.of(
            Code.NO_HOST, f'the host "{host.name}" lacks a label of {asked}', "Choose another host.", host=host.name
        )


def movable(key: str) -> str:
    """Return the host in the row of a tenant. Raises OtherHost if it is not this one, and UnknownTenant for a tenant
    that is neither active nor suspended, moving or not."""
    host, state = row(key)
    refuse_other_host(key, host)
    if state not in (*WHILE_MOVING, *WHILE_MOVING.values()):
        raise UnknownTenant.of(
            Code.UNKNOWN_TENANT,
            f'the tenant "{key}" is {state}, and only an active or a suspended one moves',
            "",
            tenant=key,
        )
    return host


@contextmanager
def moving(key: str, is_open: Callable[[], bool]) -> Iterator[str]:
    """Let the row of a tenant say during the block that it moves, and yield its host. Use it under the lock, as another
    move may have just finished. If the block raises, the row gets its earlier state, unless the file is closed."""
    source = movable(key)
    for still, moves in WHILE_MOVING.items():
        change_state(key, (still,), moves, at=source)
    try:
        yield source
    except BaseException:
        if is_open():
            not_moving(key, source)
        raise


def not_moving(key: str, source: str) -> bool:
    """Let the row say that the tenant does not move. Return False if it is on another host, or no longer in use."""
    return any(change_state(key, (still, moves), still, at=source) for still, moves in WHILE_MOVING.items())


def switch(disk: Disk, key: str, source: str, to: str) -> None:
    """Let the row name the other host. Raises NeedsPerson if that fails, because the file is closed by then, and the
    other side has all of it."""
    with disk.step(DiskStep.HOST_ROW):
        try:
            rows = rows_of(key).filter(host=source)
            with durable_rows():
                changed = any(
                    rows.filter(state=moves).update(host=to, state=still) for still, moves in WHILE_MOVING.items()
                )
        except DatabaseError as error:
            raise _unfinished(key, to, f"its row could not be written: {error}") from error
        forget(key)
    if not changed:
        raise _unfinished(key, to, "somebody has changed its row meanwhile")


def _unfinished(key: str, to: str, why: str) -> NeedsPerson:
    return NeedsPerson.of(
        Code.MOVE_UNFINISHED,
        f'the file of the tenant "{key}" is closed here, and {to} has all of it, but {why}. Until then every write '
        "fails and none is lost",
        f"To finish it: manage.py schemasync tenants move {key} --to {to}",
    )
