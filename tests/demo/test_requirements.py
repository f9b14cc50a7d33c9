"""The first command of the README installs everything that the demo uses."""

import re
from importlib.metadata import packages_distributions, requires

import pytest

from tests.support.processes import ROOT, run

from .demo import Demo

# The demo and its pages, in a process that cannot import modules of other packages.
DEMO_AND_PAGES = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import django
django.setup()
from django.core.management import call_command
call_command("demo", verbosity=0, stdout=sys.stderr)
from django.contrib.auth.models import User
from django.test import Client
visitor = Client(SERVER_NAME="localhost")
visitor.force_login(User.objects.create_superuser("visitor"))
for path in ("/", "/projects/1/", "/admin/", "/admin/notices/notice/", "/admin/schemasync/schemaversion/"):
    assert visitor.get(path).status_code == 200, path
"""


def named(file):
    """Return the packages that a requirements file names, without versions."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / file).read_text("utf-8").splitlines()]
    return [re.split(r"[<>=!~;\[ ]", line)[0] for line in lines if line and not line.startswith("-")]


def folded(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_with(names):
    """Return the normalised names of these packages and all that they require, extras aside."""
    found, waiting = set(), [folded(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            lines = [line for line in requires(name) or () if "extra ==" not in line]
            waiting += [folded(re.match(r"[\w.-]+", line)[0]) for line in lines]
    return found


@pytest.mark.slow
def test_the_demo_and_its_pages_work_with_what_its_requirements_bring_alone(tmp_path):
    brought = installed_with(["django-schemasync", *named("requirements.txt")])
    others = [m for m, names in packages_distributions().items() if not brought & {folded(name) for name in names}]
    assert {"pytest", "gunicorn", "hypothesis", "yaml", "mkdocs"} <= set(others)
    assert not {"django", "jsonschema", "rich", "django_extensions"} & set(others)
    demo = Demo(tmp_path)
    variables = demo.environment | {"DJANGO_SETTINGS_MODULE": "demo_project.settings"}
    ended = run(["-c", DEMO_AND_PAGES, *others], tmp_path, variables, fresh=True)
    assert ended.code == 0, ended


def test_the_demo_needs_one_package_besides_this_one():
    assert (ROOT / "requirements.txt").read_text("utf-8").splitlines().count("-e .") == 1
    assert named("requirements.txt") == ["django-extensions"]


def test_the_tests_need_what_the_demo_needs_and_more():
    assert "-r requirements.txt" in (ROOT / "requirements-dev.txt").read_text("utf-8").splitlines()
    assert {"pytest", "playwright", "mkdocs", "ruff"} <= set(named("requirements-dev.txt"))
