"""The entered tenant of this thread, task or coroutine, as a context variable."""

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
    """An object of one tenant was used while another tenant, or none, is entered."""


class UnknownTenant(Refused):
    """There is no tenant with this key, or its state does not permit the action: it is archived, for example."""


class OtherHost(Refused):
    """The file of a tenant is on another host."""


def current() -> str | None:
    """Return the key of the entered tenant; None outside of all tenants."""
    stack = _entered.get()
    return stack[-1] if stack else None


def entered_keys() -> tuple[str, ...]:
    """Return the keys of all tenants whose blocks are open, the outermost first."""
    return _entered.get()


def current_alias() -> str:
    """Return the name of the entered tenant's database, for `using`. Raises NoTenant outside of all tenants."""
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
    """Enter a tenant during the block, without a check that it exists. Do nothing for None."""
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
    """Leave all tenants until the block ends: in it the shared entry of DATABASES means the template."""
    before = _entered.get()
    _entered.set(())
    try:
        yield
    finally:
        _entered.set(before)


@contextmanager
def read_only(key: str) -> Iterator[None]:
    """Let SQLite refuse writes to the file of a tenant, until the block ends."""
    before = _read_only.get()
    _read_only.set(key)
    try:
        yield
    finally:
        _read_only.set(before)


def is_read_only(key: str) -> bool:
    """True within a read_only() block of this tenant."""
    return _read_only.get() == key


def push(key: str) -> None:
    """Enter a tenant until pop()."""
    _entered.set((*_entered.get(), key))


def pop(key: str) -> None:
    """Leave a tenant. Raises OtherTenant if another tenant, or none, is entered."""
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
    """Yield the items of an iterator, each computed while the tenant is entered. The code that reads them stays in its
    own tenant."""
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
    """Like within(), but for an asynchronous iterator."""
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
