"""Queries reach the database of their tenant."""

import os
from contextlib import aclosing, contextmanager
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites.models import Site
from django.db import connections, transaction
from django.test import AsyncClient, Client, override_settings
from django.urls import set_script_prefix

from benchmarks.tenants_files import linked
from schemasync.errors import Code
from schemasync.tenants import NoTenant, OtherTenant, UnknownTenant, current, tenant
from schemasync.tenants.models import Tenant
from tests.tenants.inside import new
from tests.tenants.shop.models import Author, Book


def _names():
    return list(Author.objects.values_list("name", flat=True))


def _host(key):
    return {"host": f"{key}.example.com"}


def each_tenant_has_rows_of_its_own():
    first, second = new("ann"), new("bob")
    with tenant(first):
        assert _names() == ["ann"]
        with tenant(second):
            assert _names() == ["bob"]
        assert _names() == ["ann"]
    assert current() is None


def a_row_names_its_tenant():
    key = new("ann")
    with tenant(key):
        assert Author.objects.get()._state.db == Author(name="x")._meta.model.objects.create(name="y")._state.db
        assert Author.objects.first()._state.db == f"tenant:{key}"
        assert Author.objects.using("tenant").first()._state.db == f"tenant:{key}"


def a_query_outside_of_any_tenant_is_refused():
    for query in (
        _names,
        lambda: Author.objects.create(name="x"),
        lambda: Author(name="x").save(),
        Author.objects.count,
    ):
        with pytest.raises(NoTenant) as found:
            query()
        assert found.value.code is Code.NO_TENANT


def an_unknown_tenant_cannot_be_entered():
    with pytest.raises(UnknownTenant), tenant("nobody"):
        pass
    assert current() is None


def models_of_the_default_database_stay_there():
    key = new()
    with tenant(key):
        assert Tenant.objects.get(key=key)._state.db == "default"


def an_app_in_both_is_the_tenants_inside_of_one():
    key = new()
    User.objects.create_user("operator")
    with tenant(key):
        assert not User.objects.exists()
        User.objects.create_user("boss")
    assert [one.username for one in User.objects.all()] == ["operator"]
    User.objects.all().delete()


def no_tenant_is_an_entry_of_the_connections():
    with tenant(new("ann")):
        assert _names() == ["ann"]
        assert list(connections) == ["default", "tenant"]
        assert not [alias for alias in connections.settings if ":" in alias]


def the_decorator_enters_for_functions_generators_and_coroutines():
    key = new("ann", "bob")

    @tenant(key)
    def function():
        return _names()

    @tenant(key)
    def generator():
        for one in Author.objects.all():
            yield one.name, current()

    @tenant(key)
    async def coroutine():
        return [one.name async for one in Author.objects.all()]

    assert function() == ["ann", "bob"]
    found = []
    for one in generator():
        assert current() is None
        found.append(one)
    assert found == [("ann", key), ("bob", key)]
    assert async_to_sync(coroutine)() == ["ann", "bob"]


def a_generator_is_in_its_tenant_for_each_item_and_where_it_is_closed():
    key, ended = new("ann", "bob"), []

    @tenant(key)
    def generator():
        try:
            for one in Author.objects.order_by("id"):
                yield one.name, current()
        finally:
            ended.append(current())

    @tenant(key)
    async def asynchronous():
        try:
            async for one in Author.objects.order_by("id"):
                yield one.name, current()
        finally:
            ended.append(current())

    async def read(most):
        found = []
        async with aclosing(asynchronous()) as items:
            async for one in items:
                assert current() is None
                found.append(one)
                if len(found) == most:
                    break
        assert current() is None
        return found

    items = generator()
    assert next(items) == ("ann", key)
    items.close()
    assert current() is None
    assert async_to_sync(read)(3) == [("ann", key), ("bob", key)]
    assert async_to_sync(read)(1) == [("ann", key)]
    assert ended == [key] * 3


def a_generator_that_leaks_its_tenant_is_noticed():
    first, second = new(), new()

    def leaking():
        with tenant(first):
            yield

    with pytest.raises(OtherTenant), tenant(second):
        next(leak := leaking())
    with pytest.raises(OtherTenant):
        leak.close()
    assert current() is None


def a_subdomain_is_entered_and_left():
    key = new("ann")
    found = Client().get("/names/", headers=_host(key)).json()
    assert found == {"tenant": key, "names": ["ann"], "url": "/names/"}
    assert current() is None


def an_unknown_subdomain_is_not_found_and_a_suspended_one_unavailable():
    from schemasync.tenants import activate_tenant, suspend_tenant

    key = new("ann")
    assert Client().get("/names/", headers=_host("nobody")).status_code == 404
    suspend_tenant(key)
    found = Client().get("/names/", headers=_host(key))
    assert (found.status_code, found.headers["Retry-After"]) == (503, "60")
    with tenant(key):
        assert _names() == ["ann"]
    activate_tenant(key)
    assert Client().get("/names/", headers=_host(key)).status_code == 200


def other_hosts_are_for_no_tenant():
    for host in ("example.com", "www.example.com", "acme.elsewhere.com"):
        with pytest.raises(NoTenant):
            Client().get("/names/", headers={"host": host})


def paths_headers_and_functions_name_a_tenant():
    from django.http import Http404
    from django.test import RequestFactory
    from django.urls import get_script_prefix

    from schemasync.tenants.identify import identification
    from schemasync.tenants.settings import tenant_settings

    def identified(how, request):
        given = settings.SCHEMASYNC
        with override_settings(SCHEMASYNC={**given, "TENANTS": {**given["TENANTS"], "REQUEST": how}}):
            return identification()(request)

    make = RequestFactory()
    request = make.get("/t/acme/names/")
    assert identified({"path": "/t/"}, request) == "acme"
    assert (request.path_info, get_script_prefix()) == ("/names/", "/t/acme/")
    set_script_prefix("/")
    assert identified({"path": "/t/"}, make.get("/names/")) is None
    assert identified({"header": "X-Tenant"}, make.get("/", headers={"x-tenant": "acme"})) == "acme"
    for how, bad in (
        ({"header": "X-Tenant"}, make.get("/", headers={"x-tenant": "../acme"})),
        ({"path": "/t/"}, make.get("/t/../names/")),
    ):
        with pytest.raises(Http404):
            identified(how, bad)
    assert identified(lambda request: "called", make.get("/")) == "called"
    assert tenant_settings().request == {"subdomain": "example.com"}


@contextmanager
def _by(how):
    """Set how requests name their tenant, until the block ends."""
    given = settings.SCHEMASYNC
    with override_settings(SCHEMASYNC={**given, "TENANTS": {**given["TENANTS"], "REQUEST": how}}):
        try:
            yield
        finally:
            set_script_prefix("/")  # as the handler does at the beginning of the next request


def a_path_names_the_tenant_of_a_request_and_goes_before_its_urls():
    key, other = new("ann"), new("bob")
    with _by({"path": "/t/"}):
        for one, name in ((key, "ann"), (other, "bob")):
            expected = {"tenant": one, "names": [name], "url": f"/t/{one}/names/"}
            for get in (Client().get, async_to_sync(AsyncClient().get)):
                set_script_prefix("/")  # as the handlers do, but not the test clients
                assert get(f"/t/{one}/names/").json() == expected
            assert current() is None
        for path in ("/t/nobody/names/", "/t/../names/", f"/t/{key}/nothing/", f"/t/{key}"):
            assert Client().get(path).status_code == 404, path
        with pytest.raises(NoTenant):
            Client().get("/names/", headers=_host(key))


def a_header_names_the_tenant_of_a_request():
    key = new("ann")
    with _by({"header": "X-Tenant"}):
        expected = {"tenant": key, "names": ["ann"], "url": "/names/"}
        assert Client().get("/names/", headers={"x-tenant": key}).json() == expected
        assert async_to_sync(AsyncClient().get)("/names/", headers={"x-tenant": key}).json() == expected
        assert current() is None
        for bad in ("nobody", f"../{key}", ""):
            assert Client().get("/names/", headers={"x-tenant": bad}).status_code == 404, bad
        with pytest.raises(NoTenant):
            Client().get("/names/", headers=_host(key))


def atomic_requests_roll_back_the_tenant_and_open_no_other_file():
    from schemasync.tenants import open_files

    key = new("ann")
    for one in (new(), new()):
        with tenant(one):
            connections["tenant"].close()
    connections.close_all()
    before = open_files.count()  # files of threads that have ended
    client = Client(raise_request_exception=False)
    assert client.get("/fail/", headers=_host(key)).status_code == 500
    assert open_files.count() == before + 1
    with tenant(key):
        assert _names() == ["ann"]


def atomic_requests_open_one_file_of_a_thousand_tenants():
    from schemasync.tenants import open_files
    from schemasync.tenants.paths import folder_of, path_of

    first = new("ann")
    connections.close_all()  # rows that are only in a log would be missing in the linked files
    keys = [f"atomic-{number}" for number in range(1_000)]
    linked(folder_of(first).parent, path_of(first).resolve(), keys)
    Tenant.objects.bulk_create([Tenant(key=key) for key in keys], batch_size=500)
    before, files, client = open_files.count(), _descriptors(), Client(raise_request_exception=False)
    assert client.get("/fail/", headers=_host(first)).status_code == 500
    assert open_files.count() == before + 1
    assert {name.partition("/")[0] for name in _descriptors() - files} == {first}
    with tenant(first):
        assert _names() == ["ann"], "what the view wrote was rolled back"
    assert client.get("/names/", headers=_host(keys[500])).json()["names"] == ["ann"]
    assert {name.partition("/")[0] for name in _descriptors() - files} == {first, keys[500]}
    connections.close_all()
    Tenant.objects.filter(key__in=keys).delete()


def _descriptors():
    """Return the tenant files that this process has open, by path below the folder of all tenants."""
    from schemasync.tenants.settings import tenant_settings

    folder = str(tenant_settings().folder)
    found = (os.path.realpath(one) for one in Path("/dev/fd").iterdir())
    return {one.removeprefix(f"{folder}/") for one in found if one.startswith(f"{folder}/")}


def atomic_without_a_name_guards_the_tenant():
    key = new()
    ran = []
    with tenant(key):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Author.objects.create(name="x")
            transaction.on_commit(lambda: ran.append("early"))
            1 / 0  # noqa: B018
        assert not _names()
        with transaction.atomic():
            transaction.on_commit(lambda: ran.append(_names()))
            Author.objects.create(name="y")
            assert not ran
    assert ran == [["y"]]
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Tenant.objects.filter(key=key).update(name="renamed")
        1 / 0  # noqa: B018
    assert Tenant.objects.get(key=key).name == ""


def content_types_and_sites_are_cached_by_tenant():
    first, second = new(), new()
    for key in (first, second):
        with tenant(key):
            Site.objects.update_or_create(pk=1, defaults={"domain": f"{key}.example.com"})
            assert ContentType.objects.get_for_model(Book)._state.db == f"tenant:{key}"
    for key in (first, second, first):
        with tenant(key):
            assert Site.objects.get_current().domain == f"{key}.example.com"
            assert ContentType.objects.get_for_model(Book)._state.db == f"tenant:{key}"
            Site.objects.clear_cache()
