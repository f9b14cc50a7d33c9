"""A Django project in a folder: an app with models that can be rewritten, and its commands as a shell runs them."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Site:
    """The project; without the flag, as it was before."""

    interpreter = sys.executable
    patience = 120  # seconds that a command may take

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

    def manage(self, *args: str, stdin: str | None = None) -> Ended:
        """A command, without a terminal."""
        ended = subprocess.run(
            [self.interpreter, "manage.py", *map(str, args)],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=self.patience,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    @property
    def environment(self) -> dict[str, str]:
        """That of a process of its own, which knows nothing of these tests; a superuser's password may be set."""
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("DJANGO_SETT", "DEMO", "PYTEST"))
        }
        return {**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}

    def done(self, *args: str) -> Ended:
        """The same for what must succeed."""
        ended = self.manage(*args)
        assert ended.code == 0, ended
        return ended

    def python(self, code: str) -> str:
        """Run code of the project; what it prints."""
        setup = 'import os, django; os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"; django.setup()\n'
        (self.folder / "code.py").write_text(setup + code)
        ended = subprocess.run(
            [self.interpreter, "code.py"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def rows(self, sql: str) -> list[tuple]:
        with closing(sqlite3.connect(self.link)) as connection:
            return connection.execute(sql).fetchall()

    def sql(self, script: str) -> None:
        with closing(sqlite3.connect(self.link)) as connection:
            connection.executescript(script)
            connection.commit()
