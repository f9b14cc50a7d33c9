"""Tenants of several hosts, which share the table of tenants."""

import io
import json
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.urls import reverse

from schemasync.errors import Code, Refused, UsageError
from schemasync.tenants import OtherHost, activate_tenant, archive_tenant, create_tenant, delete_tenant, lookup
from schemasync.tenants.hosts import proposed_host
from schemasync.tenants.models import State, Tenant
from schemasync.tenants.paths import folder_of
from tests.tenants.inside import new

EU = {"LABELS": {"region": "eu"}, "URL": "https://north.example.com/"}
HOSTS = {"north": EU, "south": {"LABELS": {"region": "us"}}, "closed": {"WEIGHT": 0, "LABELS": {"region": "eu"}}}


@contextmanager
def _on(host, hosts=HOSTS):
    """This process is that host, until the block ends."""
    given = settings.SCHEMASYNC
    with override_settings(SCHEMASYNC={**given, "TENANTS": {**given["TENANTS"], "HOST": host, "HOSTS": hosts}}):
        lookup._rows.clear()
        yield
    lookup._rows.clear()


def a_new_tenant_gets_a_host_with_its_labels_and_keeps_it():
    with _on("north"):
        made = create_tenant("eu-1", labels={"region": "eu"}, group="first", pinned=True)
        assert (made.host, made.group, made.pinned, made.labels) == ("north", "first", True, {"region": "eu"})
        assert create_tenant("chosen", host="north").host == "north"
        Tenant.objects.filter(key="eu-1").update(labels={"region": "us"})
        assert proposed_host(Tenant.objects.get(key="eu-1")) == "north"
        Tenant.objects.filter(key="eu-1").update(pinned=False)
        assert proposed_host(Tenant.objects.get(key="eu-1")) == "south"
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
        assert create_tenant("by-hand", host="closed", labels={"region": "eu"}).host == "closed"
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
        told = client.post(add, {**given, "host": ""}, follow=True).content.decode()
        assert "tenants create by-form --host south" in told
    with _on("south"):
        create_tenant("by-form")
    assert Tenant.objects.get(key="by-form").host == "south"
    assert client.post(add, {"key": "no-labels", "name": "", "labels": ""}).status_code == 302
    assert Tenant.objects.get(key="no-labels").labels == {}
