"""One writer of a site: `python -m benchmarks.writer DATABASE NUMBER SECONDS` prints when each write began and how
long it took, as JSON of [seconds on the machine's clock, milliseconds] pairs.

Like a worker of a site, it has a persistent connection of the backend. It rests between two transactions: writers
that never rest would mostly measure how unfairly SQLite's waiting shares a lock.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time

import django
from django.conf import settings

REST = 0.005  # seconds on average between two transactions


def main(database: str, number: int, seconds: float) -> None:
    settings.configure(
        INSTALLED_APPS=["schemasync"],
        DATABASES={"default": {"ENGINE": "schemasync.backends.sqlite3", "NAME": database, "CONN_MAX_AGE": None}},
        SCHEMASYNC={"ON_STARTUP": "ignore"},
    )
    django.setup()
    from django.db import connection, transaction

    chance, found = random.Random(number), []
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM moves")
        rows = cursor.fetchone()[0]
    print("ready", flush=True)
    sys.stdin.readline()
    stopping = threading.Thread(target=sys.stdin.readline, daemon=True)  # a second line means stop
    stopping.start()
    until, count = time.monotonic() + seconds, 0
    while stopping.is_alive() and time.monotonic() < until:
        count += 1
        begun = time.monotonic()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO moves (key, account, amount) VALUES (%s, %s, %s)",
                [f"writer {number} {count} {begun}", chance.randrange(1, 1000), count],
            )
            cursor.execute("UPDATE moves SET amount = amount + 1 WHERE id = %s", [chance.randrange(1, rows)])
        found.append((begun, (time.monotonic() - begun) * 1000))
        time.sleep(chance.random() * 2 * REST)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
