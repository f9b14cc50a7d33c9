"""`inspect` prints the same schema again, in a text that a person would write."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.inspect import inspect
from schemasync.schema import document
from schemasync.schema.digest import version
from schemasync.schema.write import WIDTH, write

from ..schema.strategies import trees
from ..schema.support import effort, rebuilt, schema


def again(meant):
    """Write the schema as text, and return the schema that is read from it."""
    return document.read(write(meant, "a comment").encode()).schema


@effort(60)
@given(trees())
def test_what_is_written_reads_as_the_same_schema(tree):
    meant = schema(tree)
    assert version(again(meant)) == version(meant)


@effort(30)
@given(trees())
def test_what_is_written_of_a_database_reads_as_that_database(tree):
    found = rebuilt(schema(tree))
    assert version(again(found)) == version(found)


@effort(20)
@given(trees())
def test_writing_what_was_read_changes_no_byte(tree):
    text = write(schema(tree))
    assert write(document.read(text.encode()).schema) == text


BY_HAND = {
    "strings in double quotes": """CREATE TABLE t (a, b DEFAULT "x", c CHECK ("c" > "zzz")); CREATE VIEW v AS SELECT "no such" FROM t""",
    "keys that are no row id": "CREATE TABLE t (a INT PRIMARY KEY DESC); CREATE TABLE u (a INTEGER PRIMARY KEY DESC)",
    "a row id by a constraint": "CREATE TABLE t (a INTEGER, b, PRIMARY KEY (a DESC)); CREATE TABLE u (a INTEGER, PRIMARY KEY (a AUTOINCREMENT))",
    "a named key with a conflict clause": "CREATE TABLE t (a INTEGER CONSTRAINT pk PRIMARY KEY ON CONFLICT REPLACE AUTOINCREMENT)",
    "collations in keys": "CREATE TABLE t (a TEXT COLLATE NOCASE PRIMARY KEY, b COLLATE RTRIM UNIQUE ON CONFLICT IGNORE, c, UNIQUE (b COLLATE BINARY, c DESC)) WITHOUT ROWID",
    "a composite key": "CREATE TABLE t (a, b, c, PRIMARY KEY (a, b COLLATE NOCASE DESC)) WITHOUT ROWID",
    "several checks": "CREATE TABLE t (a CHECK (a > 0) CHECK (a < 9), b, CONSTRAINT k CHECK (a <> b), CHECK (1))",
    "strings that look like the end": "CREATE TABLE t (a, CHECK (a IN ('it''s', 'a, b', '--', '/*', ')')))",
    "comments in the midst": "CREATE TABLE t (a /* why */ INTEGER -- because\n NOT NULL, -- and so on\n b TEXT CHECK (b /* x */ <> 'y' -- z\n))",
    "generated columns": "CREATE TABLE t (a, b AS (a + 1), c GENERATED ALWAYS AS (a || 'x') STORED NOT NULL)",
    "foreign keys of every kind": "CREATE TABLE p (id INTEGER PRIMARY KEY, u UNIQUE); CREATE TABLE c (a REFERENCES p, b REFERENCES p (u) ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED, CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id) MATCH FULL)",
    "a foreign key over two columns": "CREATE TABLE p (a, b, PRIMARY KEY (a, b)); CREATE TABLE c (x, y, FOREIGN KEY (x, y) REFERENCES p)",
    "named column constraints": "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (b INTEGER CONSTRAINT nn NOT NULL CONSTRAINT uq UNIQUE CONSTRAINT ck CHECK (b) CONSTRAINT fk REFERENCES p)",
    "names that need quotes": 'CREATE TABLE t (id INTEGER PRIMARY KEY, "two words" TEXT, `tick``s`, "qu""ote", "select", [x.y], "")',
    "names that begin with _": 'CREATE TABLE "_t" (_a PRIMARY KEY, __b); CREATE INDEX _i ON _t (_a); CREATE VIEW _v AS SELECT _a FROM _t; CREATE TRIGGER _tr AFTER INSERT ON _t BEGIN SELECT 1; END',
    "names of other alphabets": 'CREATE TABLE Größe (ä TEXT, "日本" INTEGER, "\U0001f600"); CREATE INDEX ix ON Größe (ä)',
    "indexes over expressions": 'CREATE TABLE t (a, b); CREATE INDEX i ON t (lower(a), b COLLATE NOCASE DESC) WHERE a IS NOT NULL; CREATE UNIQUE INDEX u ON t (a); CREATE INDEX j ON t ((a + b), "b")',
    "a view with triggers": 'CREATE TABLE t (a, b); CREATE VIEW v (x, "y z") AS SELECT a, b FROM t; CREATE TRIGGER tr INSTEAD OF UPDATE OF x ON v WHEN NEW.x > 1 BEGIN UPDATE t SET a = NEW.x; END',
    "triggers": "CREATE TABLE t (a); CREATE TRIGGER one AFTER DELETE ON t FOR EACH ROW WHEN old.a BEGIN INSERT INTO t VALUES ('a; END'); SELECT 'x'; END; CREATE TRIGGER IF NOT EXISTS two BEFORE UPDATE ON t BEGIN SELECT RAISE(ABORT, 'no'); END",
    "full text": "CREATE TABLE d (id INTEGER PRIMARY KEY, t); CREATE VIRTUAL TABLE f USING FTS5(t, content='d', content_rowid='id', tokenize = 'porter unicode61'); CREATE TRIGGER ai AFTER INSERT ON d BEGIN INSERT INTO f(rowid, t) VALUES (new.id, new.t); END",
    "strict and without row ids": "CREATE TABLE s (a INT PRIMARY KEY, b TEXT NOT NULL, c ANY) STRICT, WITHOUT ROWID",
    "a table from a query": "CREATE TABLE t AS SELECT 1 AS a, 'x' AS \"b c\"",
    "what ALTER TABLE leaves": "CREATE TABLE t (a); ALTER TABLE t ADD COLUMN b INTEGER NOT NULL DEFAULT 5; ALTER TABLE t RENAME COLUMN a TO z; ALTER TABLE t RENAME TO u",
    "defaults": "CREATE TABLE t (a DEFAULT (1 + 2), b DEFAULT -5, c DEFAULT +1.5e3, d DEFAULT CURRENT_TIMESTAMP, e DEFAULT NULL, f DEFAULT (strftime('%s', 'now')), g DEFAULT x'00ff', h DEFAULT true)",
    "types of all sorts": "CREATE TABLE t (a \"odd type\", b VARCHAR(10, 2), c UNSIGNED BIG INT, d [x y], e 'text')",
    "tables that refer to each other": "CREATE TABLE a (id INTEGER PRIMARY KEY, b REFERENCES b); CREATE TABLE b (id INTEGER PRIMARY KEY, a REFERENCES a, b UNIQUE REFERENCES b (b))",
    "all names of the row id taken": "CREATE TABLE t (rowid, oid, _rowid_)",
}


@pytest.mark.parametrize("script", BY_HAND.values(), ids=BY_HAND)
def test_what_people_and_tools_have_made_is_written_and_read_again(script):
    with closing(Opener().memory()) as connection:
        connection.executescript(script)
        found = inspect(connection).schema
    text = write(found)
    read = document.read(text.encode())
    assert read.version == version(found), text
    assert write(read.schema) == text
    assert version(rebuilt(read.schema)) == version(found)


def test_it_reads_like_the_examples_of_the_format():
    found = schema(
        """{
        "Departments": {"dept_id": "integer primary key", "name": "text not null"},
        "Users": {
            "user_id": "integer primary key",
            "email": "text unique not null",
            "role": "text not null default 'user' check (role in ('admin', 'user'))",
            "department_id": "integer",
            "_indexes": [["department_id", "role"], {"columns": ["lower(email)"], "where": "role <> 'gone'", "unique": true, "name": "i"}, "role"],
            "_unique_constraints": [["email", "department_id"]],
            "_foreign_keys": [{"columns": ["department_id"], "references": {"table": "Departments"}, "on_delete": "SET NULL"}],
            "_strict": false
        },
        "_views": {"v": "SELECT email FROM Users"}
    }"""
    )
    assert (
        write(found, "taken from db.sqlite3")
        == """\
// taken from db.sqlite3
{
  "Departments": {
    "dept_id": "integer PRIMARY KEY",
    "name": "text NOT NULL"
  },
  "Users": {
    "user_id": "integer PRIMARY KEY",
    "email": "text NOT NULL UNIQUE",
    "role": "text NOT NULL DEFAULT 'user' CHECK (role in ('admin', 'user'))",
    "department_id": "integer REFERENCES Departments (dept_id) ON DELETE SET NULL",
    "_unique_constraints": [["email", "department_id"]],
    "_indexes": [
      {"name": "i", "columns": ["lower(email)"], "where": "role <> 'gone'", "unique": true},
      ["department_id", "role"],
      "role"
    ]
  },
  "_views": {
    "v": "SELECT email FROM Users"
  }
}
"""
    )


def test_no_line_is_wider_than_a_page_where_it_can_be_broken():
    columns = {f"column_{n}": "TEXT" for n in range(30)}
    found = schema({"t": {**columns, "_unique_constraints": [list(columns)]}})
    assert max(map(len, write(found).splitlines())) <= WIDTH


def test_a_real_database_of_django_can_be_written(tmp_path):
    """Django's schema editor quotes names, and makes bare types and deferred keys."""
    path = tmp_path / "django.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            'CREATE TABLE "auth_group" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(150) NOT NULL UNIQUE);'
            'CREATE TABLE "auth_user_groups" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "group_id" integer NOT NULL'
            ' REFERENCES "auth_group" ("id") DEFERRABLE INITIALLY DEFERRED, "level" smallint unsigned NOT NULL CHECK ("level" >= 0));'
            'CREATE INDEX "auth_user_groups_group_id_97559544" ON "auth_user_groups" ("group_id");'
        )
    with closing(Opener().read(path)) as connection:
        text = write(inspect(connection).schema)
    assert '"id": "integer PRIMARY KEY AUTOINCREMENT"' in text
    assert '"name": "varchar(150) NOT NULL UNIQUE"' in text
    assert '"group_id": "integer NOT NULL REFERENCES auth_group (id) DEFERRABLE INITIALLY DEFERRED"' in text
    assert '{"name": "auth_user_groups_group_id_97559544", "columns": ["group_id"]}' in text
