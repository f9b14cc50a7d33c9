"""A Django project in a folder: an app with models that can be rewritten, and its commands as a shell runs them."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from tests.support.processes import PATIENCE, Ended, environment, run

MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = "tests"
DEBUG = True
ROOT_URLCONF = "site_urls"
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages", "django.contrib.staticfiles", {flagged} "shop",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {{"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages",
    ]}},
}}]
DATABASES = {{"default": {{"ENGINE": "{engine}", "NAME": BASE_DIR / "db.sqlite3"}}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
USE_TZ = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # each login and user costs 0.3 s by the default
SCHEMASYNC = {{"ENABLED": {enabled}, "ON_STARTUP": "ignore"}}
{more}
"""
URLS = """
from django.contrib import admin
from django.urls import path
urlpatterns = [path("admin/", admin.site.urls)]
"""
MODELS = """
from django.db import models

class Customer(models.Model):
    name = models.CharField(max_length=100)
    email = models.EmailField(unique=True)

class Order(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    total = models.DecimalField(max_digits=8, decimal_places=2)
    tags = models.ManyToManyField("Tag")

class Tag(models.Model):
    label = models.SlugField()
"""


class Site:
    """The project; without the flag, as it was before."""

    interpreter = sys.executable
    patience = PATIENCE

    def __init__(self, folder: Path, models: str = MODELS, *, flag: bool = True, more: str = "") -> None:
        self.folder, self.link = folder, folder / "db.sqlite3"
        self.schema = folder / "schema.json"
        (folder / "shop").mkdir(parents=True)
        (folder / "shop" / "__init__.py").touch()
        (folder / "manage.py").write_text(MANAGE)
        (folder / "site_urls.py").write_text(URLS)
        self.models(models)
        self.settings(flag=flag, more=more)

    def copy(self, folder: Path) -> Site:
        """The whole project once more, its database and all."""
        shutil.copytree(self.folder, folder, symlinks=True)
        other = object.__new__(Site)
        other.folder, other.link, other.schema = folder, folder / "db.sqlite3", folder / "schema.json"
        return other

    def settings(self, *, flag: bool, more: str = "", installed: bool = True) -> None:
        engine = "schemasync.backends.sqlite3" if flag else "django.db.backends.sqlite3"
        flagged = '"schemasync",' if installed else ""
        text = SETTINGS.format(engine=engine, enabled=flag, flagged=flagged, more=more)
        (self.folder / "site_settings.py").write_text(text)

    def models(self, text: str) -> None:
        (self.folder / "shop" / "models.py").write_text(text)

    def change(self, *pairs: tuple[str, str]) -> None:
        """Rewrite the models."""
        path = self.folder / "shop" / "models.py"
        text = path.read_text()
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        path.write_text(text)

    def manage(self, *args: str, stdin: str = "", fresh: bool = False) -> Ended:
        """A command, without a terminal."""
        return self._run("manage.py", *args, stdin=stdin, fresh=fresh)

    @property
    def environment(self) -> dict[str, str]:
        """That of a process of its own; a superuser's password may be set."""
        return environment()

    def done(self, *args: str, fresh: bool = False) -> Ended:
        """The same for what must succeed."""
        ended = self.manage(*args, fresh=fresh)
        assert ended.code == 0, ended
        return ended

    def python(self, code: str, *, fresh: bool = False) -> str:
        """Run code of the project; what it prints."""
        setup = 'import os, django; os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"; django.setup()\n'
        (self.folder / "code.py").write_text(setup + code)
        ended = self._run("code.py", fresh=fresh)
        assert ended.code == 0, ended.err
        return ended.out.strip()

    def _run(self, *words: str, stdin: str = "", fresh: bool) -> Ended:
        return run(
            words,
            self.folder,
            self.environment,
            stdin=stdin,
            timeout=self.patience,
            fresh=fresh,
            interpreter=self.interpreter,
        )

    def rows(self, sql: str) -> list[tuple]:
        with closing(sqlite3.connect(self.link)) as connection:
            return connection.execute(sql).fetchall()

    def sql(self, script: str) -> None:
        with closing(sqlite3.connect(self.link)) as connection:
            connection.executescript(script)
            connection.commit()
