"""Settings of the kitchen: nothing in it has migrations, so that `migrate --run-syncdb` makes all tables from models.

With KITCHEN_MIGRATED Django's own apps have theirs, as usual. KITCHEN is the folder of its databases: Django makes
`stock`, and schemasync makes `synced`.
"""

import os
from pathlib import Path

FOLDER = Path(os.environ.get("KITCHEN", "."))
SECRET_KEY = "tests"
CONTRIB = ["admin", "auth", "contenttypes", "messages", "sessions", "sites"]
INSTALLED_APPS = [*(f"django.contrib.{name}" for name in CONTRIB), "schemasync", "tests.orm.kitchen"]
MIGRATION_MODULES = dict.fromkeys(["kitchen"] if "KITCHEN_MIGRATED" in os.environ else [*CONTRIB, "kitchen"])
ENGINE = "django.db.backends.sqlite3"
DATABASES = {
    "default": {"ENGINE": ENGINE, "NAME": FOLDER / "stock.sqlite3"},
    "synced": {"ENGINE": "schemasync.backends.sqlite3", "NAME": FOLDER / "synced.sqlite3"},
}
SCHEMASYNC = {"SCHEMA": FOLDER / "schema.json", "ON_STARTUP": "ignore"}
AUTH_USER_MODEL = "kitchen.User"
KITCHEN_SWAPPABLE = "kitchen.Numbers"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"  # the default differs between 5.2 and 6.0
SITE_ID = 1
USE_TZ = True
SILENCED_SYSTEM_CHECKS = [
    "fields.E210",  # without Pillow, an ImageField is a column like any other
    "admin.E403", "admin.E408", "admin.E409", "admin.E410",  # nobody opens the admin
]  # fmt: skip
