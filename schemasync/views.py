"""Views for monitors and load balancers, which need no account: they say whether the databases can be used, by codes.

What they answer has no path, no name and no message.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from .actions import health as action

View = Callable[[HttpRequest], JsonResponse]


def _for_everybody(view: View) -> View:
    """Require no account, and no transaction: with ATOMIC_REQUESTS one would take the write lock."""
    found = require_safe(view)
    for alias in connections:
        found = transaction.non_atomic_requests(alias)(found)
    return login_not_required(found)


@_for_everybody
def health(request: HttpRequest) -> JsonResponse:
    """503 if something needs a person: for monitors."""
    return _answer(ready=False)


@_for_everybody
def ready(request: HttpRequest) -> JsonResponse:
    """503 if a database cannot be used now: for load balancers."""
    return _answer(ready=True)


def _answer(*, ready: bool) -> JsonResponse:
    found = list(action.healths(ready=ready))
    codes = sorted({problem.code for one in found for problem in (*one.unusable, *one.attention)})
    results = {action.result(one) for one in found}
    result = next((word for word in ("unusable", "attention") if word in results), "ok")
    status = 503 if codes else 200
    return JsonResponse({"result": result, "codes": codes}, status=status, headers={"Cache-Control": "no-store"})
