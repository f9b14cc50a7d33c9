"""The middleware of a strict site."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = "default-src 'self'"


def policy(respond: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """No page may load or run anything but files of this site; the browser's console names a page that tries."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path == "/favicon.ico":  # browsers ask for it once, and would note on any page that there is none
            return HttpResponse(status=204)
        response = respond(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return answer
