"""One process of the site under load: python writer.py MODULE SEED LOG STOP. It writes through the product's models
until the file STOP appears, and logs acknowledged and failed writes."""

import importlib
import json
import random
import sys
import time
from pathlib import Path

import django

django.setup()

from django.db import DatabaseError, close_old_connections, connection, transaction  # noqa: E402

KEPT = 40  # rows of its own that it still changes and deletes


def main(module, seed, log, stop):
    product, rng, rows = importlib.import_module(module), random.Random(int(seed)), []
    is_new_each_time = int(seed) % 2 == 0
    serial = 0
    with Path(log).open("a") as file:
        while not Path(stop).exists():
            serial += 1
            begun = time.time()
            entry = {"begun": begun, **attempt(product, rng, rows, f"load {seed} {serial}")}
            file.write(json.dumps({**entry, "ended": time.time()}) + "\n")
            file.flush()
            if is_new_each_time:
                connection.close()
            else:
                close_old_connections()
            time.sleep(rng.uniform(0.002, 0.02))


def attempt(product, rng, rows, marker):
    """Insert, update or delete a row, in one transaction that reads first."""
    kind = rng.choice(["insert", "insert", "update", "delete"]) if len(rows) > 5 else "insert"
    entry = {"kind": kind, "value": marker}
    try:
        if kind == "insert":
            with transaction.atomic():
                row, column = rng.choice(product.WRITES)(rng, marker)
                type(row).objects.count()
                row.save()
            rows.append((row, column))
            del rows[:-KEPT]
        else:
            row, column = rows[rng.randrange(len(rows))]
            if kind == "delete":
                rows.remove((row, column))
            entry |= described(row, column)
            with transaction.atomic():
                type(row).objects.filter(pk=row.pk).count()
                if kind == "delete":
                    type(row).objects.filter(pk=row.pk).delete()
                else:
                    type(row).objects.filter(pk=row.pk).update(**{column: marker})
    except DatabaseError as error:
        return {**entry, "error": f"{type(error).__name__}: {error}"}
    return {**entry, **described(row, column)}


def described(row, column):
    meta = type(row)._meta
    return {
        "table": meta.db_table,
        "key": meta.pk.column,
        "pk": str(row.pk) if not isinstance(row.pk, int) else row.pk,
        "column": meta.get_field(column).column,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
