import struct
from importlib.metadata import version

import apsw
import sqlite_vec
from commands import main


def make(path):
    connection = _open(path)
    connection.execute("CREATE TABLE docs (id INTEGER PRIMARY KEY, title TEXT)")
    connection.execute("CREATE VIRTUAL TABLE e USING vec0(embedding float[4])")
    _docs(connection, range(300))


def write(path):
    connection = _open(path)
    before = connection.execute("SELECT count(*) FROM docs").fetchone()[0]
    _docs(connection, range(before, before + 20))
    connection.execute("DELETE FROM e WHERE rowid = 150")


def read(path):
    near = "SELECT rowid FROM e WHERE embedding MATCH ? ORDER BY distance LIMIT 3"
    connection = _open(path)
    found = [[row[0] for row in connection.execute(near, (_vector(number),))] for number in (150.1, 400)]
    return f"nearest to two vectors: {found}; {connection.execute('SELECT count(*) FROM docs').fetchone()[0]} documents"


def _docs(connection, numbers):
    for number in numbers:
        connection.execute("INSERT INTO docs (id, title) VALUES (?, ?)", (number, f"doc {number}"))
        connection.execute("INSERT INTO e (rowid, embedding) VALUES (?, ?)", (number, _vector(number)))


def _vector(number):
    return struct.pack("4f", number, 1, 0, 0)


def _open(path):
    connection = apsw.Connection(str(path))
    connection.setbusytimeout(5000)
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    return connection


main(lambda: f"sqlite-vec {version('sqlite-vec')}, apsw {version('apsw')}", make, write, read)
