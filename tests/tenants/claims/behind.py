"""Requests for a tenant whose file does not yet have the schema of this process."""

from contextlib import contextmanager

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.db import OperationalError, connections
from django.test import Client, RequestFactory, override_settings

from schemasync import api, conf
from schemasync.actor import acting_as
from schemasync.errors import SchemaInvalid
from schemasync.tenants import behind, lookup, tenant
from schemasync.tenants.context import read_only
from schemasync.tenants.middleware import TenantMiddleware
from schemasync.tenants.models import Tenant
from tests.tenants.inside import new
from tests.tenants.shop.models import Author
from tests.tenants.shop.views import names_async


@contextmanager
def _ahead(how, table="later"):
    """Add a table to the schema, with BEHIND set to `how`, until the block ends."""
    given, path = settings.SCHEMASYNC, conf.schema_path("tenant")
    text = path.read_text()
    path.write_text(f'{text.rstrip()[:-1]}, "{table}": {{"id": "INTEGER PRIMARY KEY"}}}}')
    try:
        with override_settings(SCHEMASYNC={**given, "TENANTS": {**given["TENANTS"], "BEHIND": how}}):
            yield
    finally:
        path.write_text(text)


def _ask(key, path="/names/", method="GET"):
    form = {"data": "name=bob", "content_type": "application/x-www-form-urlencoded"} if method == "POST" else {}
    return Client().generic(method, path, headers={"host": f"{key}.example.com"}, **form)


def a_tenant_that_is_behind_is_served_refused_or_read():
    key = new("ann")
    for how, reading, writing in (("serve", 200, 200), ("refuse", 503, 503), ("read-only", 200, 503)):
        with _ahead(how):
            found = _ask(key)
            assert found.status_code == reading, how
            found = _ask(key, "/write/", "POST")
            assert found.status_code == writing, how
            assert found.headers.get("Retry-After") == (None if writing == 200 else "10")
        with override_settings(SCHEMASYNC=settings.SCHEMASYNC):
            assert _ask(key, "/write/", "POST").status_code == 200
    with tenant(key):
        assert Author.objects.count() == 1 + 1 + 3


def a_view_knows_whether_its_tenant_is_behind_if_the_setting_asks():
    key = new("ann")
    host = {"host": f"{key}.example.com"}

    async def asynchronous(request):
        return await TenantMiddleware(names_async)(request)

    def known():
        """Send a synchronous and an asynchronous request; return the status and tenant_is_behind, which must agree. A
        request that gets 503 has it, too, although no view runs."""
        first = Client().get("/names/", headers=host)
        second = async_to_sync(asynchronous)(request := RequestFactory().get("/names/async/", headers=host))
        assert first.status_code == second.status_code
        assert first.wsgi_request.tenant_is_behind is request.tenant_is_behind
        return first.status_code, request.tenant_is_behind

    for how, ahead, current in (
        ("serve", (200, None), (200, None)),
        ("read-only", (200, True), (200, False)),
        ("refuse", (503, True), (200, False)),
    ):
        with _ahead(how):
            assert known() == ahead, how
        with _current(how):
            assert known() == current, how
    with _current("read-only"):
        assert Client().get("/user/", headers={"host": "example.com"}).wsgi_request.tenant_is_behind is None


def an_asynchronous_request_is_refused_too():
    key = new("ann")
    scope = {"type": "http", "method": "GET", "path": "/names/async/", "query_string": b""}

    async def status(application):
        asked = ApplicationCommunicator(application, {**scope, "headers": [(b"host", f"{key}.example.com".encode())]})
        await asked.send_input({"type": "http.request"})
        return (await asked.receive_output(30))["status"]

    for how, code in (("refuse", 503), ("read-only", 200)):
        with _ahead(how):
            assert async_to_sync(status)(get_asgi_application()) == code


def a_view_that_writes_to_a_tenant_that_is_only_read_gets_503_and_writes_nothing():
    key = new("ann")
    with tenant(key):
        connections["tenant"].connection.execute("PRAGMA cache_size")  # the connection was opened before
    for _ in range(2):
        with _ahead("read-only"):
            assert _ask(key).status_code == 200
            assert _ask(key, "/write-by-get/").status_code == 503
    with tenant(key), read_only(key):
        with acting_as("somebody"), pytest.raises(OperationalError, match="readonly"):
            Author.objects.create(name="x")
        assert [one.name for one in Author.objects.all()] == ["ann"]
    with tenant(key):
        Author.objects.create(name="bob")


def a_write_of_a_middleware_after_the_view_gets_503_too():
    key = new("ann")
    host = {"host": f"{key}.example.com"}
    with override_settings(MIDDLEWARE=[*settings.MIDDLEWARE, "tests.tenants.shop.views.counting"]):
        with _ahead("read-only"):
            client = Client(raise_request_exception=False)
            assert client.get("/names/", headers=host).status_code == 503
        assert client.get("/names/", headers=host).status_code == 200
        assert client.get("/fail/", headers=host).status_code == 500


def a_tenant_is_no_longer_behind_once_it_is_synced_in_whatever_way():
    first, second = new(), new()
    with _ahead("refuse"):
        assert [_ask(key).status_code for key in (first, second)] == [503, 503]
        call_command("schemasync", database="tenant", verbosity=0)
        with tenant(first):
            api.sync(database="tenant")
        assert Tenant.objects.get(key=first).version != behind.version()
        lookup._rows.clear()  # stands for the second in which a row is cached
        assert [_ask(key).status_code for key in (first, second)] == [200, 503]
        assert Tenant.objects.get(key=first).version == behind.version()
        call_command("schemasync", "tenants", "sync", verbosity=0)
        lookup._rows.clear()
        assert _ask(second).status_code == 200
    Tenant.objects.filter(key__in=(first, second)).delete()
    call_command("schemasync", database="tenant", allow_drop=["later"], allow_older=True, verbosity=0)


def a_file_is_asked_once_each_time_that_the_row_is_read():
    key = new("ann")
    with _current("refuse"):
        looked = []
        behind._look, before = lambda *given: looked.append(given) or before(*given), behind._look
        try:
            assert [_ask(key).status_code for _ in range(5)] == [200] * 5
        finally:
            behind._look = before
        assert len(looked) <= 2  # the second may end in between


def a_tenant_that_went_back_alone_is_behind_although_its_row_says_otherwise():
    key = new("ann")
    with _ahead("refuse", "again"):
        call_command("schemasync", database="tenant", verbosity=0)
        with tenant(key):
            api.sync(database="tenant")
        assert _ask(key).status_code == 200
        with tenant(key):
            api.rollback(database="tenant")
        assert Tenant.objects.get(key=key).version == behind.version()
        lookup._rows.clear()
        assert _ask(key).status_code == 503
        assert Tenant.objects.get(key=key).version != behind.version()
    Tenant.objects.filter(key=key).delete()
    call_command("schemasync", database="tenant", allow_drop=["again"], allow_older=True, verbosity=0)


@contextmanager
def _current(how):
    given = settings.SCHEMASYNC
    with override_settings(SCHEMASYNC={**given, "TENANTS": {**given["TENANTS"], "BEHIND": how}}):
        yield


def a_schema_that_cannot_be_read_is_reported_when_the_site_starts():
    with _ahead("refuse"):
        conf.schema_path("tenant").write_text("{")
        with pytest.raises(SchemaInvalid):
            _ask("anybody")
