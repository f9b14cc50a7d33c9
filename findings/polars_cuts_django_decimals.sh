#!/usr/bin/env bash
# polars 2.1.0 on a table of Django 5.2.19 in SQLite: read_database() with a connection of sqlite3 cuts the fraction off each
# price that comes after 100 prices without one. Django stores a DecimalField in a column of type decimal, where SQLite keeps
# 20.00 as the integer 20 and 9.99 as a float. polars takes the type of the column from the first 100 rows
# (infer_schema_length), and then 9.99 is 9. A text in the place of 9.99 raises a ComputeError; a float raises nothing.
# With infer_schema_length=None, or if a price with a fraction comes first, the values are right; so they are in pandas.
#
# Seen, for 100 orders at 20.00 and then 100 at 9.99:
#   in SQLite: integer 20, real 9.99
#   polars: Int64, sum 2900, last 9
#   polars, infer_schema_length=None: Float64, sum 2999.00, last 9.99
#   pandas: float64, sum 2999.00, last 9.99
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv environment
environment/bin/pip install -q "Django==5.2.19" "polars==2.1.0" "pandas==3.1.1"

cat >try.py <<'PYTHON'
import sqlite3
from decimal import Decimal

import django
import pandas
import polars
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}}, INSTALLED_APPS=[]
)
django.setup()
from django.db import connection, models  # noqa: E402


class Order(models.Model):
    price = models.DecimalField(max_digits=8, decimal_places=2)

    class Meta:
        app_label = "shop"


with connection.schema_editor() as editor:
    editor.create_model(Order)
Order.objects.bulk_create(Order(price=Decimal(price)) for price in ["20.00"] * 100 + ["9.99"] * 100)

file = sqlite3.connect("shop.sqlite3")
kinds = file.execute("SELECT DISTINCT typeof(price), price FROM shop_order ORDER BY id").fetchall()
print("in SQLite:", ", ".join(f"{kind} {price}" for kind, price in kinds))


def show(name, prices):
    total = prices.sum()
    print(f"{name}: {prices.dtype}, sum {total if isinstance(total, int) else format(total, '.2f')}, last {list(prices)[-1]}")


QUERY = "SELECT price FROM shop_order ORDER BY id"
show("polars", polars.read_database(QUERY, file)["price"])
show("polars, infer_schema_length=None", polars.read_database(QUERY, file, infer_schema_length=None)["price"])
show("pandas", pandas.read_sql(QUERY, file)["price"])
PYTHON

environment/bin/python -W ignore try.py | tee output.txt
grep -Fqx "in SQLite: integer 20, real 9.99" output.txt
grep -Fqx "polars: Int64, sum 2900, last 9" output.txt
grep -Fqx "polars, infer_schema_length=None: Float64, sum 2999.00, last 9.99" output.txt
grep -Fqx "pandas: float64, sum 2999.00, last 9.99" output.txt
