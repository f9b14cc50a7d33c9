"""Settings of the demo of tenants: those of docs/howto/tenants.md.

Two variables of the environment change it: `DEMO_FOLDER` is where the databases and their schemas are, and with
`DEMO_RELEASE=2` the models are those of the next release.
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).absolute().parent
DATA = Path(os.environ.get("DEMO_FOLDER") or BASE_DIR / "data").absolute()
DEMO_RELEASE = int(os.environ.get("DEMO_RELEASE") or 1)

# A real site reads its key from outside and keeps DEBUG off; this one is meant for your own machine.
SECRET_KEY = "django-insecure-schemasync-demo-do-not-use-elsewhere"
DEBUG = True
ALLOWED_HOSTS = [".localhost"]

INSTALLED_APPS = [
    "schemasync",
    "schemasync.tenants",  # before auth, whose createsuperuser it extends
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "demo_tenants.invoices",
]

ENGINE = "schemasync.backends.sqlite3"
DATABASES = {
    "default": {"ENGINE": ENGINE, "NAME": DATA / "db.sqlite3"},
    "tenant": {"ENGINE": ENGINE, "NAME": DATA / "template.sqlite3"},
}
DATABASE_ROUTERS = ["schemasync.tenants.routing.TenantRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SCHEMASYNC = {
    "ENABLED": True,
    "SCHEMA": {"default": DATA / "schema.json", "tenant": DATA / "schema.tenant.json"},
    "TENANTS": {
        "FOLDER": DATA / "tenants",
        "APPS": ["invoices"],
        "BOTH": ["auth", "contenttypes", "admin"],
        "REQUEST": {"subdomain": "localhost"},
    },
}
SESSION_ENGINE = "schemasync.tenants.sessions.db"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "KEY_FUNCTION": "schemasync.tenants.caches.make_key",
    }
}

MIDDLEWARE = [
    "schemasync.tenants.middleware.TenantMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "demo_tenants.urls"
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
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
