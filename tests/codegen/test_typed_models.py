"""mypy, strict and with django-stubs, finds no error in generated models, and knows the types of their fields."""

import json
import os
import subprocess
import sys

import pytest

from schemasync.schema import jsonc
from schemasync.schema.shape_check import tables_of
from tests.support.processes import ROOT, environment

from .imported import generated
from .test_kitchen import tree

SETTINGS = """
SECRET_KEY = "tests"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "schemasync", "demo_models", "kitchen_models"]
DATABASES = {"default": {"ENGINE": "schemasync.backends.sqlite3", "NAME": "db.sqlite3"}}
USE_TZ = True
"""
CONFIGURATION = """
[mypy]
python_version = 3.11
strict = true
plugins = mypy_django_plugin.main
[mypy.plugins.django-stubs]
django_settings_module = project_settings
"""
USE = """
import datetime
from typing import assert_type
from demo_models.models import Department, Project, User

def use(user: User) -> None:
    assert_type(user.name, str)
    assert_type(user.hired_on, datetime.date)
    assert_type(user.department, Department | None)
    assert_type(Project.objects.filter(lead=user).count(), int)
    assert_type(str(user), str)
    user.nmae  # type: ignore[attr-defined]
    User.objects.filter(nmae="x")  # type: ignore[misc]
"""


def demo():
    """Return the tables of the demo's ERP as if no model owned them."""
    text = (ROOT / "demo_project" / "schema.json").read_text("utf-8")
    found = json.loads(jsonc.scan(text).json)
    own = {key: {name: part for name, part in body.items() if name != "_model"} for key, body in tables_of(found)}
    return own | {"_views": found["_views"]}


@pytest.mark.slow  # mypy takes 6 s for it; the code of each field is compared in test_models
def test_generated_models_are_typed(tmp_path):
    for name, schema in {"demo_models": demo(), "kitchen_models": tree()}.items():
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "models.py").write_text(generated(json.dumps(schema)).text)
    for name, text in {"use.py": USE, "project_settings.py": SETTINGS, "mypy.ini": CONFIGURATION}.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "demo_models", "kitchen_models", "use.py"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)])),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "Success: no issues found in 5 source files\n", done.stdout + done.stderr
