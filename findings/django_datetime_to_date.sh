#!/usr/bin/env bash
# Django 5.2.19 and 6.1.3 on SQLite: an `AlterField` from DateTimeField to DateField succeeds and leaves
# '2024-05-06 07:08:09' in each row. The new field reads that as None, without an error, and a `save()` that changes
# another field writes this None: the date is gone.
#
# Seen on each version:
#   stored after migrate: 2024-05-06 07:08:09, read: None
#   stored after save(): None
#
# Needs Python 3.12 or later for Django 6. Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

mkdir -p app/migrations
touch app/__init__.py app/migrations/__init__.py
cat >settings.py <<'PYTHON'
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
INSTALLED_APPS = ["app"]
USE_TZ = True
PYTHON
cat >app/models.py <<'PYTHON'
from django.db import models


class Visit(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.TextField()
    at = models.DateField(null=True)
PYTHON
cat >app/migrations/0001_initial.py <<'PYTHON'
from django.db import migrations, models


class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(
            "Visit",
            [
                ("id", models.AutoField(primary_key=True)),
                ("name", models.TextField()),
                ("at", models.DateTimeField(null=True)),
            ],
        )
    ]
PYTHON
cat >app/migrations/0002_date.py <<'PYTHON'
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("app", "0001_initial")]
    operations = [migrations.AlterField("visit", "at", models.DateField(null=True))]
PYTHON
cat >try.py <<'PYTHON'
import sqlite3

import django

django.setup()

from django.core.management import call_command

from app.models import Visit


def stored():
    return database.execute("SELECT at FROM app_visit").fetchone()[0]


call_command("migrate", "app", "0001", verbosity=0)
database = sqlite3.connect("db.sqlite3", isolation_level=None)
database.execute("INSERT INTO app_visit (name, at) VALUES ('Ann', '2024-05-06 07:08:09')")
call_command("migrate", verbosity=0)
visit = Visit.objects.get()
print(f"stored after migrate: {stored()}, read: {visit.at}")
visit.name = "Anne"
visit.save()
print(f"stored after save(): {stored()}")
PYTHON

for version in 5.2.19 6.1.3; do
  echo "== Django $version"
  rm -rf environment db.sqlite3
  python3 -m venv environment
  environment/bin/pip install -q "Django==$version"
  environment/bin/python -c 'import sqlite3; print("SQLite", sqlite3.sqlite_version)'
  DJANGO_SETTINGS_MODULE=settings PYTHONPATH=. environment/bin/python try.py | tee output.txt
  grep -qx "stored after migrate: 2024-05-06 07:08:09, read: None" output.txt
  grep -qx "stored after save(): None" output.txt
done
