"""A server applies ON_STARTUP to each tenant at its first connection."""

import pytest

from tests.support.processes import environment, run

BEGIN = """
from django.core.management import call_command
from tests.tenants.inside import new
for alias in ("default", "tenant"):
    call_command("schemasync", database=alias, export=True, verbosity=0)
for _ in range(20):
    new("ann")
"""
SERVE = """
import os
import django
django.setup()
from pathlib import Path
from django.conf import settings
from schemasync import connect
from django.db import connections
from schemasync.tenants import tenant
from schemasync.tenants.models import Tenant
from tests.tenants.shop.models import Author

schema = Path(settings.SCHEMASYNC["SCHEMA"]["tenant"])
schema.write_text(schema.read_text().rstrip()[:-1] + ', "extra": {"id": "INTEGER PRIMARY KEY"}}')
settings.SCHEMASYNC["ON_STARTUP"] = os.environ["ON_STARTUP"]
found = set()
for key in Tenant.objects.values_list("key", flat=True):
    with tenant(key):
        try:
            assert Author.objects.get().name == "ann"
            names = connections["tenant"].introspection.table_names()
            found.add("current" if "extra" in names else "behind")
        except django.db.OperationalError as error:
            found.add(type(error).__name__ + (" names the command" if "schemasync --tenant " in str(error) else ""))
print(*found, connect.registered.cache_info().currsize)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("given", "found"), [("sync", "current"), ("refuse", "NotCurrent names the command")])
def test_each_tenant_is_synced_or_refused_and_all_share_what_the_application_registers(tmp_path, given, found):
    variables = environment(
        DJANGO_SETTINGS_MODULE="tests.tenants.settings", TENANTS_FOLDER=str(tmp_path), ON_STARTUP=given
    )
    assert run(("-m", "django", "shell", "--verbosity=0", "-c", BEGIN), tmp_path, variables, fresh=True).code == 0
    ended = run(("-c", SERVE), tmp_path, variables, fresh=True)
    assert ended.code == 0, ended.err
    assert ended.out.strip() == f"{found} 2", ended.err
