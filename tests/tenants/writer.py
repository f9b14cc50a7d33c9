"""Writes rows into the file of a tenant with SQLite alone, as a process that does not know of a move."""

import sqlite3
import threading
import time
from contextlib import closing


class Writer(threading.Thread):
    """Writes until the file is closed, when the block ends. `written`: the names of the rows; `longest`: the greatest
    number of seconds between two rows; `error`: the last error."""

    def __init__(self, path):
        super().__init__()
        self.path, self.written, self.longest, self.error = path, [], 0.0, ""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.join()

    def run(self):
        with closing(sqlite3.connect(self.path, timeout=20)) as connection:
            last = time.monotonic()
            for number in range(100_000):
                try:
                    with connection:
                        connection.execute("INSERT INTO shop_author (name) VALUES (?)", (f"w{number}",))
                except sqlite3.OperationalError as error:
                    self.error = str(error)
                    return
                self.written.append(f"w{number}")
                self.longest, last = max(self.longest, time.monotonic() - last), time.monotonic()
                time.sleep(0.002)
