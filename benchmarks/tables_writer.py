"""A writer of a database of many tables: `python -m benchmarks.tables_writer DATABASE` prints, once its input ends,
when each write began and how long it took, as JSON of [seconds on the machine's clock, milliseconds] pairs.

It keeps one plain connection open, and connects again when a swap has closed the file to writers.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time

REST = 0.005  # seconds between two writes
WAIT = 60.0  # seconds to wait for a lock


def main(database: str) -> None:
    stopped = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
    found, connection = [], _opened(database)
    print("ready", flush=True)
    while not stopped.is_set():
        begun = time.monotonic()
        while not _written(connection):
            connection.close()
            connection = _opened(database)
        found.append((begun, (time.monotonic() - begun) * 1000))
        time.sleep(REST)
    print(json.dumps(found))


def _opened(database: str) -> sqlite3.Connection:
    return sqlite3.connect(database, isolation_level=None, timeout=WAIT)


def _written(connection: sqlite3.Connection) -> bool:
    """Write once. Return False if a fence has closed the file to writers."""
    try:
        connection.execute("UPDATE table_0001 SET number = number + 1 WHERE id = 1")
    except sqlite3.OperationalError as error:
        if "superseded" not in str(error):
            raise
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1])
