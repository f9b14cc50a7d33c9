"""A project with tenants, whose databases are in the folder of the environment variable TENANTS_FOLDER."""

import json
import os
from pathlib import Path

BASE_DIR = Path(os.environ["TENANTS_FOLDER"])
SECRET_KEY = "tests"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
INSTALLED_APPS = [
    "schemasync.tenants",  # before auth, whose createsuperuser it extends
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.messages",
    "django.contrib.admin",
    "schemasync",
    "tests.tenants.shop",
]
ENGINE = "schemasync.backends.sqlite3"
DATABASES = {
    "default": {"ENGINE": ENGINE, "NAME": BASE_DIR / "db.sqlite3"},
    "tenant": {"ENGINE": ENGINE, "NAME": BASE_DIR / "template.sqlite3", "ATOMIC_REQUESTS": True, "CONN_MAX_AGE": None},
}
if "TENANTS_DEFAULT" in os.environ:  # on another engine
    DATABASES["default"] = json.loads(os.environ["TENANTS_DEFAULT"])
DATABASE_ROUTERS = ["schemasync.tenants.routing.TenantRouter"]
SCHEMASYNC = {
    "ENABLED": os.environ.get("TENANTS_ENABLED", "1") == "1",
    "SCHEMA": {"default": BASE_DIR / "schema.json", "tenant": BASE_DIR / "schema.tenant.json"},
    "TENANTS": {
        "FOLDER": BASE_DIR / "tenants",
        "APPS": ["shop", "sites"],
        "BOTH": ["auth", "contenttypes"],
        "REQUEST": {"subdomain": "example.com"},
        "OPEN_FILES": 8,
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
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "tests.tenants.shop.urls"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SITE_ID = 1

if host := os.environ.get("TENANTS_HOST"):  # one of two hosts with workers, which share the default database
    SCHEMASYNC["TENANTS"].update(HOST=host, HOSTS={"north": {}, "south": {}}, FOLDER=BASE_DIR / host / "tenants")
    SCHEMASYNC["SCHEMA"]["tenant"] = BASE_DIR / host / "schema.tenant.json"
    DATABASES["tenant"]["NAME"] = BASE_DIR / host / "template.sqlite3"
    INSTALLED_APPS += ["django_tasks_db"]
    TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default", "north", "south"]}}
