from importlib.metadata import version

import libsql
from commands import main


def make(path):
    connection = libsql.connect(str(path))
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, b REAL)")
    connection.execute("CREATE TABLE v (id INTEGER PRIMARY KEY, title TEXT, e F32_BLOB(4))")
    connection.execute("CREATE INDEX vi ON v (libsql_vector_idx(e))")
    for number in range(300):
        a = None if number % 100 == 7 else f"a {number}"
        connection.execute("INSERT INTO t (a, b) VALUES (?, ?)", (a, number / 3))
        connection.execute("INSERT INTO v (title, e) VALUES (?, vector32(?))", (f"doc {number}", f"[{number},1,0,0]"))
    # rows that violate the new constraints stay
    connection.execute("ALTER TABLE t ALTER COLUMN a TO a TEXT NOT NULL")
    connection.execute("ALTER TABLE t ALTER COLUMN b TO b REAL CHECK (b < 99)")
    connection.commit()
    connection.close()


def write(path):
    connection = libsql.connect(str(path))
    number = connection.execute("SELECT max(id) + 1000 FROM v").fetchone()[0]
    connection.execute("INSERT INTO t (a, b) VALUES ('later', 1)")
    connection.execute("INSERT INTO v (title, e) VALUES ('later', vector32(?))", (f"[{number},1,0,0]",))
    connection.commit()
    connection.close()


def read(path):
    connection = libsql.connect(str(path))
    near = "SELECT title FROM vector_top_k('vi', vector32('[5000,1,0,0]'), 1) AS k, v WHERE v.id = k.id"
    rows = connection.execute("SELECT count(*), max(id), total(b) FROM t").fetchone()
    return f"{rows}, nearest: {connection.execute(near).fetchone()[0]}"


def sqlite():
    return libsql.connect(":memory:").execute("SELECT sqlite_version()").fetchone()[0]


main(lambda: f"libsql {version('libsql')}, which says SQLite {sqlite()}", make, write, read)
