"""The tenant that is entered: in this thread, task or coroutine, and in what they call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from ..errors import Code, Refused
from .settings import tenant_settings

Item = TypeVar("Item")

_entered: ContextVar[tuple[str, ...]] = ContextVar("schemasync_tenants", default=())


_read_only: ContextVar[str | None] = ContextVar("schemasync_tenant_read_only", default=None)


class NoTenant(Refused):
    """A model of the tenants was used outside of any tenant."""


class OtherTenant(Refused):
    """Something of one tenant was used while another one is entered, or none."""


class UnknownTenant(Refused):
    """There is no tenant with this key, or it is archived."""


class OtherHost(Refused):
    """The file of a tenant is on another host."""


def current() -> str | None:
    """The key of the tenant that is entered; None outside of all."""
    stack = _entered.get()
    return stack[-1] if stack else None


def entered_keys() -> tuple[str, ...]:
    """All tenants whose blocks are open around this line, the outermost first."""
    return _entered.get()


def current_alias() -> str:
    """The name of the entered tenant's database, for `using`. Raises NoTenant."""
    key = current()
    if key is None:
        raise NoTenant.of(
            Code.NO_TENANT,
            "no tenant is entered, so this query has no database",
            'Enter one: with schemasync.tenants.tenant("KEY"): … In a thread of your own, pass the context on: '
            "contextvars.copy_context().run(function)",
        )
    return tenant_settings().alias(key)


@contextmanager
def entered(key: str | None) -> Iterator[None]:
    """Enter a tenant without asking whether it exists; do nothing for None."""
    before = _entered.get()
    if key is not None:
        _entered.set((*before, key))
    try:
        yield
    finally:
        # not reset(token): sync_to_async may end a block in a copy of the context in which it began
        _entered.set(before)


@contextmanager
def outside() -> Iterator[None]:
    """Leave all tenants, until the block ends: then the shared entry of DATABASES means the template."""
    before = _entered.get()
    _entered.set(())
    try:
        yield
    finally:
        _entered.set(before)


@contextmanager
def read_only(key: str) -> Iterator[None]:
    """Let SQLite refuse what is written to the file of a tenant, until the block ends."""
    before = _read_only.get()
    _read_only.set(key)
    try:
        yield
    finally:
        _read_only.set(before)


def is_read_only(key: str) -> bool:
    """True within such a block."""
    return _read_only.get() == key


def push(key: str) -> None:
    """Enter a tenant, until `pop`."""
    _entered.set((*_entered.get(), key))


def pop(key: str) -> None:
    """Leave a tenant. Raises OtherTenant if it is not the one that is entered."""
    stack = _entered.get()
    if stack and stack[-1] == key:
        _entered.set(stack[:-1])
        return
    if key in stack:
        _entered.set(stack[: len(stack) - 1 - stack[::-1].index(key)])
    raise OtherTenant.of(
        Code.OTHER_TENANT,
        f'the block of the tenant "{key}" ends, and {_called(stack[-1] if stack else None)} is entered',
        "A generator yields within a block of another tenant. Decorate it instead: @tenant(KEY).",
    )


def within(key: str, items: Iterator[Item]) -> Iterator[Item]:
    """The items of an iterator, each made while the tenant is entered; the code that reads them stays in its own."""
    try:
        while True:
            with entered(key):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            with entered(key):
                close()


async def awithin(key: str, items: AsyncIterator[Item]) -> AsyncGenerator[Item, None]:
    """As `within`, for an asynchronous iterator."""
    try:
        while True:
            with entered(key):
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
            yield item
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            with entered(key):
                await close()


def _called(key: str | None) -> str:
    return "no tenant" if key is None else f'"{key}"'


def refuse_other(key: str | None, what: str) -> None:
    """Raise OtherTenant unless this tenant is entered."""
    here = current()
    if key != here:
        raise OtherTenant.of(
            Code.OTHER_TENANT,
            f"{what} belongs to {_called(key)}, and {_called(here)} is entered",
            "Evaluate it within the block of its own tenant, and pass on values: keys of rows mean nothing elsewhere.",
        )
