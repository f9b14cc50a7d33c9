"""A Django site with ATOMIC_REQUESTS, for a real WSGI server: `gunicorn tests.live.site:application`.

LEDGER_DATABASE is its database's settings, as JSON. POST / carries out a transaction, GET / reads a snapshot.
"""

from __future__ import annotations

import json
import os
import traceback

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.db.utils import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from .workers import execute_on, reconnect_if_superseded
from .writers import RowChange, carry_out, look_within


def page(request: HttpRequest) -> HttpResponse:
    """The only view; it runs inside a transaction."""
    assert connection.in_atomic_block
    execute = execute_on(connection.alias)
    if request.method == "GET":
        seen = look_within(execute)
        return JsonResponse({"balance": seen.balance, "moved": seen.moved, "time": seen.time, "process": os.getpid()})
    carry_out(execute, [RowChange(*change) for change in json.loads(request.body)])
    return HttpResponse(status=204)


class Report:
    """Middleware that answers with the error of a request, after the transaction of the request is rolled back."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse:
        if isinstance(error, OperationalError):
            reconnect_if_superseded(connection, error)
            return HttpResponse(str(error), status=503)
        return HttpResponse("".join(traceback.format_exception(error)), status=500)


urlpatterns = [path("", page)]


def _application():
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": {**json.loads(os.environ["LEDGER_DATABASE"]), "ATOMIC_REQUESTS": True}},
        INSTALLED_APPS=["schemasync"],
        MIDDLEWARE=[f"{__name__}.Report"],
        ROOT_URLCONF=__name__,
        SCHEMASYNC={"ON_STARTUP": "ignore"},  # the ledger has no schema.json
        SECRET_KEY="tests",
        USE_TZ=True,
    )
    return get_wsgi_application()


if "LEDGER_DATABASE" in os.environ:
    application = _application()
