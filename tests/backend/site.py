"""A small Django site on the backend: `python -m tests.backend.site FOLDER NUMBER`, run by the tests."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import django
from django.conf import settings

PAUSE = (
    0.002  # seconds between two requests of a thread: many meet each swap, and the run gets its share of the processor
)


def configure(folder: Path, **database: object) -> None:
    """Set up Django with a database in the folder."""
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.sites", "schemasync"],
        DATABASES={
            "default": {
                "ENGINE": "schemasync.backends.sqlite3",
                "NAME": folder / "db.sqlite3",
                "CONN_MAX_AGE": None,
                **database,
            }
        },
        USE_TZ=True,
    )
    django.setup()


def until_input_ends(begun: threading.Event) -> threading.Event:
    """Return an event that is set when standard input is closed. Print a line once `begun` is set."""
    ended = threading.Event()

    def wait() -> None:
        begun.wait()
        print("begun", flush=True)
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    return ended


def work(number: int) -> None:
    """Write in two threads as requests do, half of the writes in transactions, until standard input is closed; then
    print the acknowledged ones."""
    from django.db import DatabaseError, connection, transaction

    done: list[str] = []
    errors: list[str] = []
    begun = threading.Event()
    ended = until_input_ends(begun)

    def requests(thread: int) -> None:
        count = 0
        while not ended.wait(PAUSE):
            count += 1
            key = f"{number}-{thread}-{count}"
            try:
                if count % 2:
                    with transaction.atomic(), connection.cursor() as cursor:
                        cursor.execute(
                            "INSERT INTO moves (key, account, amount) VALUES (%s, %s, %s)", [key, count % 50, 7]
                        )
                        cursor.execute("UPDATE accounts SET balance = balance + 7 WHERE id = %s", [count % 50])
                else:
                    with connection.cursor() as cursor:
                        cursor.execute("INSERT INTO moves (key, account, amount) VALUES (%s, %s, 0)", [key, count % 50])
                with connection.cursor() as cursor:
                    cursor.execute("SELECT count(*) FROM moves WHERE key = %s", [key])
                    assert cursor.fetchone() == (1,), f"{key} was written and is not there"
                done.append(key)
            except (DatabaseError, AssertionError) as error:
                errors.append(f"{type(error).__name__}: {error}")
            begun.set()
        connection.close()

    threads = [threading.Thread(target=requests, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"done": done, "errors": errors}))


if __name__ == "__main__":
    configure(Path(sys.argv[1]))
    work(int(sys.argv[2]))
