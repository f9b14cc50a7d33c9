"""SQLite is the judge: a schema that it refuses is refused before anything is built, with all faults at once."""

import pytest

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.validate import validate_schema
from schemasync.errors import Code, SchemaInvalid
from schemasync.schema import document

from .support import schema


def refusals(tree):
    with pytest.raises(SchemaInvalid) as caught:
        validate_schema(schema(tree), Opener())
    return caught.value.problems


def table(*definitions, **keys):
    return {"t": dict(zip("abc", definitions, strict=False)) | keys}


REFUSED = {
    "a type that is no type": (table("INT TEXT select"), "syntax error"),
    "an unknown collation": (table("TEXT COLLATE german"), "no such collation sequence: german"),
    "AUTOINCREMENT on what is no INTEGER": (table("INT PRIMARY KEY AUTOINCREMENT"), "AUTOINCREMENT is only allowed on"),
    "AUTOINCREMENT on a row id in descending order": (
        table("INTEGER PRIMARY KEY DESC AUTOINCREMENT"),
        "AUTOINCREMENT is only allowed on",
    ),
    "AUTOINCREMENT over two columns": (
        table("INTEGER", "", _constraints=["PRIMARY KEY (a, b AUTOINCREMENT)"]),
        "AUTOINCREMENT is only allowed on",
    ),
    "AUTOINCREMENT without row ids": (
        table("INTEGER PRIMARY KEY AUTOINCREMENT", _without_rowid=True),
        "AUTOINCREMENT not allowed on WITHOUT ROWID tables",
    ),
    "WITHOUT ROWID without a key": (table("INT", _without_rowid=True), "PRIMARY KEY missing on table t"),
    "STRICT with a type that it lacks": (table("VARCHAR(10)", _strict=True), "unknown datatype for t.a"),
    "STRICT without a type": (table("", _strict=True), "missing datatype for t.a"),
    "what SQLite says in half a character": (table("[x] é", _strict=True), "unknown datatype for t.a"),
    "a default that is not constant": (table("DEFAULT (a)"), "default value of column [a] is not constant"),
    "a check over an unknown column": (table("CHECK (x > 0)"), "no such column: x"),
    "a check with a subquery": (table("CHECK ((SELECT 1))"), "subqueries prohibited in CHECK constraints"),
    "a check with an unknown function": (table("CHECK (nowhere(a))"), "no such function: nowhere"),
    "generated columns that are made of each other": (table("AS (b)", "AS (a)", ""), "generated column loop on"),
    "nothing but generated columns": (table("AS (1)"), "must have at least one non-generated column"),
    "a generated column with a default": (table("", "DEFAULT 1 AS (a)"), 'error in generated column "b"'),
    "a generated column as the key": (table("", "AS (a) PRIMARY KEY"), "generated columns cannot be part of"),
    "conflicting conflict clauses": (
        table("UNIQUE ON CONFLICT FAIL", _constraints=["UNIQUE (a) ON CONFLICT IGNORE"]),
        "conflicting ON CONFLICT clauses specified",
    ),
    "an index over an unknown column": (table("", _indexes=["x + 1"]), "no such column: x"),
    "an index over what changes by itself": (table("", _indexes=["random()"]), "non-deterministic functions prohibited"),
    "an index where NULL comes last": (table("", _indexes=["a NULLS LAST"]), "unsupported use of NULLS LAST"),
    "a partial index with a subquery": (
        table("", _indexes=[{"columns": ["a"], "where": "a > (SELECT 1)"}]),
        "subqueries prohibited in partial index WHERE clauses",
    ),
    "an unknown module": ({"t": {"_virtual": "nowhere(a)"}}, "no such module: nowhere"),
    "a module's own refusal": ({"t": {"_virtual": "fts5(a, a)"}}, "vtable constructor failed: t"),
    "a foreign key to what is not unique": (table("REFERENCES t (b)", ""), "foreign key mismatch"),
    "a foreign key to a part of a key": (
        table("REFERENCES t (b)", "", "", _unique_constraints=[["b", "c"]]),
        "foreign key mismatch",
    ),
    "a foreign key to a partial unique index": (
        table("REFERENCES t (b)", "", _indexes=[{"columns": ["b"], "unique": True, "where": "b > 0"}]),
        "foreign key mismatch",
    ),
    "a foreign key to what is unique by another collation": (
        table("REFERENCES t (b)", "TEXT", _unique_constraints=["b COLLATE NOCASE"]),
        "foreign key mismatch",
    ),
    "a view on an unknown table": ({"_views": {"v": "SELECT * FROM nowhere"}}, "no such table: main.nowhere"),
    "a view on an unknown column": (table("") | {"_views": {"v": "SELECT x FROM t"}}, "no such column: x"),
    "a view with a string in disguise": (table("") | {"_views": {"v": 'SELECT * FROM t WHERE a = "x"'}}, "no such column: x"),
    "a view with another number of columns": (
        {"_views": {"v": {"select": "SELECT 1", "columns": ["a", "b"]}}},
        "expected 2 columns for 'v' but got 1",
    ),
    "a view that reads itself": ({"_views": {"v": "SELECT * FROM v"}}, "view v is circularly defined"),
    "a view with a parameter": ({"_views": {"v": "SELECT ?1"}}, "parameters are not allowed in views"),
    "a view that is no query": (table("") | {"_views": {"v": "DELETE FROM t"}}, "syntax error"),
    "a trigger that writes to an unknown table": (
        table("", _triggers={"x": "AFTER DELETE ON t BEGIN DELETE FROM nowhere; END"}),
        "no such table: main.nowhere",
    ),
    "a trigger that reads an unknown column": (
        table("", _triggers={"x": "AFTER UPDATE ON t WHEN NEW.x BEGIN SELECT 1; END"}),
        "no such column: NEW.x",
    ),
    "a trigger of an unknown column": (
        table("", _triggers={"x": "AFTER INSERT ON t BEGIN SELECT x; END"}),
        "no such column: x",
    ),
    "a trigger with a string in disguise": (
        table("", _triggers={"x": 'AFTER DELETE ON t BEGIN UPDATE t SET a = "x"; END'}),
        "no such column: x",
    ),
    "a trigger that is no trigger": (table("", _triggers={"x": "AFTER LUNCH ON t BEGIN SELECT 1; END"}), "syntax error"),
    "a trigger that is two statements": (
        table("", _triggers={"x": "AFTER DELETE ON t BEGIN SELECT 1; END; DROP TABLE t"}),
        "one statement at a time",
    ),
    "INSTEAD OF on a table": (
        table("", _triggers={"x": "INSTEAD OF DELETE ON t BEGIN SELECT 1; END"}),
        "cannot create INSTEAD OF trigger on table",
    ),
    "a row trigger on a view": (
        {"_views": {"v": {"select": "SELECT 1 AS a", "triggers": {"x": "AFTER DELETE ON v BEGIN SELECT 1; END"}}}},
        "cannot create AFTER trigger on view",
    ),
    "a view's trigger that reads an unknown column": (
        {"_views": {"v": {"select": "SELECT 1 AS a", "triggers": {"x": "INSTEAD OF DELETE ON v BEGIN SELECT OLD.x; END"}}}},
        "no such column: OLD.x",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("tree", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_sqlite_refuses_is_refused_in_its_words(tree, message):
    (problem,) = refusals(tree)
    assert problem.code is Code.SQLITE_REFUSES
    assert message.lower() in problem.message.lower()
    assert problem.facts["sql"]


ACCEPTED = {
    "a foreign key to a unique index": table("REFERENCES t (b)", "", _indexes=[{"columns": ["b"], "unique": True}]),
    "a foreign key to a key of another collation": {
        "t": {"a": "TEXT REFERENCES p"},
        "p": {"x": "TEXT", "_primary_key": ["x COLLATE NOCASE"]},
    },
    "tables that refer to each other": {
        "t": {"id": "INTEGER PRIMARY KEY", "u": "REFERENCES u"},
        "u": {"id": "INTEGER PRIMARY KEY", "t": "REFERENCES t"},
    },
    "views that stand on each other, in any order": {"_views": {"a": "SELECT * FROM b", "b": "SELECT 1 AS x"}},
    "a trigger for one kind of write to a view": {
        "_views": {
            "v": {"select": "SELECT 1 AS a", "triggers": {"x": "INSTEAD OF INSERT ON v BEGIN SELECT NEW.a; END"}}
        }
    },
    "quotes that a name in a view needs": table("", _comment="so")
    | {"_views": {"v": 'SELECT "a" AS "the a" FROM "t"'}},
    "a trigger on every column": table(
        "", "AS (a)", _triggers={"x": 'AFTER UPDATE OF a ON t BEGIN SELECT NEW."b"; END'}
    ),
    "nothing": {},
}


@pytest.mark.parametrize("tree", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_sqlite_takes_is_taken(tree):
    validate_schema(schema(tree), Opener())


def test_a_person_with_several_faults_sees_them_all():
    found = refusals(
        {
            "t": {"a": "TEXT COLLATE german"},
            "u": {
                "a": "",
                "_indexes": ["x + 1", "y + 1"],
                "_triggers": {
                    "g": "AFTER DELETE ON u BEGIN SELECT zz; END",
                    "h": "AFTER DELETE ON u BEGIN SELECT OLD.a; END",
                },
            },
            "_views": {"v": "SELECT x FROM u", "w": "SELECT a FROM u"},
        }
    )
    assert [problem.facts["object"] for problem in found] == [
        'column "t"."a"',
        *(
            f'index "{name}" on "u"'
            for name in sorted(p.facts["object"].split('"')[1] for p in found if "index" in p.message)
        ),
        'view "v"',
        'trigger "g" on "u"',
    ]


def test_the_hint_shows_what_sqlite_was_asked():
    (problem,) = refusals(table("TEXT CHECK (x > 0)"))
    assert problem.hint == 'The statement was:\nCREATE TABLE "t" (\n  "a" TEXT,\n  CHECK (x > 0)\n)'


def test_the_hint_to_a_collation_that_is_none_like_any_has_them_all():
    (problem,) = refusals(table("TEXT COLLATE german"))
    assert problem.hint == "Known are: BINARY, NOCASE, RTRIM."


def test_a_function_of_the_application_can_be_made_known():
    def register(connection):
        connection.create_function("slug", 1, lambda text: text, deterministic=True)

    validate_schema(schema(table("TEXT CHECK (slug(a) = a)")), Opener(register))


def test_what_reads_differently_from_how_it_is_written_is_refused(monkeypatch):
    """The last safeguard against an unknown spelling: a schema that is read back differently is never accepted."""
    from schemasync.schema import column

    meant = schema(table("INT"))
    monkeypatch.setattr(column, "upper_ascii", str.lower)
    with pytest.raises(SchemaInvalid) as caught:
        validate_schema(meant, Opener())
    (problem,) = caught.value.problems
    assert problem.message == 'SQLite reads table "t" differently from its definition'
    assert 'Meant: {"columns":[{"name":"a","type":"INT"}]}' in problem.hint
    assert 'Read : {"columns":[{"name":"a","type":"int"}]}' in problem.hint


def test_what_sqlite_refuses_is_reported_with_its_place():
    text = b"""{
      "Film": {
        "id": "INTEGER PRIMARY KEY",
        "Title": "TEXT COLLATE NOCSE"
      },
      "Reel": {
        "n": "INTEGER",
        "_indexes": [{"columns": ["n"], "where": "yeer > 1"}],
        "_triggers": {"g": "AFTER INSERT ON Reel BEGIN SELECT x; END"}
      },
      "_views": {
        "v": "SELECT x FROM Reel"
      }
    }"""
    found = document.read(text)
    with pytest.raises(SchemaInvalid) as caught:
        validate_schema(found.schema, Opener(), found.place)
    reported = [(problem.message.split(" ")[0], problem.facts["path"]) for problem in caught.value.problems]
    assert reported == [
        ("schema.json:4:9:", "Film/Title"),
        ("schema.json:8:9:", "Reel/_indexes"),
        ("schema.json:12:9:", "_views/v"),
        ("schema.json:9:23:", "Reel/_triggers/g"),
    ]
    assert caught.value.problems[0].hint == "Did you mean NOCASE?"
