"""Enter the tenant of a request."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import nullcontext
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.signals import got_request_exception
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import get_resolver

from . import answers, behind
from .connection import TenantMoved
from .context import awithin, current, entered, is_read_only, read_only, within
from .identify import identification
from .lookup import Row, arow, row
from .models import State
from .settings import Behind, tenant_settings

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")  # RFC 9110, 9.2.1


class TenantMiddleware:
    """The middleware that enters the tenant of a request. It must come first in MIDDLEWARE, because sessions and users
    belong to the tenant. `request.tenant` is the key, None for a request without a tenant.

    The response for an unknown tenant is a 404, for a suspended one a 503; OTHER_HOST sets the one for a tenant of
    another host, and BEHIND that for a tenant that is behind. With BEHIND "read-only", `request.tenant_is_behind` is
    True for such a tenant. It is None if that is not checked: with "serve", and without a tenant.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.identify = identification()
        self.behind = tenant_settings().behind
        if self.behind is not Behind.SERVE:
            behind.version()  # a mistake in schema.json is reported when the site starts
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        # Import the views outside of any tenant. Otherwise the first request would, and querysets of their classes
        # would belong to its tenant.
        get_resolver().url_patterns  # noqa: B018

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._asynchronous(request)
        key = self._identified(request)
        if key is None:
            return self.get_response(request)  # type: ignore[no-any-return]
        if (refused := _refused(request, key, found := _there(key, row(key)))) is not None:
            return refused
        is_behind = None if self.behind is Behind.SERVE else behind.is_behind(key, found)
        if (refused := self._refused_behind(request, is_behind)) is not None:
            return refused
        with entered(key), read_only(key) if is_behind else nullcontext():
            return _kept(key, _answered(request, self.get_response(request)))

    async def _asynchronous(self, request: HttpRequest) -> HttpResponseBase:
        key = self._identified(request)
        if key is None:
            return await self.get_response(request)  # type: ignore[no-any-return]
        if (refused := _refused(request, key, found := _there(key, await arow(key)))) is not None:
            return refused
        is_behind = None if self.behind is Behind.SERVE else await behind.ais_behind(key, found)
        if (refused := self._refused_behind(request, is_behind)) is not None:
            return refused
        with entered(key), read_only(key) if is_behind else nullcontext():
            return _kept(key, _answered(request, await self.get_response(request)))

    def _identified(self, request: HttpRequest) -> str | None:
        request.tenant = key = self.identify(request)  # type: ignore[attr-defined]
        request.tenant_is_behind = None  # type: ignore[attr-defined]
        return key

    def _refused_behind(self, request: HttpRequest, is_behind: bool | None) -> HttpResponse | None:
        request.tenant_is_behind = is_behind  # type: ignore[attr-defined]
        may_write = request.method not in SAFE
        return answers.behind() if is_behind and (may_write or self.behind is Behind.REFUSE) else None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the response if a view has written to a file that takes no writes, because its tenant moves, or is
        behind and read-only; None for any other exception."""
        return _answer_to(request, exception)


def _answer_to(request: HttpRequest, error: BaseException) -> HttpResponse | None:
    if isinstance(error, TenantMoved):
        return _refused(request, error.key, _there(error.key, row(error.key))) or answers.moving()
    is_read = (key := current()) is not None and is_read_only(key)
    return answers.behind() if is_read and _is_readonly(error) else None


def _note_error(request: HttpRequest | None = None, **signal: Any) -> None:
    """Store the response to an error outside of the view, such as when a session is saved after it."""
    error = sys.exc_info()[1]
    if request is not None and error is not None:
        request.tenant_answer = _answer_to(request, error)  # type: ignore[attr-defined]


def _answered(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    answer: HttpResponse | None = getattr(request, "tenant_answer", None)
    return response if answer is None else answer


got_request_exception.connect(_note_error)


def _is_readonly(exception: BaseException) -> bool:
    """True if SQLite's error, the cause of Django's, is https://www.sqlite.org/rescode.html#readonly"""
    return getattr(exception.__cause__, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY


def _there(key: str, found: Row | None) -> Row:
    if found is None:
        raise Http404(f"There is no tenant {key!r}.")
    return found


def _refused(request: HttpRequest, key: str, found: Row) -> HttpResponse | None:
    match found.state:
        case State.ACTIVE | State.MOVING:
            return None if tenant_settings().is_here(found.host) else answers.other_host(request, key, found.host)
        case State.SUSPENDED | State.MOVING_SUSPENDED:
            return answers.suspended()
        case State.CREATING | State.ARCHIVED | State.DELETING:
            raise Http404(f"The tenant {key!r} is {found.state.label}.")


def _kept(key: str | None, response: HttpResponseBase) -> HttpResponseBase:
    """Return the response, changed so that streamed content is produced in the tenant even if that happens later."""
    is_file = isinstance(response, FileResponse) and response.file_to_stream is not None
    if key is not None and isinstance(response, StreamingHttpResponse) and not is_file:
        if response.is_async:
            response.streaming_content = awithin(key, cast("AsyncIterator[Any]", response.streaming_content))
        else:
            response.streaming_content = within(key, cast("Iterator[Any]", response.streaming_content))
    return response
