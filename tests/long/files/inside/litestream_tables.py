import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from commands import main, run

LITESTREAM = Path(sys.executable).with_name("litestream")


def make(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("""
            PRAGMA journal_mode = WAL;
            CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, paid TEXT NOT NULL, cents INTEGER);
            CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);
        """)
        _orders(connection, 200)
    _replicated(path)
    shutil.rmtree(path.with_name(f".{path.name}-litestream"))  # `check` requires that, once the path is a link


def write(path):
    with closing(sqlite3.connect(path)) as connection:
        _orders(connection, 20)
        connection.execute("DELETE FROM orders WHERE id % 7 = 0")
        connection.commit()


def read(path):
    restored = _replicated(path)
    assert restored == _content(path), "the replica has other content"
    rows = {name: len(restored[name][1]) for name in ("orders", "notes")}
    return f"a restored copy is equal: {rows}; Litestream has {sorted(name for name in restored if name[:2] == '_l')}"


def _replicated(path):
    """Replicate the file with Litestream, restore it, and return the content of the copy."""
    with tempfile.TemporaryDirectory() as folder:
        replica, copy = f"file://{folder}/replica", Path(folder) / "copy.sqlite3"
        run(LITESTREAM, "replicate", "-once", "-force-snapshot", path.resolve(), replica)
        run(LITESTREAM, "restore", "-o", copy, replica)
        return _content(copy)


def _content(path):
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {name: (sql, sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr)) for name, sql in tables}


def _orders(connection, count):
    connection.executemany("INSERT INTO orders (paid, cents) VALUES (?, ?)", [("yes", n * 10) for n in range(count)])
    connection.execute("INSERT INTO notes DEFAULT VALUES")
    connection.commit()


main(lambda: f"Litestream {run(LITESTREAM, 'version').strip()}", make, write, read)
