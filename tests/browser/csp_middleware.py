"""Middleware of a site with a strict Content-Security-Policy."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = "default-src 'self'"


def policy(respond: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Allow pages to load and run only files of this site; the browser's console names a page that tries more."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path == "/favicon.ico":  # browsers request it once, and would report a missing one on any page
            return HttpResponse(status=204)
        response = respond(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return answer
