"""Django's commands run in a tenant."""

import io
import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from schemasync.errors import UsageError
from schemasync.management.tenant_lives import change
from schemasync.tenants import UnknownTenant, activate_tenant, archive_tenant, current, tenant
from schemasync.tenants.models import State, Tenant
from schemasync.tenants.paths import folder_of, path_of
from tests.tenants.inside import new
from tests.tenants.shop.models import Author, Book


def commands_of_django_work_on_a_tenant():
    first, second = new("ann"), new()
    call_command(
        "createsuperuser", tenant=first, username="boss", email="b@example.com", interactive=False, verbosity=0
    )
    with tenant(first):
        assert User.objects.get().username == "boss"
        Book.objects.create(title="x", author=Author.objects.get())
    assert not User.objects.exists()
    found = io.StringIO()
    call_command("dumpdata", "shop", tenant=first, stdout=found)
    assert [one["model"] for one in json.loads(found.getvalue())] == ["shop.author", "shop.book"]
    path = folder_of(first) / "fixture.json"
    path.write_text(found.getvalue())
    call_command("loaddata", str(path), tenant=second, verbosity=0)
    with tenant(second):
        assert Book.objects.get().author.name == "ann"
    call_command(
        "shell",
        tenant=second,
        verbosity=0,
        command="from tests.tenants.shop.models import Author; Author.objects.create(name='y')",
    )
    with tenant(second):
        assert Author.objects.count() == 2
    assert current() is None


def an_unknown_tenant_is_reported_on_the_command_line():
    with pytest.raises(CommandError, match="unknown-tenant") as found:
        call_command("shell", tenant="nobody", verbosity=0, command="1")
    assert found.value.returncode == 3


def a_tenant_is_suspended_activated_archived_and_deleted_by_its_key():
    key = new("ann")
    assert _changed("suspend", key)["result"] == "suspended"
    assert Tenant.objects.get(pk=key).state == State.SUSPENDED
    found = _changed("activate", key)
    assert (found["result"], found["path"]) == ("activated", str(path_of(key)))
    _refused("delete", key, code="unknown-tenant", confirm=key)
    folder = Path(_changed("archive", key)["path"])
    assert (folder / "db.sqlite3").exists()
    assert not folder_of(key).exists()
    _refused("suspend", key, code="unknown-tenant")
    assert _changed("activate", key)["result"] == "activated"
    with tenant(key):
        assert Author.objects.get().name == "ann"
    _changed("archive", key)
    _refused("delete", key, code="prompt-needed")
    _refused("delete", key, code="declined", confirm="another")
    assert (folder / "db.sqlite3").exists()
    assert _changed("delete", key, confirm=key) == {"result": "deleted", "key": key, "path": None, "errors": []}
    assert not folder.exists()
    assert not Tenant.objects.filter(pk=key).exists()
    _refused("delete", key, code="unknown-tenant", confirm=key)
    _refused("archive", code="bad-option")
    _refused("archive", key, code="bad-option", confirm=key)


def a_tenant_is_deleted_when_a_person_types_its_key_and_only_if_it_is_still_archived():
    key, questions = new("ann"), []
    archive_tenant(key)

    def typed(answer, first=lambda: None):
        def ask(question):
            questions.append(question)
            first()
            return answer

        return ask

    given = {"subject": key}
    with pytest.raises(UsageError, match="nothing was deleted"):
        change("delete", given, typed("yes"))
    with pytest.raises(UnknownTenant, match="active, not archived"):
        change("delete", given, typed(key, lambda: activate_tenant(key)))
    with tenant(key):
        assert Author.objects.get().name == "ann"
    archive_tenant(key)
    assert change("delete", given, typed(f" {key} ")).result == "deleted"
    assert len(questions) == 3
    assert all(key in question for question in questions)


def _changed(*words, **options):
    out = io.StringIO()
    call_command("schemasync", "tenants", *words, json=True, stdout=out, **options)
    return json.loads(out.getvalue())


def _refused(*words, code, **options):
    with pytest.raises(CommandError, match=rf"\[{code}\]"):
        call_command("schemasync", "tenants", *words, verbosity=0, **options)
