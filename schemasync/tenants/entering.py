"""Enter a tenant for a block, a function, a coroutine or a generator."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from functools import wraps
from typing import Any

from .context import Item, awithin, pop, push, within
from .lookup import acheck, check
from .models import Tenant


class tenant:
    """Enter a tenant: `with tenant("acme"):`, `async with`, or as a decorator of a function, a coroutine or a
    generator.

    Raises UnknownTenant or OtherHost; a decorated generator does so at its first item. In an event loop use
    `async with`, because the row of the tenant is read from the database.

    A generator that yields within `with tenant(…)` leaves its tenant entered in the code that reads it. Decorate the
    generator instead.
    """

    def __init__(self, key: str | Tenant) -> None:
        self.key = key if isinstance(key, str) else key.key

    def __enter__(self) -> str:
        check(self.key)
        push(self.key)
        return self.key

    def __exit__(self, *error: object) -> None:
        pop(self.key)

    async def __aenter__(self) -> str:
        await acheck(self.key)
        push(self.key)
        return self.key

    async def __aexit__(self, *error: object) -> None:
        pop(self.key)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isasyncgenfunction(function):
            return wraps(function)(lambda *args, **named: _achecked(self.key, function(*args, **named)))
        if inspect.isgeneratorfunction(function):
            return wraps(function)(lambda *args, **named: _checked(self.key, function(*args, **named)))
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def run_async(*args: Any, **named: Any) -> Any:
                async with self:
                    return await function(*args, **named)

            return run_async

        @wraps(function)
        def run(*args: Any, **named: Any) -> Any:
            with self:
                return function(*args, **named)

        return run


def _checked(key: str, items: Iterator[Item]) -> Iterator[Item]:
    check(key)
    yield from within(key, items)


async def _achecked(key: str, items: AsyncIterator[Item]) -> AsyncIterator[Item]:
    await acheck(key)
    async with aclosing(awithin(key, items)) as found:
        async for item in found:
            yield item
