"""Commands of Django in a tenant."""

import io
import json

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from schemasync.tenants import current, tenant
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
    from schemasync.tenants.paths import folder_of

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


def an_unknown_tenant_is_told_to_the_command_line():
    with pytest.raises(CommandError, match="unknown-tenant") as found:
        call_command("shell", tenant="nobody", verbosity=0, command="1")
    assert found.value.returncode == 3
