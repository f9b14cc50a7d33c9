"""Projects that keep their migrations can also have tenants."""

import pytest

from tests.support.processes import environment, run

SCRIPT = """
from schemasync import api
from schemasync.tenants import create_tenant, tenant
from tests.tenants.shop.models import Author

create_tenant("acme")
with tenant("acme"):
    print(Author.objects.create(name="ann")._state.db, api.sync(database="tenant")["result"])
"""


@pytest.mark.slow
def test_a_project_with_migrations_has_the_table_of_tenants_and_an_adopted_template(tmp_path):
    settings = {"TENANTS_FOLDER": str(tmp_path), "TENANTS_ENABLED": "0"}
    variables = environment(DJANGO_SETTINGS_MODULE="tests.tenants.settings", **settings)

    def manage(*words):
        ended = run(("-m", "django", *words), tmp_path, variables, fresh=True)
        assert ended.code == 0, ended.err
        return ended.out

    for alias in ("default", "tenant"):
        manage("migrate", "--run-syncdb", "--verbosity=0", f"--database={alias}")
    manage("schemasync", "adopt", "--database=tenant", "--noinput")
    assert manage("shell", "--verbosity=0", "-c", SCRIPT).split() == ["tenant:acme", "current"]


@pytest.mark.slow
def test_the_migration_of_the_app_has_all_of_its_model(tmp_path):
    variables = environment(
        DJANGO_SETTINGS_MODULE="tests.tenants.settings", TENANTS_FOLDER=str(tmp_path), TENANTS_ENABLED="0"
    )
    ended = run(
        ("-m", "django", "makemigrations", "--check", "--dry-run", "schemasync_tenants"),
        tmp_path,
        variables,
        fresh=True,
    )
    assert ended.code == 0, ended.out
