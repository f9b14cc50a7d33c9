"""The project's tests under pytest-django: in memory and on disk, in one process and in two."""

import subprocess
import sys

import pytest

from tests.support.processes import ROOT
from tests.support.site import Site

TESTS = """
import pytest
from shop.models import Tag

@pytest.mark.django_db
def test_trigger():
    tag = Tag.objects.create(label="RED")
    tag.refresh_from_db()
    assert tag.label == "red"
    assert Tag.objects.get(pk=7).label == "named in schema.json"

@pytest.mark.django_db(transaction=True)
def test_permissions(django_user_model):
    from django.contrib.auth.models import Permission
    assert Permission.objects.filter(codename="add_tag").exists()
"""
TRIGGER = '"_triggers": {"lower_tag": "AFTER INSERT ON shop_tag BEGIN UPDATE shop_tag SET label = lower(label) WHERE id = NEW.id; END"},'
ROWS = '"_rows": [{"id": 7, "label": "named in schema.json"}],'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "processes"),
    [
        ("memory", 0),
        pytest.param("memory", 2, marks=pytest.mark.slow),
        pytest.param("disk", 0, marks=pytest.mark.slow),
        pytest.param("disk", 2, marks=pytest.mark.slow),
    ],
)
def test_pytest_runs_on_a_database_made_of_the_schema(tmp_path, place, processes):
    on_disk = 'DATABASES["default"]["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}'
    site = Site(tmp_path / "site", more=on_disk if place == "disk" else "")
    site.done("makemigrations")
    text = site.schema.read_text().replace('"_model": "shop.Tag",', f'"_model": "shop.Tag",\n    {TRIGGER}\n    {ROWS}')
    site.schema.write_text(text)
    (site.folder / "test_shop.py").write_text(TESTS)
    (site.folder / "pytest.ini").write_text(
        "[pytest]\nDJANGO_SETTINGS_MODULE = site_settings\npython_files = test_*.py\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(processes)],
        cwd=site.folder, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 passed" in ended.stdout
    assert not site.link.exists()
    assert not list(site.folder.glob("test*.sqlite3*"))
