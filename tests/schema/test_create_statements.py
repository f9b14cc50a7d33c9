"""Databases made by others: for any CREATE statement that SQLite accepts, a rebuilt table equals the original one."""

import sqlite3

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.inspect import inspect
from schemasync.engines.sqlite.validate import build
from schemasync.schema import create, digest
from schemasync.schema.create import read_table, read_trigger
from schemasync.schema.expression import DefinitionError
from schemasync.schema.names import fold, quote

from .strategies import COLLATIONS, CONFLICTS, Choices
from .support import effort, inspected, rebuilt

TYPES = (
    *(
        "",
        "INT",
        "INTEGER",
        "integer",
        '"INTEGER"',
        "[INTEGER]",
        "'INTEGER'",
        '"INTEGER" (10)',
        '"INTEGER" KEY',
        "INT EGER",
    ),
    *(
        "INTEGER(8)",
        "[varchar](10)",
        "[varchar] (10)",
        "VARCHAR /* so */ (10)",
        "text",
        '"te-xt"',
        '"two  words"',
        '""',
        "BLOB",
    ),
    *(
        "DOUBLE   PRECISION",
        "x 'y' \"z\"",
        "INT GENERATED",
        "DECIMAL ( +10 , -2 )",
        "[]",
        "'it''s'",
        "`a``b`",
        '"primary"',
    ),
    *('"with"', '"CHAR -- x"', '"REAL(1)"', "any", '"generated always"'),
)
DEFAULTS = (
    *(
        "1",
        "-1",
        "+ 1.5",
        "abc",
        '"abc"',
        "[a b]",
        "`x`",
        "'it''s'",
        "TRUE",
        "false",
        '"true"',
        "NULL",
        "(NULL)",
        "((1))",
    ),
    *(
        "(1) ",
        "(- 1)",
        "x'00'",
        "abort",
        "(1 + 1)",
        "('a' || 'b')",
        "-'1'",
        "(CASE WHEN 1 THEN 2 END)",
        "0x10",
        '"it\'s"',
    ),
)
GAPS = (" ", " ", " ", "\n", "\t", " /* so */ ", " -- so\n", "/**/", " \ufeff", " \x0b", "/* ' */", '/*"*/')
VALUES = (1, 2, -1, 0, "a", "A", "a ", "", "1", "1.0", b"a", b"", None, 2.5, 9007199254740993, "abc")


class Author(Choices):
    """Writes unusual CREATE statements that SQLite accepts.

    It does not write keys with different conflict clauses: their order decides which of them applies to a row that
    violates both, and the normal form does not record that order.
    """

    def __init__(self, data):
        super().__init__(data)
        self.conflict = self.of(CONFLICTS)

    def gap(self):
        return self.of(GAPS)

    def name_of(self, name):
        """Return a name, or a string, which SQLite accepts in its place."""
        return "'" + name.replace("'", "''") + "'" if self.one_in(8) else self.spelled(name)

    def condition(self, columns):
        disguised = self.of(["", "", "", ' <> "no column"', ' <> "x"', """ <> "it's" """])
        return f"({self.expression(columns)}){disguised}"

    def key_column(self, columns, name_of=None):
        name = (name_of or self.name_of)(self.of(columns))
        shape = self.of(
            ["{}", "{}", "({})", "(({}))", "{} COLLATE nocase", "({} COLLATE nocase)", "{} COLLATE x COLLATE y"]
        )
        shape = shape.replace("COLLATE x", "COLLATE rtrim").replace("COLLATE y", "COLLATE binary")
        return shape.format(name) + self.of(["", "", " ASC", " DESC"])

    def key_columns(self, columns):
        return f"{self.gap()}, ".join(self.key_column(columns) for _ in range(1 + self.upto(1)))

    def reference(self, table, columns):
        target = self.of([table, table, "elsewhere"])
        there = self.of(["", f"({self.name_of(self.of(columns))})"])
        parts = ["ON DELETE CASCADE", "ON UPDATE SET NULL", "ON DELETE NO ACTION", "ON INSERT RESTRICT", "MATCH x"]
        return " ".join(
            [f"REFERENCES {self.name_of(target)}{self.gap()}{there}", *self.some(parts, 0, 2), self.defer()]
        )

    def defer(self):
        return self.of(["", "", "DEFERRABLE", "NOT DEFERRABLE INITIALLY DEFERRED", "DEFERRABLE INITIALLY DEFERRED"])

    def constraint(self, table, columns, keyed):
        """A column constraint."""
        key = f"PRIMARY KEY{self.of(['', ' ASC', ' DESC'])}{self.conflict}{self.of(['', '', ' AUTOINCREMENT'])}"
        found = self.of(
            [
                f"NOT NULL{self.of(CONFLICTS)}",
                f"NULL{self.of(CONFLICTS)}",
                f"DEFAULT {self.of(DEFAULTS)}",
                f"COLLATE {self.of(COLLATIONS)}",
                f"UNIQUE{self.conflict}",
                f"CHECK{self.gap()}({self.condition(columns)})",
                self.reference(table, columns),
                "DEFERRABLE INITIALLY DEFERRED",
                f"{self.of(['', 'GENERATED ALWAYS '])}AS ({self.expression(columns[:1])}) {self.of(['', 'STORED', 'VIRTUAL'])}",
                *([key, key, key] if keyed else []),
            ]
        )
        return self.of(["", "", "", f"CONSTRAINT {self.name_of('Named')} ", "CONSTRAINT a CONSTRAINT b "]) + found

    def table_constraint(self, table, columns, keyed):
        auto = self.of(["", "", "", " AUTOINCREMENT"])
        found = self.of(
            [
                f"CHECK ({self.condition(columns)}){self.of(CONFLICTS)}",
                f"UNIQUE ({self.key_columns(columns)}){self.conflict}",
                f"FOREIGN KEY ({self.name_of(self.of(columns))}) {self.reference(table, columns)}",
                *[f"PRIMARY KEY ({self.key_columns(columns)}{auto}){self.conflict}"] * (3 if keyed else 0),
            ]
        )
        return self.of(["", "", f"CONSTRAINT {self.name_of('Named too')} "]) + found

    def table(self, name):
        """Return (columns, CREATE TABLE)."""
        taken = set()
        columns = [self.name(taken) for _ in range(1 + self.upto(3))]
        pieces, keyed = [], self.upto(3)
        inline = self.upto(len(columns) - 1) if keyed == 1 else -1
        for index, column in enumerate(columns):
            parts = [self.name_of(column), self.of(TYPES)]
            parts += [self.constraint(name, columns, index == inline) for _ in range(self.upto(3))]
            pieces.append(self.gap().join([*parts, self.of(["", "", "", "CONSTRAINT dangling"])]))
        constraints = [self.table_constraint(name, columns, keyed == 2) for _ in range(self.upto(2))]
        body = ",".join(pieces) + "".join(
            f"{self.of([',', ',', self.gap()]) if i else ','}{c}" for i, c in enumerate(constraints)
        )
        options = self.of(["", "", "", "WITHOUT ROWID", "without/**/rowid", "STRICT"])
        there = self.of(["", "main.", "IF NOT EXISTS main ."])
        return columns, f"CREATE TABLE {there}{self.name_of(name)}{self.gap()}({self.gap()}{body}{self.gap()}){options}"

    def index(self, name, table, columns):
        unique, where = self.of(["", "UNIQUE "]), self.of(["", f" WHERE{self.gap()}{self.condition(columns)}"])
        kinds = [
            lambda: self.key_column(columns, self.spelled),  # here, a string under two COLLATEs is not a name
            lambda: self.name_of(self.of(columns)),
            lambda: self.expression(columns),
            lambda: '"no column"',
        ]
        entries = f",{self.gap()}".join(self.of(kinds)() for _ in range(1 + self.upto(1)))
        return f"CREATE {unique}INDEX {self.name_of(name)} ON{self.gap()}{self.name_of(table)} ({entries}){where}{self.gap()}"


@st.composite
def databases(draw):
    """Generate (name, statements) of one table and its indexes; SQLite accepts every statement."""
    author = Author(draw(st.binary(min_size=150, max_size=500)))
    names = set()
    name = author.name(names)
    columns, table = author.table(name)
    connection = Opener().memory()
    statements = []
    for statement in [table, *(author.index(author.name(names), name, columns) for _ in range(author.upto(2)))]:
        try:
            connection.execute(statement)
        except (sqlite3.Error, UnicodeDecodeError):
            assume(statements)
        else:
            statements.append(statement)
    connection.close()
    return name, statements


@effort(200)
@given(databases())
def test_what_sqlite_takes_is_understood_and_built_again(database):
    _, statements = database
    found = inspected(*statements)
    assert rebuilt(found) == found
    assert digest.from_canonical(digest.canonical(found)) == found


@effort(200)
@given(databases(), st.lists(st.lists(st.sampled_from(VALUES), min_size=4, max_size=4), min_size=3, max_size=8))
def test_a_table_that_is_built_again_takes_and_refuses_the_same_rows(database, rows):
    name, statements = database
    old, new = Opener().memory(), Opener().memory()
    for statement in statements:
        old.execute(statement)
    build(new, inspect(old).schema)
    assert [_took(old, name, row) for row in rows] == [_took(new, name, row) for row in rows]
    assert _content(old, name) == _content(new, name)
    assert _indexes(old, name) == _indexes(new, name)


@effort(200)
@given(databases())
def test_the_row_id_is_the_column_that_sqlite_takes_for_it(database):
    name, statements = database
    connection = Opener().memory()
    for statement in statements:
        connection.execute(statement)
    (table,) = inspect(connection).schema.tables
    plain = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({quote(name)})") if row[6] == 0]
    aliases = [
        column
        for column in plain
        if {"Rowid", "IdxRowid"}
        & {row[1] for row in connection.execute(f"EXPLAIN SELECT {quote(column)} FROM {quote(name)}")}
    ]
    assert [table.rowid_column] * bool(aliases) == aliases
    assert bool(aliases) == (table.rowid_column is not None)


def _took(connection, name, row):
    """Return the outcome of an INSERT: None, or the kind of error."""
    plain = [quote(row[1]) for row in connection.execute(f"PRAGMA table_xinfo({quote(name)})") if row[6] == 0]
    columns, values = plain[: len(row)], row[: len(plain)]
    listed = f"({', '.join(columns)}) VALUES ({', '.join('?' * len(values))})"
    connection.execute("PRAGMA foreign_keys=ON")
    try:
        if row[0] is None:
            connection.execute(f"INSERT INTO {quote(name)} DEFAULT VALUES")
        else:
            connection.execute(f"INSERT INTO {quote(name)} {listed}", values)
    except sqlite3.Error as error:
        kind = fold(str(error)).partition(":")[0]
        return "broken reference" if kind.startswith(("foreign key mismatch", "no such table")) else kind


@pytest.mark.parametrize(
    ("work", "sql"), [(read_table, "CREATE TABLE t"), (lambda sql: read_trigger("t", sql), "CREATE t")]
)
def test_what_is_no_such_statement_is_refused(work, sql):
    with pytest.raises(DefinitionError):
        work(sql)


def _content(connection, name):
    connection.execute("PRAGMA foreign_keys=OFF")
    try:
        return sorted(map(repr, connection.execute(f"SELECT * FROM {quote(name)}")))
    except sqlite3.Error as error:
        return str(error)


def _indexes(connection, name):
    """Return the information of SQLite on all indexes, also those of constraints.

    UNIQUE (a) and PRIMARY KEY (a DESC) share one index, and which of them came first decides its order, so that is left
    out.
    """
    found = []
    for _, index, unique, origin, partial in connection.execute(f"PRAGMA index_list({quote(name)})").fetchall():
        made = origin == "c"
        columns = [
            (column, descending and made, fold(collation), key)
            for _, _, column, descending, collation, key in connection.execute(f"PRAGMA index_xinfo({quote(index)})")
        ]
        found.append((unique, origin, partial, made and index, columns))
    return sorted(found, key=repr)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "AFTER UPDATE OF on_, b ON old BEGIN SELECT old.b; END",
            "AFTER UPDATE OF on_, b ON new BEGIN SELECT old.b; END",
        ),
        (
            'BEFORE INSERT ON "old" WHEN NEW.a BEGIN SELECT 1; END',
            "BEFORE INSERT ON new WHEN NEW.a BEGIN SELECT 1; END",
        ),
        ("SELECT 1", "SELECT 1"),
    ],
)
def test_a_trigger_goes_to_another_table(body, expected):
    assert create.on_table(create.statement(body), "new").text == expected
