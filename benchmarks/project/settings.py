"""Settings of the measured site: Django's own applications and the little shop.

The environment variables `BENCHMARK_DATABASE` and `BENCHMARK_SCHEMA` name its database and its schema.json; with
`BENCHMARK_STOCK` it is a site without schemasync.
"""

import os

SECRET_KEY = "benchmarks"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    *([] if os.environ.get("BENCHMARK_STOCK") else ["schemasync"]),
    "benchmarks.shop",
]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("BENCHMARK_DATABASE", ":memory:")},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SCHEMASYNC = {
    "SCHEMA": os.environ.get("BENCHMARK_SCHEMA", "schema.json"),
    "ENABLED": bool(os.environ.get("BENCHMARK_ENABLED")),
}
SILENCED_SYSTEM_CHECKS = ["admin.E403", "admin.E408", "admin.E409", "admin.E410"]  # the site has no pages
USE_TZ = True
