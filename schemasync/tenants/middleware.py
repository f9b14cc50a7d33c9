"""Enters the tenant of a request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import get_resolver

from .context import awithin, entered, within
from .identify import identification
from .lookup import Row, arow, row
from .models import State

RETRY = 60  # seconds after which a client may ask again for a suspended tenant


class TenantMiddleware:
    """Put it first in MIDDLEWARE: sessions and users are the tenant's, too. `request.tenant` is the key, None for a
    request that is for no tenant. An unknown tenant gets 404, and a suspended one 503."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.identify = identification()
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        # Imports the views outside of any tenant: otherwise the first request would, and querysets of their classes
        # would belong to its tenant.
        get_resolver().url_patterns  # noqa: B018

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._asynchronous(request)
        key = self.identify(request)
        refused = None if key is None else _refused(key, row(key))
        if refused is not None:
            return refused
        request.tenant = key  # type: ignore[attr-defined]
        with entered(key):
            return _kept(key, self.get_response(request))

    async def _asynchronous(self, request: HttpRequest) -> HttpResponseBase:
        key = self.identify(request)
        refused = None if key is None else _refused(key, await arow(key))
        if refused is not None:
            return refused
        request.tenant = key  # type: ignore[attr-defined]
        with entered(key):
            return _kept(key, await self.get_response(request))


def _refused(key: str, found: Row | None) -> HttpResponse | None:
    match None if found is None else found.state:
        case State.ACTIVE | State.MOVING:
            return None
        case State.SUSPENDED:
            return HttpResponse("This site is suspended.", status=503, headers={"Retry-After": str(RETRY)})
        case State.CREATING | State.ARCHIVED | State.DELETING | None:
            raise Http404(f"There is no tenant {key!r}.")


def _kept(key: str | None, response: HttpResponseBase) -> HttpResponseBase:
    """The response, whose content is made in the tenant even if it is made later."""
    is_file = isinstance(response, FileResponse) and response.file_to_stream is not None
    if key is not None and isinstance(response, StreamingHttpResponse) and not is_file:
        if response.is_async:
            response.streaming_content = awithin(key, cast("AsyncIterator[Any]", response.streaming_content))
        else:
            response.streaming_content = within(key, cast("Iterator[Any]", response.streaming_content))
    return response
