"""TenantTestCase under Django's runner and under pytest."""

import pytest

from tests.support.processes import ROOT, environment, run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "passed"),
    [
        (("-W", "error::ResourceWarning", "-m", "django", "test", "tests.tenants.shop.cases"), "Ran 5 tests"),
        (("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "tests/tenants/shop/cases.py"), "5 passed"),
    ],
    ids=["django", "pytest"],
)
def test_tests_of_a_project_run_inside_of_a_tenant_and_leave_nothing(tmp_path, words, passed):
    settings = {"DJANGO_SETTINGS_MODULE": "tests.tenants.settings", "TENANTS_FOLDER": str(tmp_path)}
    variables = environment(**settings)
    for alias in ("default", "tenant"):
        made = run(("-m", "django", "schemasync", "export", f"--database={alias}"), ROOT, variables, fresh=True)
        assert made.code == 0, made.err
    ended = run(words, ROOT, variables, fresh=True)
    assert ended.code == 0, ended.out + ended.err
    assert passed in ended.out + ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["schema.json", "schema.tenant.json"]
