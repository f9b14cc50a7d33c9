"""Views for monitors and load balancers, without an account: they report by codes whether the databases can be used.

Their responses contain no path, no name and no message. The figures for Prometheus need the token.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from . import conf
from .actions import health as action
from .actions import prometheus
from .errors import SchemasyncError

View = Callable[[HttpRequest], HttpResponse]


def _for_everybody(view: View) -> View:
    """Let a view require no account and no transaction: with ATOMIC_REQUESTS a transaction would take the write
    lock."""
    found = require_safe(view)
    for alias in connections:
        found = transaction.non_atomic_requests(alias)(found)
    return login_not_required(found)


@_for_everybody
def health(request: HttpRequest) -> JsonResponse:
    """Return 503 if a problem needs a person, for monitors."""
    return _answer(ready=False)


@_for_everybody
def ready(request: HttpRequest) -> JsonResponse:
    """Return 503 if a database cannot be used now, for load balancers."""
    return _answer(ready=True)


@_for_everybody
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the measurements of the backend, for a scrape of Prometheus that sends the token of STATUS_TOKEN."""
    token, given = conf.status_token(), request.headers.get("Authorization", "")
    if not token or not constant_time_compare(given, f"Bearer {token}"):
        return HttpResponse("STATUS_TOKEN is not set, or not sent.\n", "text/plain", status=403)
    try:
        return HttpResponse(prometheus.text(), prometheus.content_type(), headers={"Cache-Control": "no-store"})
    except SchemasyncError as error:
        return HttpResponse(f"{error}\n", "text/plain", status=503)


def _answer(*, ready: bool) -> JsonResponse:
    found = list(action.healths(ready=ready))
    codes = sorted({problem.code for one in found for problem in (*one.unusable, *one.attention)})
    results = {action.result(one) for one in found}
    result = next((word for word in ("unusable", "attention") if word in results), "ok")
    status = 503 if codes else 200
    return JsonResponse({"result": result, "codes": codes}, status=status, headers={"Cache-Control": "no-store"})
