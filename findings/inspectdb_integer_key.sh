#!/usr/bin/env bash
# Django 5.2.19, 6.0.10 and 6.1.3: `inspectdb` writes a model that Django's own check refuses, for the most common key of
# SQLite, `x INTEGER PRIMARY KEY`. It reads the column as one that may be NULL (PRAGMA table_info reports notnull = 0),
# and so gives the key null=True. Only a column named `id` escapes, as inspectdb leaves it out.
#
# Seen on each version:
#   t_id = models.AutoField(primary_key=True, blank=True, null=True)
#   fields.E007: Primary keys must not have null=True.
#
# Needs Python 3.12 or later for Django 6. Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >database.py <<'PYTHON'
import sqlite3

sqlite3.connect("db.sqlite3").execute("CREATE TABLE t (t_id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
PYTHON
cat >settings.py <<'PYTHON'
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
INSTALLED_APPS = ["app"]
PYTHON

for version in 5.2.19 6.0.10 6.1.3; do
  echo "== Django $version"
  rm -rf environment db.sqlite3 app
  python3 -m venv environment
  environment/bin/pip install -q "Django==$version"
  environment/bin/python database.py
  mkdir app
  touch app/__init__.py
  export DJANGO_SETTINGS_MODULE=settings PYTHONPATH=.
  environment/bin/python -c 'import sqlite3; print("SQLite", sqlite3.sqlite_version)'
  environment/bin/django-admin inspectdb >models.txt
  mv models.txt app/models.py
  grep "t_id = " app/models.py
  grep -q "t_id = models.AutoField(primary_key=True, blank=True, null=True)" app/models.py
  if environment/bin/django-admin check >check.txt 2>&1; then
    echo "the check accepts the model now"
    exit 1
  fi
  grep "fields.E007" check.txt
done
