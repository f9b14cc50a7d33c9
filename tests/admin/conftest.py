"""A site in operation: two generations, users of every kind, rows written since the last swap."""

import json
import textwrap

import pytest

from tests.support.site import Site

PEOPLE = """
from django.contrib.auth.models import Permission, User
def may(name, *acts):
    user = User.objects.create_user(name, password=name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=[act + "_schemaversion" for act in acts]))
User.objects.create_superuser("root", password="root")
may("nobody")
may("viewer", "view")
may("swapper", "view", "rollback")
may("blind", "rollback", "prune", "run", "download")
"""
VISIT = """
import json, sys
from django.test import Client
from django.contrib.auth.models import User
BASE = "/admin/schemasync/schemaversion/"
def visitor(name, **options):
    client = Client(SERVER_NAME="localhost", **options)
    if name:
        assert client.login(username=name, password=name)
    return client
def live():
    from schemasync.models import SchemaVersion
    return SchemaVersion.objects.order_by("-id").first()
def swap(client, pk, version=None, expected=None):
    page = client.get(f"{BASE}{pk}/rollback/")
    from schemasync.models import SchemaVersion
    wanted = version or SchemaVersion.objects.get(pk=pk).version.partition(":")[2][:6]
    return client.post(f"{BASE}{pk}/rollback/", {"version": wanted, "live": expected or live().generation})
def body(answer):
    return answer.content.decode()
"""


@pytest.fixture(scope="session")
def _operated(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("operated") / "site")
    site.done("schemasync", "--export")
    site.python(PEOPLE)
    site.run_sql("INSERT INTO shop_tag (id, label) VALUES (1, 'red'), (2, 'green')")
    site.change(
        ("label = models.SlugField()", "label = models.SlugField()\n    weight = models.IntegerField(default=3)")
    )
    site.done("schemasync", "--export")
    site.run_sql(
        "INSERT INTO shop_tag (id, label, weight) VALUES (3, 'since', 1); UPDATE shop_tag SET weight = 9 WHERE id = 1"
    )
    return site


@pytest.fixture
def operated(_operated, tmp_path):
    return _operated.copy(tmp_path / "site")


@pytest.fixture
def visit(operated):
    """Run code that visits pages, and return the JSON that it prints last."""

    def run(code, site=operated):
        return json.loads(site.python(VISIT + textwrap.dedent(code)).splitlines()[-1])

    return run
