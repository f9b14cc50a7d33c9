"""Tenants on several hosts, which share the table of tenants."""

import io
import json
import sqlite3
from contextlib import closing, contextmanager
from functools import partial

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.urls import reverse

from schemasync.actions.database import Database
from schemasync.engines.sqlite.fence import Fence, raise_fence
from schemasync.errors import Code, Refused, UsageError
from schemasync.tenants import (
    OtherHost,
    UnknownTenant,
    activate_tenant,
    archive_tenant,
    create_tenant,
    current,
    delete_tenant,
    lookup,
    suspend_tenant,
    tenant,
)
from schemasync.tenants.across import report
from schemasync.tenants.connection import TenantMoved
from schemasync.tenants.fleet.standing import served_keys
from schemasync.tenants.models import State, Tenant
from schemasync.tenants.moving.balancing import balance
from schemasync.tenants.paths import folder_of, path_of
from tests.tenants.inside import new
from tests.tenants.shop.models import Author

FORM = "application/x-www-form-urlencoded"

EU = {"LABELS": {"region": "eu"}, "URL": "https://{key}.north.example.com/"}
HOSTS = {"north": EU, "south": {"LABELS": {"region": "us"}}, "closed": {"WEIGHT": 0, "LABELS": {"region": "eu"}}}


@contextmanager
def _on(host, **more):
    """Make this process act as that host until the block ends."""
    given = settings.SCHEMASYNC
    tenants = {**given["TENANTS"], "HOST": host, "HOSTS": HOSTS, **more}
    with override_settings(SCHEMASYNC={**given, "TENANTS": tenants}):
        lookup._rows.clear()
        yield
    lookup._rows.clear()


def a_new_tenant_gets_a_host_with_its_labels_and_keeps_it():
    with _on("north"):
        made = create_tenant("eu-1", labels={"region": "eu"}, group="first", pinned=True)
        assert (made.host, made.group, made.pinned, made.labels) == ("north", "first", True, {"region": "eu"})
        assert create_tenant("chosen", host="north").host == "north"
    assert new()


def a_tenant_of_another_host_is_not_created_here():
    with _on("north"):
        with pytest.raises(OtherHost) as found:
            create_tenant("us-1", labels={"region": "us"})
        assert found.value.code is Code.OTHER_HOST
        assert found.value.problems[0].hint == 'On "south": manage.py schemasync tenants create us-1 --host south'
        assert not Tenant.objects.filter(key="us-1").exists()
    with _on("south"):
        assert create_tenant("us-1", labels={"region": "us"}).host == "south"


def the_command_creates_a_tenant_with_the_fields_of_its_row():
    with _on("north"):
        out = io.StringIO()
        words = ["create", "by-command", "--name", "By", "--label", "region=eu", "--group", "first", "--pinned"]
        call_command("schemasync", "tenants", *words, "--json", stdout=out)
        made = Tenant.objects.get(key="by-command")
        assert (made.name, made.labels, made.group, made.pinned) == ("By", {"region": "eu"}, "first", True)
        assert json.loads(out.getvalue()) == {
            "result": "created", "key": "by-command", "host": "north", "path": str(made.get_path()),
            "version": made.version, "errors": [],
        }  # fmt: skip
        for words in (["create"], ["create", "x", "--label", "region"], ["create", "x", "--host", "nowhere"]):
            with pytest.raises(CommandError) as found:
                call_command("schemasync", "tenants", *words)
            assert found.value.returncode == 2


def what_no_host_can_have_is_refused():
    with _on("north"):
        for error, given in (
            (UsageError, {"host": "nowhere"}),
            (Refused, {"labels": {"region": "asia"}}),
            (Refused, {"host": "south", "labels": {"region": "eu"}}),
            (UsageError, {"labels": {"region": 1}}),
        ):
            with pytest.raises(error):
                create_tenant("impossible", **given)
    with _on("closed"):
        assert create_tenant("by-choice", host="closed", labels={"region": "eu"}).host == "closed"
    with pytest.raises(UsageError, match='no host "north"'):
        create_tenant("impossible", host="north")
    assert not Tenant.objects.filter(key="impossible").exists()


def another_host_changes_no_life_of_a_tenant():
    with _on("north"):
        create_tenant("theirs", host="north")
    with _on("south"):
        for act in (archive_tenant, activate_tenant, lambda key: delete_tenant(key, confirm=key)):
            Tenant.objects.filter(key="theirs").update(state=State.ARCHIVED if act is activate_tenant else State.ACTIVE)
            before = Tenant.objects.get(key="theirs").state
            with pytest.raises(OtherHost, match='is on the host "north", and this is "south"'):
                act("theirs")
            assert Tenant.objects.get(key="theirs").state == before
            assert folder_of("theirs").exists()


def the_admin_offers_the_hosts_and_says_where_to_create_what_is_not_here():
    client = Client()
    client.force_login(User.objects.create(username="boss", is_staff=True, is_superuser=True))
    add = reverse("admin:schemasync_tenants_tenant_add")
    given = {"key": "by-form", "name": "", "labels": '{"region": "us"}'}
    with _on("north"):
        assert '<option value="south">' in client.get(add).content.decode()
        assert "lacks a label" in client.post(add, {**given, "host": "north"}).content.decode()
        reported = client.post(add, {**given, "host": ""}, follow=True).content.decode()
        assert "tenants create by-form --host south" in reported
    with _on("south"):
        create_tenant("by-form")
    assert Tenant.objects.get(key="by-form").host == "south"
    assert client.post(add, {"key": "no-labels", "name": "", "labels": ""}).status_code == 302
    assert Tenant.objects.get(key="no-labels").labels == {}


def _ready():
    yield current()


async def _ready_async():
    yield current()


def _first_items(key):
    """Return three functions that enter the tenant: a decorated one, and the first item of either kind of generator."""
    return (
        tenant(key)(current),
        lambda: next(tenant(key)(_ready)()),
        lambda: async_to_sync(_first_async)(tenant(key)(_ready_async)()),
    )


async def _first_async(items):
    try:
        return await anext(items)
    finally:
        await items.aclose()


def _ask(key, path="/names/?q=a%20b", **given):
    return Client().generic(given.pop("method", "GET"), path, headers={"host": f"{key}.example.com"}, **given)


def a_tenant_of_another_host_is_not_entered():
    with _on("north"):
        create_tenant("not-here", host="north")
    with _on("south"):
        for enter in (lambda: tenant("not-here").__enter__(), *_first_items("not-here")):
            with pytest.raises(OtherHost, match='"not-here" is on the host "north", and this is "south"') as found:
                enter()
            assert found.value.code is Code.OTHER_HOST
        Tenant.objects.filter(key="not-here").update(host="")
        lookup._rows.clear()
        with pytest.raises(OtherHost, match="has no host") as found:
            tenant("not-here").__enter__()
        assert '.update(host="south")' in found.value.problems[0].hint
        assert _ask("not-here").status_code == 421
    with tenant("not-here"):  # a single host has all tenants, whatever their rows say
        assert not Author.objects.exists()
    assert current() is None
    assert [enter() for enter in _first_items("not-here")] == ["not-here"] * 3
    assert current() is None


def a_generator_raises_at_its_first_item_what_a_function_raises():
    key = new("ann")
    for enter in (*_first_items("nobody"), *_first_items("..")):
        with pytest.raises(UnknownTenant, match="there is no tenant"):
            enter()
    for state, reported in (
        (State.ARCHIVED, "is archived"),
        (State.CREATING, "is not created yet"),
        (State.DELETING, "is not deleted yet"),
    ):
        Tenant.objects.filter(key=key).update(state=state)
        lookup._rows.clear()
        for enter in _first_items(key):
            with pytest.raises(UnknownTenant, match=reported):
                enter()
            assert current() is None
    Tenant.objects.filter(key=key).update(state=State.SUSPENDED)
    lookup._rows.clear()
    assert [enter() for enter in _first_items(key)] == [key] * 3
    Tenant.objects.filter(key=key).update(state=State.ACTIVE)
    lookup._rows.clear()


def a_request_for_a_tenant_of_another_host_is_answered_as_the_setting_says():
    with _on("north"):
        create_tenant("asked", host="north")
        assert _ask("asked").status_code == 200
    with _on("south"):
        assert _ask("asked").status_code == 421
        suspend_tenant("asked")
        assert _ask("asked").status_code == 503
        activate_tenant("asked")
    with _on("south", HOSTS={"north": EU, "south": {"URL": "https://south.example.com"}}, OTHER_HOST=307):
        found = _ask("asked", method="POST", data=b"name=ann", content_type="application/x-www-form-urlencoded")
        assert found.status_code == 307
        assert found.headers["Location"] == "https://asked.north.example.com/names/?q=a%20b"
        found = _ask("asked", PATH_INFO="//evil.example/")
        assert found.headers["Location"] == "https://asked.north.example.com//evil.example/?q=a%20b"
    with _on("south", OTHER_HOST="X-Accel-Redirect"):
        found = _ask("asked")
        assert (found.status_code, found.headers["X-Accel-Redirect"]) == (200, "@tenants_north")
        Tenant.objects.filter(key="asked").update(host="gone")
        lookup._rows.clear()
        assert _ask("asked").status_code == 421


async def _status(application, host):
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/names/async/",
        "query_string": b"",
        "headers": [(b"host", host)],
    }
    asked = ApplicationCommunicator(application, scope)
    await asked.send_input({"type": "http.request"})
    return (await asked.receive_output(30))["status"]


def an_asynchronous_request_for_a_tenant_of_another_host_is_answered_too():
    with _on("north"):
        create_tenant("asked-async", host="north")
    with _on("south"):
        assert async_to_sync(_status)(get_asgi_application(), b"asked-async.example.com") == 421


def a_process_that_holds_a_file_which_has_moved_answers_as_for_another_host():
    with _on("north"):
        key = "moving"
        create_tenant(key, host="north")
        write = partial(_ask, key, "/write/", method="POST", data="name=ann", content_type=FORM)
        assert write().status_code == 200
        with closing(sqlite3.connect(path_of(key), isolation_level="IMMEDIATE")) as connection, connection:
            raise_fence(connection, Fence.moved(7, "south", "now"))
        found = write()
        assert (found.status_code, found.headers["Retry-After"]) == (503, "1")
        with pytest.raises(TenantMoved, match='has moved to the host "south"') as raised, tenant(key):
            Author.objects.create(name="bob")
        assert raised.value.code is Code.OTHER_HOST
        assert lookup.row(key).host == "north"
        Tenant.objects.filter(key=key).update(host="south")
        assert write().status_code == 421  # although the row was read within the last second
        with pytest.raises(OtherHost), tenant(key):
            pass


def a_host_looks_at_its_own_tenants_alone():
    Tenant.objects.all().delete()
    with _on("north"):
        create_tenant("of-north", host="north")
    with _on("south"):
        create_tenant("of-south", host="south")
        assert served_keys() == ["of-south"]
        assert [one.key for one in report("SELECT count(*) AS n FROM shop_author")] == ["of-south"]
    assert served_keys() == ["of-north", "of-south"]


def _load():
    return {"busy-1": 10, "busy-2": 10.0}


def the_load_that_a_project_counts_is_shared_although_the_sizes_are_equal():
    Tenant.objects.all().delete()
    for number in (1, 2):
        Tenant.objects.create(key=f"busy-{number}", host="north", size=1_000)
        Tenant.objects.create(key=f"idle-{number}", host="south", size=1_000, pinned=True)
    with _on("north"):
        assert not balance(Database("tenant")).proposed
    for load in (_load, "tests.tenants.claims.hosts._load"):
        with _on("north", LOAD=load):
            found = balance(Database("tenant"))
            assert [(one.tenant.key, one.to) for one in found.proposed] == [("busy-2", "south")]
            assert found.shares == {"north": (1.0, 2.0), "south": (1.0, 0.0)}
    Tenant.objects.all().delete()


def the_map_of_hosts_is_printed_or_written():
    Tenant.objects.all().delete()
    Tenant.objects.create(key="acme", host="north")
    Tenant.objects.create(key="zeno", host="gone")
    Tenant.objects.create(key="old", host="north", state=State.ARCHIVED)

    def routes(*words):
        out, err = io.StringIO(), io.StringIO()
        call_command("schemasync", "tenants", "routes", *words, stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    with _on("north"):
        out, err = routes("--json")
        found = json.loads(out)
        assert (found["tenants"], found["lost"]) == ({"acme": "north"}, ["zeno"])
        assert found["hosts"] == {"north": "https://{key}.north.example.com", "south": "", "closed": ""}
        path = folder_of("acme").with_name("routes.conf")
        out, err = routes("-o", str(path))
        assert (out, err) == (f"wrote {path}: 1 tenant\n", "1 tenant on no host of the settings: zeno\n")
        assert '    "acme" "north";' in path.read_text()
        assert json.loads(routes("--format", "json")[0]) == found
        assert 'map {tenants_key} {tenants_host} {\n\tdefault ""\n\t"acme" "north"' in routes("--format", "caddy")[0]
    with _on("north", REQUEST=lambda request: "acme"), pytest.raises(CommandError, match="which no proxy can call"):
        routes()
    out = io.StringIO()
    with _on("north"):
        call_command("schemasync", "tenants", "status", stdout=out)
    assert "on no host of the settings: zeno" in out.getvalue()
    with pytest.raises(CommandError, match="all tenants are on one host"):
        routes()
    with pytest.raises(CommandError, match="routes have no format csv"):
        routes("--format", "csv")
    Tenant.objects.all().delete()
