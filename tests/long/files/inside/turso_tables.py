from importlib.metadata import version

import turso
from commands import main

MADE = """
CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL, b REAL CHECK (b >= 0), c BLOB, UNIQUE (a));
CREATE TABLE c (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t) STRICT;
CREATE INDEX over ON t (CAST(b AS TEXT));
CREATE INDEX part ON t (a) WHERE b > 0.2;
CREATE VIEW v AS SELECT a FROM t;
CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO c (t) VALUES (NEW.id); END
"""


def make(path):
    connection = turso.connect(str(path))
    statements = [*MADE.strip().split(";\n")]
    for statement in statements:
        connection.execute(statement)
    for number in range(300):
        connection.execute("INSERT INTO t (a, b, c) VALUES (?, ?, x'00')", (f"a {number}", number / 3))
    connection.execute("ALTER TABLE t ADD COLUMN d TEXT DEFAULT 'z'")
    connection.execute("ALTER TABLE t RENAME COLUMN d TO dd")
    connection.commit()
    connection.close()


def write(path):
    connection = turso.connect(str(path))
    number = connection.execute("SELECT max(id) + 1 FROM t").fetchone()[0]
    connection.execute("INSERT INTO t (a, b) VALUES (?, 1.0 / 3)", (f"later {number}",))
    connection.commit()
    connection.close()


def read(path):
    connection = turso.connect(str(path))
    asked = (
        "SELECT count(*) FROM t",
        "SELECT max(id) FROM t",
        "SELECT count(*) FROM c",
        "SELECT count(*) FROM v",
        "SELECT count(*) FROM t WHERE CAST(b AS TEXT) = CAST(1.0 / 3 AS TEXT)",
        "PRAGMA integrity_check",
    )
    found = [connection.execute(sql).fetchone()[0] for sql in asked]
    connection.close()
    return str(found)


def sqlite():
    return turso.connect(":memory:").execute("SELECT sqlite_version()").fetchone()[0]


main(lambda: f"pyturso {version('pyturso')}, which says SQLite {sqlite()}", make, write, read)
