"""A Django project in a folder: an app with models that can be rewritten, and its commands as a shell runs them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from .folder import ProjectFolder
from .processes import PATIENCE, Ended

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
TIME_ZONE = "UTC"
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


class Site(ProjectFolder):
    """The project. Without `flag`, it has Django's own engine, and schemasync is installed but not enabled."""

    interpreter = sys.executable
    patience = PATIENCE

    def __init__(self, folder: Path, models: str = MODELS, *, flag: bool = True, more: str = "") -> None:
        super().__init__(folder)
        (folder / "shop").mkdir(parents=True)
        (folder / "shop" / "__init__.py").touch()
        (folder / "site_urls.py").write_text(URLS)
        self.models(models)
        self.settings(flag=flag, more=more)

    def copy(self, folder: Path) -> Site:
        """Copy the whole project with its database to `folder`, and return the copy."""
        shutil.copytree(self.folder, folder, symlinks=True)
        other = object.__new__(Site)
        ProjectFolder.__init__(other, folder)
        return other

    def settings(self, *, flag: bool, more: str = "", installed: bool = True) -> None:
        engine = "schemasync.backends.sqlite3" if flag else "django.db.backends.sqlite3"
        flagged = '"schemasync",' if installed else ""
        self.write_project(SETTINGS.format(engine=engine, enabled=flag, flagged=flagged, more=more))

    def models(self, text: str) -> None:
        (self.folder / "shop" / "models.py").write_text(text)

    def change(self, *pairs: tuple[str, str]) -> None:
        """Replace each old text of the models by the new one."""
        path = self.folder / "shop" / "models.py"
        text = path.read_text()
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        path.write_text(text)

    def manage(self, *args: str, stdin: str = "", fresh: bool = False) -> Ended:
        """Run a manage.py command, without a terminal."""
        return self._python("manage.py", *args, stdin=stdin, fresh=fresh)

    def done(self, *args: str, fresh: bool = False) -> Ended:
        """Run a manage.py command, which must succeed."""
        ended = self.manage(*args, fresh=fresh)
        assert ended.code == 0, ended
        return ended

    def python(self, code: str, *, fresh: bool = False) -> str:
        """Run code in the project, which must succeed, and return its stripped output."""
        setup = 'import os, django; os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"; django.setup()\n'
        (self.folder / "code.py").write_text(setup + code)
        ended = self._python("code.py", fresh=fresh)
        assert ended.code == 0, ended.err
        return ended.out.strip()

    def _python(self, *words: str, **how: Any) -> Ended:
        return self.run(*words, timeout=self.patience, interpreter=self.interpreter, **how)
