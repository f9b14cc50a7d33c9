"""Names the actor of writes: the mixins `audit`, `authorship` and `soft_delete` record it.

    with acting_as("ann", request="7f3a"):
        Order.objects.create(...)

The backend schemasync.backends.sqlite3 writes the name into the transaction. With another backend, and in other
programs, the actor is NULL.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Name = str | None | Callable[[], str | None]
"""The name of an actor, None for nobody, or a function that returns the name at each write."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor of a transaction, as triggers read it. `metadata`: a JSON object as text, None without one."""

    name: str | None
    metadata: str | None


@dataclass(frozen=True, slots=True)
class _Acting:
    name: Name
    metadata: Mapping[str, Any] = field(default_factory=dict)


_acting: ContextVar[_Acting | None] = ContextVar("schemasync_actor", default=None)


@contextmanager
def acting_as(name: Name, **metadata: Any) -> Iterator[None]:
    """Record this actor with all writes of the block, also those of tasks and threads that inherit its context.

    A function is called at each write; its own writes have no actor.
    `metadata` must be serializable as JSON, and is recorded in the audit log unchanged.
    """
    token = _acting.set(_Acting(name, metadata))
    try:
        yield
    finally:
        _acting.reset(token)


def has_actor() -> bool:
    """True inside a block of `acting_as`."""
    return _acting.get() is not None


def current_actor() -> Actor | None:
    """Return the actor of the present write; None outside of `acting_as`, and if there is neither a name nor
    metadata."""
    acting = _acting.get()
    if acting is None:
        return None
    name = acting.name
    if callable(name):
        token = _acting.set(None)  # the function may query and write, too
        try:
            name = name()
        finally:
            _acting.reset(token)
    metadata = json.dumps(acting.metadata, ensure_ascii=False) if acting.metadata else None
    return Actor(name, metadata) if name is not None or metadata is not None else None


class ActorMiddleware:
    """Makes the user of a request the actor of its writes. It comes after AuthenticationMiddleware.

    The user is loaded only at a write. Override `actor` to record another name than the user's.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._later(request)
        with acting_as(partial(self.actor, request)):
            response: HttpResponseBase = self.get_response(request)
        return response

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        with acting_as(partial(self.actor, request)):
            response: HttpResponseBase = await self.get_response(request)
        return response

    def actor(self, request: HttpRequest) -> str | None:
        """Return the actor of a request; None for nobody."""
        user = getattr(request, "user", None)
        return str(user.get_username()) if user is not None and user.is_authenticated else None
