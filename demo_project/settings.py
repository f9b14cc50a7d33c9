"""Settings of the demo: an ordinary Django site on SQLite whose tables come from schema.json.

Environment variables change it: `DEMO_DATABASE` is the path of the database and `DEMO_SCHEMA` that of the schema, both
relative to the current folder. `DEMO_POSTGRES` names an empty database on PostgreSQL, to which the demo moves and from
which it comes back. `DEMO_TRANSFORMS` names the module with the transforms: in a project of your own, write its name
into the settings of the release that needs it.
"""

import os
from pathlib import Path

from schemasync.databases import current

BASE_DIR = Path(__file__).absolute().parent.parent
DEMO_DIR = BASE_DIR / "demo_project"


def path_from(variable: str, default: Path) -> Path:
    """Return the absolute path in an environment variable, or the default. Links are not resolved."""
    # Not resolve(): the database's path is a link, and resolving it here would name one generation forever.
    return Path(os.environ.get(variable) or default).absolute()


# A real site reads its key from outside and keeps DEBUG off; this one is meant for your own machine.
SECRET_KEY = "django-insecure-schemasync-demo-do-not-use-elsewhere"
DEBUG = True
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", "testserver"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_extensions",
    "schemasync",
    "demo_project",
    "demo_project.erp",
    "demo_project.notices",
]

DATABASES = {
    "default": {
        "ENGINE": "schemasync.backends.sqlite3",  # opens the new file after a swap
        "NAME": path_from("DEMO_DATABASE", BASE_DIR / "db.sqlite3"),
    }
}
if "DEMO_POSTGRES" in os.environ:
    # An empty database on PostgreSQL, to which the demo moves; libpq's own variables (PGHOST, PGUSER) name its server.
    POSTGRES: dict[str, object] = {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["DEMO_POSTGRES"]}
    DATABASES = {"default": current(sqlite=DATABASES["default"], postgres=POSTGRES), "pg": POSTGRES}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SCHEMASYNC = {
    "ENABLED": True,  # the models' tables are in schema.json, too, and no app's migrations are run
    "SCHEMA": path_from("DEMO_SCHEMA", DEMO_DIR / "schema.json"),
    "TRANSFORMS": os.environ.get("DEMO_TRANSFORMS"),  # functions that compute rows in Python
    "RUN_FROM_ADMIN": True,  # a pending sync can be run from its page
}

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "demo_project.urls"
WSGI_APPLICATION = "demo_project.wsgi.application"
ASGI_APPLICATION = "demo_project.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "build" / "static"
