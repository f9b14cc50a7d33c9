"""Imports of a process that starts with the app installed: nothing heavy before it is used."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = (
    "jsonschema",
    "rich",
    "schemasync.diff",
    "schemasync.plan",
    "schemasync.schema.document",
    "schemasync.sync.phases",
)

SETTINGS = """
SECRET_KEY = "tests"
ROOT_URLCONF = "urls"
INSTALLED_APPS = [
    "schemasync", "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
DATABASES = {"default": {"ENGINE": "schemasync.backends.sqlite3", "NAME": "db.sqlite3"}}
SCHEMASYNC = {"ENABLED": True}
"""
URLS = (
    "from django.contrib import admin\nfrom django.urls import path\nurlpatterns = [path('admin/', admin.site.urls)]\n"
)

STARTS = {
    "a management command": "from django.core.management import call_command; call_command('diffsettings')",
    "a server": "import urls; from django.core.wsgi import get_wsgi_application; get_wsgi_application()",
}


@pytest.mark.parametrize("start", STARTS)
def test_a_start_imports_nothing_heavy(tmp_path, start):
    (tmp_path / "settings.py").write_text(SETTINGS)
    (tmp_path / "urls.py").write_text(URLS)
    code = (
        "import contextlib, io, json, sys\nwith contextlib.redirect_stdout(io.StringIO()):\n"
        f"    import django; django.setup()\n    {STARTS[start]}\nprint(json.dumps(sorted(sys.modules)))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    modules = json.loads(ended.stdout)
    assert "schemasync.admin.model_admin" in modules
    assert [name for name in modules if name.startswith(HEAVY)] == []


def test_an_action_does_not_import_what_the_others_need():
    code = (
        "import django, json, sys; django.setup(); import schemasync.management.actions as found\n"
        "before = set(sys.modules); found.actions.hash, found.output.hash\n"
        "print(json.dumps([sorted(before), sorted(set(sys.modules) - before)]))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    before, then = json.loads(done.stdout)
    package = "schemasync.actions."
    imported = {name.removeprefix(package) for name in before if name.startswith(package)}
    assert imported == {"addressed", "database", "database_errors", "dialogue", "option_values", "shared"}
    assert not {"schemasync.tenants.fleet", "schemasync.sync.runner", "schemasync.engines.postgres.translator"} & set(
        before
    )
    assert {"schemasync.actions.hash", "schemasync.management.output.hash"} <= set(then)
    assert not {"schemasync.actions.plan", "schemasync.management.output.plan"} & set(then)


def test_a_name_that_is_no_module_is_no_attribute():
    from schemasync import actions

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        actions.nothing  # noqa: B018
    assert not hasattr(actions, "__wrapped__")
