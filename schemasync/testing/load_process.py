"""A process that writes to a database, or reads it, until its standard input closes. `load.py` starts it.

It is a program of its own, imports only the standard library, and opens the database like an application without
schemasync: through the link, and again after a swap. Each event is one line of JSON on standard output.
"""

import json
import os
import select
import sqlite3
import sys
import time
from pathlib import Path

SUPERSEDED = "schemasync: superseded"
PATIENCE = 60.0  # seconds for one transaction
BETWEEN = 0.001  # seconds between two transactions, so that other processes get the lock
ANOTHER_SHAPE = ("no such table", "no such column", "has no column named")


class Failed(Exception):
    """A transaction failed, and nothing of it was kept."""


def main() -> None:
    config = json.loads(sys.stdin.readline())
    work = Writer(config) if config["writes"] else Reader(config)
    number = 0
    while not select.select([sys.stdin], [], [], BETWEEN)[0]:
        number += 1
        work.once(number)


def send(**event: object) -> None:
    """Print an event at once, so that it is not lost if this process is killed."""
    os.write(sys.stdout.fileno(), (json.dumps(event) + "\n").encode())


class Client:
    """The connection of one application process."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.connection: sqlite3.Connection | None = None
        self.file = (0, 0)

    def connected(self) -> sqlite3.Connection:
        """Return the connection: a new one if the link names another file than before."""
        found = Path(self.path).stat()
        if self.connection is None or self.file != (found.st_dev, found.st_ino):
            self.close()
            self.file = (found.st_dev, found.st_ino)
            uri = f"file:{self.path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')}?mode=rw"
            self.connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=PATIENCE)
        return self.connection

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None


class Writer:
    """A writer: each transaction inserts a key, and writes one row of another table without a change."""

    def __init__(self, config: dict) -> None:  # type: ignore[type-arg]
        self.client = Client(config["path"])
        self.name: str = config["name"]
        self.inserts: list[str] = config["inserts"]
        self.touches: dict[str, str] = config["touches"]

    def once(self, number: int) -> None:
        """Write once, and try again while the file is no longer live. The event includes the time of all attempts."""
        key, begun = f"{self.name}-{number}", time.monotonic()
        touched = self.next_touch(number)
        try:
            while not self.tried({"key": key, "number": number}, touched, begun):
                time.sleep(BETWEEN)
        except Failed as error:
            send(failed=key, begun=begun, ended=time.monotonic(), error=str(error))
            return
        send(done=key, begun=begun, ended=time.monotonic(), touched=touched)

    def next_touch(self, number: int) -> str:
        names = list(self.touches)
        return names[number % len(names)] if names else ""

    def tried(self, parameters: dict[str, object], touched: str, begun: float) -> bool:
        """Return True if the transaction was committed, False if the file was superseded. Raises Failed for any other
        error."""
        try:
            connection = self.client.connected()
            connection.execute("BEGIN IMMEDIATE")
            self.insert(connection, parameters)
            self.write_again(connection, touched)
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self.client.close()
            if SUPERSEDED in str(error) and time.monotonic() - begun < PATIENCE:
                return False
            raise Failed(f"{type(error).__name__}: {error}") from error
        return True

    def insert(self, connection: sqlite3.Connection, parameters: dict[str, object]) -> None:
        """Insert a key by the first statement that fits the present tables."""
        for statement in self.inserts:
            try:
                connection.execute(statement, parameters)
            except sqlite3.OperationalError as error:
                last = statement is self.inserts[-1]
                if last or SUPERSEDED in str(error) or not any(text in str(error) for text in ANOTHER_SHAPE):
                    raise
            else:
                return

    def write_again(self, connection: sqlite3.Connection, table: str) -> None:
        """Write a row without a change. A table that refuses that is left out from now on."""
        if table not in self.touches:
            return
        connection.execute("SAVEPOINT touch")
        try:
            connection.execute(self.touches[table])
        except sqlite3.Error as error:
            if SUPERSEDED in str(error):
                raise
            connection.execute("ROLLBACK TO touch")
            del self.touches[table]


class Reader:
    """A reader: it counts the keys, and reports how many there were before."""

    def __init__(self, config: dict) -> None:  # type: ignore[type-arg]
        self.client = Client(config["path"])
        self.queries: list[str] = config["queries"]
        self.seen = 0

    def once(self, number: int) -> None:
        begun = time.monotonic()
        try:
            count = self.count(self.client.connected())
        except (sqlite3.Error, OSError) as error:
            self.client.close()
            send(unread=number, begun=begun, ended=time.monotonic(), error=f"{type(error).__name__}: {error}")
            return
        send(read=number, begun=begun, ended=time.monotonic(), seen=count, before=self.seen)
        self.seen = count

    def count(self, connection: sqlite3.Connection) -> int:
        for query in self.queries:
            try:
                return len(connection.execute(query).fetchall())
            except sqlite3.OperationalError as error:
                if query is self.queries[-1] or not any(text in str(error) for text in ANOTHER_SHAPE):
                    raise
        return 0


if __name__ == "__main__":
    main()
