"""The tenants in Django's admin, on the host that belongs to no tenant."""

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.core.management import call_command
from django.db import OperationalError, connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from schemasync import api
from schemasync.errors import Busy
from schemasync.models import SchemaVersion
from schemasync.schema.text import short
from schemasync.tenants import OtherTenant, archive_tenant, create_tenant, delete_tenant, outside, tenant
from schemasync.tenants.checks import check_tenants
from schemasync.tenants.models import State, Tenant
from schemasync.tenants.paths import archived_folder_of, folder_of, path_of
from tests.tenants.inside import new
from tests.tenants.shop.models import Author

LIST = "admin:schemasync_tenants_tenant_changelist"


def _client(*permissions: str) -> Client:
    user = User.objects.using("default").create(
        username=f"operator{User.objects.using('default').count()}", is_staff=True, is_superuser=not permissions
    )
    user.user_permissions.set(Permission.objects.using("default").filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def _messages(response) -> list[str]:
    return [str(one) for one in get_messages(response.wsgi_request)]


def _act(client: Client, action: str, *keys: str) -> list[str]:
    return _messages(client.post(reverse(LIST), {"action": action, "_selected_action": keys}))


def a_tenant_is_created_with_its_file_and_renamed():
    client, add = _client(), reverse("admin:schemasync_tenants_tenant_add")
    assert client.get(add).status_code == 200
    assert client.post(add, {"key": "by-hand", "name": "By Hand"}).status_code == 302
    assert Tenant.objects.get(pk="by-hand").state == State.ACTIVE
    with tenant("by-hand"):
        Author.objects.create(name="ann")
    change = reverse("admin:schemasync_tenants_tenant_change", args=["by-hand"])
    assert client.post(change, {"key": "another", "name": "Renamed"}).status_code == 302
    assert Tenant.objects.get(pk="by-hand").name == "Renamed"
    assert not Tenant.objects.filter(pk="another").exists()


def a_key_whose_folder_is_there_already_is_refused_by_the_form():
    folder_of("strange").mkdir(parents=True)
    response = _client().post(reverse("admin:schemasync_tenants_tenant_add"), {"key": "strange", "name": ""})
    assert "does not belong to a tenant" in response.content.decode()
    assert not Tenant.objects.filter(pk="strange").exists()


def a_tenant_that_cannot_be_created_is_shown_as_one_that_is_not_yet():
    client, add = _client(), reverse("admin:schemasync_tenants_tenant_add")
    schema = Path(settings.SCHEMASYNC["SCHEMA"]["tenant"])
    text = schema.read_text()
    schema.write_text(text.replace('"name"', '"title"', 1))
    try:
        assert "is not current" in " ".join(_messages(client.post(add, {"key": "too-early", "name": "Too Early"})))
    finally:
        schema.write_text(text)
    assert Tenant.objects.get(pk="too-early").state == State.CREATING
    create_tenant("too-early")
    assert Tenant.objects.get(pk="too-early").name == "Too Early"


def a_key_that_is_no_label_of_a_host_is_refused_by_the_form():
    response = _client().post(reverse("admin:schemasync_tenants_tenant_add"), {"key": "../up", "name": ""})
    assert response.status_code == 200
    assert not Tenant.objects.filter(pk="../up").exists()


def the_actions_lead_through_a_tenants_life():
    client, key = _client(), new("ann")
    assert _act(client, "suspend", key) == [f"{key}: done."]
    assert Tenant.objects.get(pk=key).state == State.SUSPENDED
    _act(client, "activate", key)
    assert Tenant.objects.get(pk=key).state == State.ACTIVE
    _act(client, "archive", key)
    assert (archived_folder_of(key).exists(), folder_of(key).exists()) == (True, False)
    _act(client, "activate", key)
    with tenant(key):
        assert Author.objects.get().name == "ann"


def what_fails_for_one_is_reported_and_done_for_the_others():
    client, first, second = _client(), new(), new()
    archive_tenant(first)
    messages = _act(client, "suspend", first, second)
    assert messages[0].startswith(f'{first}: the tenant "{first}" is archived')
    assert messages[1] == f"{second}: done."


def only_an_archived_tenant_is_deleted():
    client, key = _client(), new("ann")
    page = reverse("admin:schemasync_tenants_tenant_delete", args=[key])
    assert client.post(page, {"post": "yes", "confirm": key}).status_code == 403
    assert path_of(key).exists()
    archive_tenant(key)
    assert client.get(page).status_code == 200
    asked = client.get(page).content.decode()
    assert str(archived_folder_of(key)) in asked
    assert "type its key" in asked
    for typed in ({}, {"confirm": "another"}):
        assert client.post(page, {"post": "yes", **typed}).headers["Location"] == page
    assert archived_folder_of(key).exists()
    assert client.post(page, {"post": "yes", "confirm": key}).status_code == 302
    assert not archived_folder_of(key).exists()
    assert not Tenant.objects.filter(pk=key).exists()
    assert "delete_selected" not in client.get(reverse(LIST)).content.decode()


def a_tenant_is_found_by_its_host_group_and_labels_which_the_form_checks():
    client, key = _client(), new()
    Tenant.objects.filter(key=key).update(host="far", group="first", size=2_000_000)
    change = reverse("admin:schemasync_tenants_tenant_change", args=[key])
    given = {"name": "", "group": "first", "pinned": "on", "host": "near", "folder": "elsewhere"}
    assert "JSON object of strings" in client.post(change, {**given, "labels": '{"region": 1}'}).content.decode()
    assert client.post(change, {**given, "labels": '{"region": "eu=west"}'}).status_code == 302
    row = Tenant.objects.get(key=key)
    assert (row.labels, row.pinned, row.host, row.folder) == ({"region": "eu=west"}, True, "far", "")
    for asked in (
        {"host": "far"},
        {"group": "first"},
        {"label": "region=eu=west"},
        {"q": "far"},
        {"pinned__exact": "1"},
    ):
        page = client.get(reverse(LIST), asked).content.decode()
        assert page.count('name="_selected_action"') == 1, asked
        assert "2.0\N{NO-BREAK SPACE}MB" in page
    assert "?label=region%3Deu%3Dwest" in client.get(reverse(LIST)).content.decode()
    Tenant.objects.filter(key=key).update(host="")


def who_may_only_look_has_no_actions():
    client, key = _client("view_tenant"), new()
    assert key in client.get(reverse(LIST), {"q": key}).content.decode()
    _act(client, "suspend", key)
    assert Tenant.objects.get(pk=key).state == State.ACTIVE


def a_page_of_many_tenants_takes_few_queries():
    Tenant.objects.bulk_create(Tenant(key=f"many-{n}", state=State.ARCHIVED) for n in range(2000))
    client = _client()
    try:
        with CaptureQueriesContext(connection) as few:
            response = client.get(reverse(LIST), {"state": "archived"})
        assert response.status_code == 200
        assert response.content.decode().count('name="_selected_action"') == 100
        assert len(few) <= 10, [one["sql"] for one in few.captured_queries]
    finally:
        Tenant.objects.filter(pk__startswith="many-").delete()


def within_a_transaction_the_life_of_a_tenant_does_not_change():
    key = new("ann")
    for act in (
        lambda: create_tenant("in-a-transaction"),
        lambda: archive_tenant(key),
        lambda: delete_tenant(key, confirm=key),
    ):
        with transaction.atomic(using="default"):
            try:
                act()
            except Busy as error:
                assert "transaction.on_commit" in str(error)
            else:
                raise AssertionError("it is done")
    assert path_of(key).exists()
    assert not folder_of("in-a-transaction").exists()


def a_superuser_of_a_tenant_sees_and_does_nothing_to_others():
    mine, other = new(), new("ann")
    with tenant(mine):
        boss = User.objects.create(username="boss", is_staff=True, is_superuser=True)
        client = Client(headers={"host": f"{mine}.example.com"})
        client.force_login(boss)
    start = client.get("/admin/").content.decode()
    assert "/admin/auth/user/" in start
    assert "schemasync" not in start
    for name in ("schemasync_tenants_tenant", "schemasync_schemaversion"):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 403
    assert client.get(reverse("admin:schemasync_tenants_tenant_add")).status_code == 403
    assert client.get(reverse("admin:schemasync_tenants_tenant_change", args=[other])).status_code == 403
    client.post(reverse(LIST), {"action": "archive", "_selected_action": [other]})
    assert Tenant.objects.get(pk=other).state == State.ACTIVE


def the_history_of_a_tenant_is_shown_and_rolled_back_outside_of_it():
    client, key, other = _client(), new("ann"), new("bob")
    change = reverse("admin:schemasync_tenants_tenant_change", args=[key])
    versions = f"{reverse('admin:schemasync_schemaversion_changelist')}?db=tenant:{key}"
    assert versions in client.get(change).content.decode()
    with tenant(key):
        first = api.status(database="tenant")["generation"]
        call_command("schemasync", database="tenant", rebuild_all=True, verbosity=0)
        second = api.status(database="tenant")["generation"]
    assert first != second
    page = client.get(versions).content.decode()
    assert first in page
    assert f'data-live="{second}"' in page
    with outside():  # the template, from which every tenant is made, is still at the first generation
        assert api.status(database="tenant")["generation"] == first
    rows = {row.generation: row for row in _history(key)}
    of = f"?db=tenant:{key}"
    ways = {
        name: reverse(f"admin:schemasync_schemaversion_{name}", args=[rows[first].pk]) + of
        for name in ("change", "schema", "database", "verify", "rollback")
    }
    assert client.get(ways["change"]).status_code == client.get(ways["schema"]).status_code == 200
    shown = client.get(ways["rollback"]).content.decode()
    assert f"manage.py schemasync rollback --tenant {key} {second}" in shown
    typed = {"live": second, "version": short(rows[first].version)[:6], "db": f"tenant:{key}"}
    Tenant.objects.filter(pk=key).update(version="1:stale")
    messages = _messages(client.post(ways["rollback"], typed))
    assert messages[0].startswith(f"{first} is live again"), messages
    with tenant(key):
        assert api.status(database="tenant")["generation"] == first
    assert Tenant.objects.get(pk=key).version == rows[first].version
    assert client.get(reverse("admin:schemasync_schemaversion_run") + of).status_code == 403
    with pytest.raises(OtherTenant):
        connections[f"tenant:{key}"]
    archive_tenant(other)
    for unknown in (other, "nobody"):
        assert client.get(f"{versions.rpartition(':')[0]}:{unknown}").status_code == 404


def _pages(key, pk):
    names = [("changelist", ()), ("metrics", ()), ("prune", ()), ("status", ())]
    names += [(name, (pk,)) for name in ("change", "history", "schema", "sql", "database", "rollback")]
    base = "admin:schemasync_schemaversion_"
    return [reverse(base + name, args=words) + f"?db=tenant:{key}" for name, words in names]


def a_page_on_a_tenant_without_a_file_says_so_and_creates_none():
    """Its disk may just not be mounted: an empty file would be synced, and taken for the tenant's."""
    client, key = _client(), new("ann")
    folder = folder_of(key)
    aside = folder.rename(folder.with_name(f"{key}-aside"))
    connections.close_all()
    try:
        for there in (False, True):
            if there:
                folder.mkdir()
            for page in _pages(key, 1):
                response = client.get(page)
                assert response.status_code == 200, page
                assert f"there is no database at {path_of(key)}" in response.content.decode(), page
            with tenant(key), pytest.raises(OperationalError, match="unable to open"):
                Author.objects.count()
        assert list(folder.iterdir()) == []
        (folder / "db.sqlite3").write_bytes(b"no database" * 1000)
        for page in _pages(key, 1):
            assert client.get(page).status_code in (200, 404), page
    finally:
        connections.close_all()
        for one in folder.iterdir():
            one.unlink()
        folder.rmdir()
        aside.rename(folder)


def who_may_not_see_tenants_sees_no_database_of_one():
    client, key = _client("view_schemaversion", "download_schemaversion", "rollback_schemaversion"), new("ann")
    for page in _pages(key, _history(key)[0].pk):
        assert client.get(page).status_code == 403, page
    assert client.get(reverse("admin:schemasync_schemaversion_changelist")).status_code == 200
    for page in _pages(key, _history(key)[0].pk):
        assert _client().get(page).status_code == 200, page


def a_rollback_of_a_tenant_shows_the_accounts_that_come_back_and_is_in_the_log_of_the_tenant():
    client, key = _client(), new()
    with tenant(key):
        User.objects.create(username="fired", is_superuser=True, is_staff=True)
        call_command("schemasync", database="tenant", rebuild_all=True, verbosity=0)
        User.objects.update(is_superuser=False, is_active=False)
    first, second = _history(key)
    rollback = reverse("admin:schemasync_schemaversion_rollback", args=[first.pk]) + f"?db=tenant:{key}"
    shown = " ".join(client.get(rollback).content.decode().split())
    assert "active in only one of the two:</strong> <bdi>fired</bdi>" in shown, shown
    assert "You stay signed in" not in shown
    typed = {"live": second.generation, "version": short(first.version)[:6], "db": f"tenant:{key}"}
    assert _messages(client.post(rollback, typed))[0].startswith(f"{first.generation} is live again")
    entry = LogEntry.objects.get(object_id=key)
    assert entry.content_type.model_class() is Tenant
    assert client.get(reverse(LIST)).status_code == 200, "the operator is still signed in"


def _history(key):
    with tenant(key):
        return list(SchemaVersion.objects.using(f"tenant:{key}").only("pk", "generation", "version").order_by("pk"))


def every_page_of_the_history_is_closed_to_users_of_a_tenant():
    key = new()
    with tenant(key):
        client = Client(headers={"host": f"{key}.example.com"})
        client.force_login(User.objects.create(username="boss", is_staff=True, is_superuser=True))
    pages = [url for url in site._registry[SchemaVersion].get_urls() if url.name]
    assert len(pages) > 5
    for url in pages:
        arguments = dict.fromkeys(url.pattern.converters, "1")
        address = reverse(f"admin:{url.name}", kwargs=arguments)
        assert client.get(address).status_code == 403, url.name
        assert client.post(address).status_code == 403, url.name


def the_log_of_the_admin_is_not_written_with_a_key_of_a_tenant():
    key = new()
    with tenant(key):
        user = User.objects.create(username="boss")
        entry = LogEntry(user_id=user.pk, object_repr="x", action_flag=1)
        for write in (entry.save, lambda: LogEntry.objects.bulk_create([entry])):
            with pytest.raises(OtherTenant, match='Put "admin" into'):
                write()
        with outside():
            LogEntry(user_id=None, object_repr="x", action_flag=1)
    assert not LogEntry.objects.exists()
    assert [one.id for one in check_tenants(None)] == ["schemasync.W018"] * 2


def two_thousand_tenants_take_as_many_queries_as_twenty():
    client, taken = _client(), []
    for count in (20, 2000):
        new = [Tenant(key=f"row-{count}-{number}", labels={"region": f"r{number % 3}"}) for number in range(count)]
        Tenant.objects.bulk_create(new, batch_size=500)
        with CaptureQueriesContext(connection) as queries:
            pages = [client.get(reverse(LIST), given) for given in ({}, {"q": "row"}, {"label": "region=r1"})]
        assert [page.status_code for page in pages] == [200, 200, 200]
        taken.append(len(queries))
    Tenant.objects.filter(key__startswith="row-").delete()
    assert taken[0] == taken[1] <= 45, taken
