"""Enters the tenant of a request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import get_resolver

from . import answers
from .connection import TenantMoved
from .context import awithin, entered, within
from .identify import identification
from .lookup import Row, arow, row
from .models import State
from .settings import tenant_settings


class TenantMiddleware:
    """Put it first in MIDDLEWARE: sessions and users are the tenant's, too. `request.tenant` is the key, None for a
    request that is for no tenant. An unknown tenant gets 404, a suspended one 503, and one of another host what
    OTHER_HOST says."""

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
        refused = None if key is None else _refused(request, key, row(key))
        if refused is not None:
            return refused
        request.tenant = key  # type: ignore[attr-defined]
        with entered(key):
            return _kept(key, self.get_response(request))

    async def _asynchronous(self, request: HttpRequest) -> HttpResponseBase:
        key = self.identify(request)
        refused = None if key is None else _refused(request, key, await arow(key))
        if refused is not None:
            return refused
        request.tenant = key  # type: ignore[attr-defined]
        with entered(key):
            return _kept(key, await self.get_response(request))

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer to a request that met a file which was closed meanwhile, because its tenant moves."""
        if not isinstance(exception, TenantMoved):
            return None
        return _refused(request, exception.key, row(exception.key)) or answers.moving()


def _refused(request: HttpRequest, key: str, found: Row | None) -> HttpResponse | None:
    if found is None:
        raise Http404(f"There is no tenant {key!r}.")
    match found.state:
        case State.ACTIVE | State.MOVING:
            return None if tenant_settings().is_here(found.host) else answers.other_host(request, key, found.host)
        case State.SUSPENDED:
            return answers.suspended()
        case State.CREATING | State.ARCHIVED | State.DELETING:
            raise Http404(f"The tenant {key!r} is {found.state.label}.")


def _kept(key: str | None, response: HttpResponseBase) -> HttpResponseBase:
    """The response, whose content is made in the tenant even if it is made later."""
    is_file = isinstance(response, FileResponse) and response.file_to_stream is not None
    if key is not None and isinstance(response, StreamingHttpResponse) and not is_file:
        if response.is_async:
            response.streaming_content = awithin(key, cast("AsyncIterator[Any]", response.streaming_content))
        else:
            response.streaming_content = within(key, cast("Iterator[Any]", response.streaming_content))
    return response
