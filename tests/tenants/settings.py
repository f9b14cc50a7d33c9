"""A project with tenants, whose databases are in the folder of the environment variable TENANTS_FOLDER."""

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
    "schemasync",
    "tests.tenants.shop",
]
ENGINE = "schemasync.backends.sqlite3"
DATABASES = {
    "default": {"ENGINE": ENGINE, "NAME": BASE_DIR / "db.sqlite3"},
    "tenant": {"ENGINE": ENGINE, "NAME": BASE_DIR / "template.sqlite3", "ATOMIC_REQUESTS": True, "CONN_MAX_AGE": None},
}
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
]
ROOT_URLCONF = "tests.tenants.shop.urls"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SITE_ID = 1
