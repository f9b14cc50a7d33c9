"""The version: pinned, independent of spelling, and changed by everything that is visible in the database."""

import hashlib
import json
from pathlib import Path

import pytest

from schemasync.schema import digest
from schemasync.schema.text import short

from .support import read, schema, version

KNOWN = json.loads(Path(__file__).with_name("known_versions.json").read_text("utf-8"))


@pytest.mark.parametrize("answer", KNOWN, ids=lambda answer: answer["claim"])
def test_a_schema_has_the_version_that_it_always_had(answer):
    assert digest.to_json(schema(answer["schema"])) == answer["normal"]
    assert version(answer["schema"]) == answer["version"]


@pytest.mark.parametrize("answer", KNOWN, ids=lambda answer: answer["claim"])
def test_anyone_can_compute_the_version_from_the_normal_form(answer):
    text = json.dumps(answer["normal"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert answer["version"] == "1:" + hashlib.sha256(text.encode("utf-8")).hexdigest()


@pytest.mark.parametrize("answer", KNOWN, ids=lambda answer: answer["claim"])
def test_the_version_of_a_normal_form_can_be_taken_again_from_what_history_keeps(answer):
    meant = schema(answer["schema"])
    assert digest.from_canonical(digest.canonical(meant)) == meant
    assert digest.version(digest.from_canonical(digest.canonical(meant))) == answer["version"]


def test_people_and_file_names_use_the_first_twelve_hex_digits():
    assert short("1:0123456789abcdef0123456789abcdef") == "0123456789ab"


# --- parts without influence --------------------------------------------------------------------------------------


def one(*definitions, **keys):
    """Return a schema of one table `t` with columns a, b, … and the given keys."""
    return {"t": dict(zip("abcdef", definitions, strict=False)) | keys}


def parent(*definitions, key="INTEGER PRIMARY KEY"):
    """Like one(), with a second table `p` that it may refer to."""
    return one(*definitions) | {"p": {"id": key, "x": "INT UNIQUE"}}


UNIQUE_AND_INDEX = {"_unique_constraints": [["a", "b"]], "_indexes": ["a", "b"]}

SAME = {
    "case of a type": (one("text"), one("TEXT")),
    "blanks in a type": (one("VARCHAR ( 10 )"), one("VARCHAR(10)")),
    "blanks between the words of a type": (one("DOUBLE   PRECISION"), one("double precision")),
    "blanks and signs in the size of a type": (one("DECIMAL( 12 , 2 )"), one("DECIMAL(12,2)")),
    "quotes round a type": (one('"TEXT"'), one("TEXT")),
    "brackets round a type": (one("[TEXT]"), one("TEXT")),
    "blanks inside a quoted type": (one('"DOUBLE  PRECISION"'), one("DOUBLE PRECISION")),
    "case of keywords": (one("INT not null default 1"), one("INT NOT NULL DEFAULT 1")),
    "blanks in a definition": (one("INT\t NOT\nNULL"), one("INT NOT NULL")),
    "order of a column's constraints": (one("INT DEFAULT 1 NOT NULL"), one("INT NOT NULL DEFAULT 1")),
    "case of bare words in an expression": (one("INT CHECK (A > ABS(1))"), one("INT CHECK (a > abs(1))")),
    "quotes that a name does not need": (one('INT CHECK ("a" > 0)'), one("INT CHECK (a > 0)")),
    "backticks": (one("INT CHECK (`a` > 0)"), one("INT CHECK (a > 0)")),
    "brackets": (one("INT CHECK ([A] > 0)"), one("INT CHECK (a > 0)")),
    "quotes round a keyword that SQLite takes bare": (
        {"t": {"key": 'INT CHECK ("key" > 0)', "end": 'INT CHECK ("end" > 0)'}},
        {"t": {"key": "INT CHECK (key > 0)", "end": "INT CHECK (end > 0)"}},
    ),
    "kind of quotes that a name needs": (
        {"t": {"two words": "INT CHECK ([two words] > 0)"}},
        {"t": {"two words": 'INT CHECK ("two words" > 0)'}},
    ),
    "blanks in an expression": (one("INT CHECK(a>0)"), one("INT CHECK ( a  >  0 )")),
    "comments in an expression": (one("INT CHECK (a /* so */ > 0)"), one("INT CHECK (a > 0)")),
    "a line comment in an expression": (one("INT CHECK (a -- so\n > 0)"), one("INT CHECK (a > 0)")),
    "NULL": (one("INT NULL"), one("INT")),
    "NULL with a conflict clause": (one("INT NULL ON CONFLICT FAIL"), one("INT")),
    "DEFAULT NULL": (one("INT DEFAULT NULL"), one("INT")),
    "DEFAULT (NULL)": (one("INT DEFAULT ((NULL))"), one("INT")),
    "parentheses round a default": (one("INT DEFAULT (1)"), one("INT DEFAULT 1")),
    "more parentheses round a default": (one("INT DEFAULT (((1 + 2)))"), one("INT DEFAULT (1 + 2)")),
    "parentheses round a signed default": (one("INT DEFAULT (-1)"), one("INT DEFAULT -1")),
    "case of a default's word": (one("DEFAULT current_timestamp"), one("DEFAULT CURRENT_TIMESTAMP")),
    "ASC in a key": (one("INTEGER PRIMARY KEY ASC"), one("INTEGER PRIMARY KEY")),
    "ASC in an index": (one("INT", _indexes=["a ASC"]), one("INT", _indexes=["a"])),
    "COLLATE BINARY": (one("TEXT COLLATE BINARY"), one("TEXT")),
    "COLLATE BINARY in an index": (one("TEXT", _indexes=["a COLLATE binary"]), one("TEXT", _indexes=["a"])),
    "the column's own collation in an index": (
        one("TEXT COLLATE NOCASE", _indexes=["a COLLATE nocase"]),
        one("TEXT COLLATE NOCASE", _indexes=["a"]),
    ),
    "the column's own collation in UNIQUE": (
        one("TEXT COLLATE NOCASE", _unique_constraints=["a COLLATE nocase"]),
        one("TEXT COLLATE NOCASE", _unique_constraints=["a"]),
    ),
    "the column's own collation in the key": (
        one("TEXT COLLATE NOCASE", _primary_key=["a COLLATE nocase"]),
        one("TEXT COLLATE NOCASE", _primary_key=["a"]),
    ),
    "case of a collation": (one("TEXT COLLATE NoCase"), one("TEXT COLLATE nocase")),
    "quotes round a collation": (one('TEXT COLLATE "NOCASE"'), one("TEXT COLLATE NOCASE")),
    "ON CONFLICT ABORT on NOT NULL": (one("INT NOT NULL ON CONFLICT ABORT"), one("INT NOT NULL")),
    "ON CONFLICT ABORT on UNIQUE": (one("INT UNIQUE ON CONFLICT ABORT"), one("INT UNIQUE")),
    "ON CONFLICT ABORT on the key": (one("INT PRIMARY KEY ON CONFLICT ABORT"), one("INT PRIMARY KEY")),
    "a conflict clause on a CHECK, which SQLite passes over": (
        one("INT", _constraints=["CHECK (a > 0) ON CONFLICT IGNORE"]),
        one("INT", _constraints=["CHECK (a > 0)"]),
    ),
    "NO ACTION": (parent("INT REFERENCES p (id) ON DELETE NO ACTION ON UPDATE NO ACTION"), parent("INT REFERENCES p")),
    "NO ACTION, in a key of the table": (
        parent("INT") | {"t": {"a": "INT", "_foreign_keys": [
            {"columns": ["a"], "references": {"table": "p"}, "on_delete": "NO ACTION", "deferrable": False}]}},
        parent("INT REFERENCES p"),
    ),
    "ON INSERT, which SQLite passes over": (parent("INT REFERENCES p ON INSERT CASCADE"), parent("INT REFERENCES p")),
    "NOT DEFERRABLE": (parent("INT REFERENCES p NOT DEFERRABLE"), parent("INT REFERENCES p")),
    "NOT DEFERRABLE INITIALLY DEFERRED": (
        parent("INT REFERENCES p NOT DEFERRABLE INITIALLY DEFERRED"),
        parent("INT REFERENCES p"),
    ),
    "DEFERRABLE without INITIALLY DEFERRED": (parent("INT REFERENCES p DEFERRABLE"), parent("INT REFERENCES p")),
    "INITIALLY IMMEDIATE": (parent("INT REFERENCES p DEFERRABLE INITIALLY IMMEDIATE"), parent("INT REFERENCES p")),
    "MATCH": (parent("INT REFERENCES p MATCH FULL"), parent("INT REFERENCES p")),
    "order of the parts of REFERENCES": (
        parent("INT REFERENCES p ON UPDATE CASCADE ON DELETE SET NULL"),
        parent("INT REFERENCES p ON DELETE SET NULL ON UPDATE CASCADE"),
    ),
    "DEFERRABLE apart from its REFERENCES": (
        parent("INT REFERENCES p NOT NULL DEFERRABLE INITIALLY DEFERRED"),
        parent("INT REFERENCES p DEFERRABLE INITIALLY DEFERRED NOT NULL"),
    ),
    "the parent's key, written out": (parent("INT REFERENCES p (id)"), parent("INT REFERENCES p")),
    "case of the parent's name": (parent("INT REFERENCES P (ID)"), parent("INT REFERENCES p (id)")),
    "quotes round the parent's name": (parent('INT REFERENCES "p" ("id")'), parent("INT REFERENCES p (id)")),
    "GENERATED ALWAYS": (one("INT", "GENERATED ALWAYS AS (a)"), one("INT", "AS (a)")),
    "VIRTUAL": (one("INT", "AS (a) VIRTUAL"), one("INT", "AS (a)")),
    "NOT NULL on a row id": (one("INTEGER NOT NULL PRIMARY KEY"), one("INTEGER PRIMARY KEY")),
    "NOT NULL in the key of a STRICT table": (
        one("TEXT NOT NULL PRIMARY KEY", _strict=True),
        one("TEXT PRIMARY KEY", _strict=True),
    ),
    "NOT NULL in the key of a WITHOUT ROWID table": (
        one("TEXT NOT NULL", "INT", _primary_key=["a", "b"], _without_rowid=True),
        one("TEXT", "INT NOT NULL", _primary_key=["a", "b"], _without_rowid=True),
    ),
    "false": (one("INT PRIMARY KEY", _strict=False, _without_rowid=False), one("INT PRIMARY KEY")),
    "PRIMARY KEY on the column or the table": (one("TEXT PRIMARY KEY", "INT"), one("TEXT", "INT", _primary_key=["a"])),
    "PRIMARY KEY as a list or as text": (
        one("TEXT", "INT", _primary_key=["a", "b"]),
        one("TEXT", "INT", _constraints=["PRIMARY KEY (a, b)"]),
    ),
    "a row id by either road": (one("INTEGER PRIMARY KEY"), one("INTEGER", _primary_key=["a"])),
    "the order of a row id's only column": (one("INTEGER PRIMARY KEY"), one("INTEGER", _primary_key=["a DESC"])),
    "the collation of a row id": (one("INTEGER PRIMARY KEY"), one("INTEGER", _primary_key=["a COLLATE NOCASE"])),
    "parentheses round a key's column": (one("INTEGER PRIMARY KEY"), one("INTEGER", _primary_key=["((a))"])),
    "AUTOINCREMENT by either road": (
        one("INTEGER PRIMARY KEY AUTOINCREMENT"),
        one("INTEGER", _constraints=["PRIMARY KEY (a AUTOINCREMENT)"]),
    ),
    "UNIQUE on the column or the table": (one("INT UNIQUE"), one("INT", _unique_constraints=["a"])),
    "UNIQUE as a name or a list": (one("INT", _unique_constraints=["a"]), one("INT", _unique_constraints=[["a"]])),
    "UNIQUE as an object or text": (
        one("INT", _unique_constraints=[{"name": "u", "columns": ["a"]}]),
        one("INT", _constraints=["CONSTRAINT u UNIQUE (a)"]),
    ),
    "the same UNIQUE twice": (one("INT UNIQUE", _unique_constraints=["a"]), one("INT UNIQUE")),
    "CHECK on the column or the table": (one("INT CHECK (a > 0)"), one("INT", _checks=["a > 0"])),
    "CHECK as an object or text": (
        one("INT", _checks=[{"name": "k", "check": "a > 0"}]),
        one("INT", _constraints=["CONSTRAINT k CHECK (a > 0)"]),
    ),
    "REFERENCES on the column or the table": (
        parent("INT REFERENCES p (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"),
        parent("INT") | {"t": {"a": "INT", "_foreign_keys": [
            {"columns": ["a"], "references": {"table": "p", "columns": ["id"]}, "on_delete": "CASCADE",
             "deferrable": True}]}},
    ),
    "REFERENCES as an object or text": (
        parent("INT") | {"t": {"a": "INT", "_constraints": ["CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id)"]}},
        parent("INT") | {"t": {"a": "INT", "_foreign_keys": [
            {"name": "f", "columns": ["a"], "references": {"table": "p"}}]}},
    ),
    "constraints in one text or in two": (
        one("INT", _constraints=["UNIQUE (a) CHECK (a > 0)"]),
        one("INT", _constraints=["CHECK (a > 0)", "UNIQUE (a)"]),
    ),
    "a name on what has none, such as a default": (one("INT CONSTRAINT d DEFAULT 1"), one("INT DEFAULT 1")),
    "order of tables": ({"a": {"x": ""}, "b": {"x": ""}}, {"b": {"x": ""}, "a": {"x": ""}}),
    "order of keys that are no columns": (
        {"t": {"_indexes": ["a"], "a": "INT", "_checks": ["a > 0"]}},
        {"t": {"a": "INT", "_checks": ["a > 0"], "_indexes": ["a"]}},
    ),
    "order of checks": (one("INT", _checks=["a > 0", "a < 9"]), one("INT", _checks=["a < 9", "a > 0"])),
    "order of unique constraints": (
        one("INT", "INT", _unique_constraints=["a", "b"]),
        one("INT", "INT", _unique_constraints=["b", "a"]),
    ),
    "order of indexes": (one("INT", "INT", _indexes=["a", "b"]), one("INT", "INT", _indexes=["b", "a"])),
    "order of references": (parent("INT REFERENCES p", "INT REFERENCES p (x)"), parent("INT REFERENCES p") | {
        "t": {"a": "INT", "b": "INT REFERENCES p (x)", "_constraints": ["FOREIGN KEY (a) REFERENCES p"]}}),
    "order of triggers": (
        one("INT", _triggers={"x": "AFTER DELETE ON t BEGIN SELECT 1; END", "y": "AFTER DELETE ON t BEGIN SELECT 2; END"}),
        one("INT", _triggers={"y": "AFTER DELETE ON t BEGIN SELECT 2; END", "x": "AFTER DELETE ON t BEGIN SELECT 1; END"}),
    ),
    "order of views": ({"_views": {"v": "SELECT 1", "w": "SELECT 2"}}, {"_views": {"w": "SELECT 2", "v": "SELECT 1"}}),
    "a column as an object": (one({"type": "INT"}), one("INT")),
    "was, fill and comment of a column": (
        one({"type": "INT", "was": ["x"], "fill": "x + 1", "comment": "of old"}),
        one("INT"),
    ),
    "what is said about PostgreSQL": (
        {
            "t": {
                "a": {"type": "INT", "postgres": "int8 NOT NULL", "on_move": "null"},
                "_indexes": ["a"],
                "_postgres": {"indexes": {"x": "(a)"}, "checks": {"y": "a > 0"}, "skip": ["z"]},
            },
            "_views": {"v": {"select": "SELECT 1", "postgres": {"select": "SELECT 2", "skip": ["v"]}}},
        },
        {"t": {"a": "INT", "_indexes": ["a"]}, "_views": {"v": "SELECT 1"}},
    ),
    "hints and comments of a table": (
        one("INT", _was=["s"], _dropped=["z"], _comment="a table", _model="app.Model"),
        one("INT"),
    ),
    "hints and comments of the whole": (
        one("INT") | {"_dropped": ["gone"], "_comment": "all", "_format": 1, "$schema": "format.schema.json"},
        one("INT"),
    ),
    "empty keys": (
        one("INT", _indexes=[], _checks=[], _unique_constraints=[], _foreign_keys=[], _constraints=[], _triggers={})
        | {"_views": {}},
        one("INT"),
    ),
    "an index by name, list or object": (one("INT", _indexes=["a"]), one("INT", _indexes=[{"columns": ["A"]}])),
    "an index with the name that it would get": (
        one("INT", _indexes=["a"]),
        one("INT", _indexes=[{"name": "t_a_2b04ff", "columns": ["a"], "unique": False}]),
    ),
    "a view as text or object": ({"_views": {"v": "SELECT 1"}}, {"_views": {"v": {"select": "select 1", "was": ["w"]}}}),
    "comments and semicolons of a view": ({"_views": {"v": "SELECT 1 -- one\n;"}}, {"_views": {"v": "SELECT 1"}}),
    "blanks and case of a trigger": (
        one("INT", _triggers={"x": "AFTER DELETE ON t BEGIN SELECT 1; END"}),
        one("INT", _triggers={"x": "after  delete on T begin /* no */ select 1; end;"}),
    ),
    "blanks of a virtual table, and its module's case": (
        {"t": {"_virtual": "fts5(a, b)"}},
        {"t": {"_virtual": " FTS5 ( a ,b ) "}},
    ),
    "escapes in JSON": ('{"t": {"\\u0061": "\\u0049NT"}}', '{"t": {"a": "INT"}}'),
    "comments and trailing commas of the file": ('{"t": {"a": "INT", /* b */ },} // end', '{"t": {"a": "INT"}}'),
}  # fmt: skip


@pytest.mark.parametrize("pair", SAME.values(), ids=SAME.keys())
def test_spelling_leaves_the_version_alone(pair):
    left, right = map(read, pair)
    assert left.version == right.version
    assert left.schema == right.schema


# --- parts with influence -----------------------------------------------------------------------------------------

OTHER = {
    "INT and INTEGER": (one("INT"), one("INTEGER")),
    "a type and none": (one("BLOB"), one("")),
    "size of a type": (one("VARCHAR(10)"), one("VARCHAR(11)")),
    "a quoted type with a size, which is no row id": (one('"INTEGER" (8) PRIMARY KEY'), one("INTEGER PRIMARY KEY")),
    "an empty quoted type and none": (one('""'), one("")),
    "NOT NULL": (one("INT NOT NULL"), one("INT")),
    "conflict clause of NOT NULL": (one("INT NOT NULL ON CONFLICT IGNORE"), one("INT NOT NULL")),
    "NOT NULL in the key of an ordinary table": (one("TEXT NOT NULL PRIMARY KEY"), one("TEXT PRIMARY KEY")),
    "NOT NULL of its own conflict clause in a key": (
        one("TEXT NOT NULL ON CONFLICT REPLACE PRIMARY KEY", _strict=True),
        one("TEXT PRIMARY KEY", _strict=True),
    ),
    "a default and none": (one("INT DEFAULT 0"), one("INT")),
    "0 and 0.00": (one("DEFAULT 0"), one("DEFAULT 0.00")),
    "0 and '0'": (one("DEFAULT 0"), one("DEFAULT '0'")),
    "1 and +1": (one("DEFAULT 1"), one("DEFAULT +1")),
    "NULL and 'NULL'": (one("DEFAULT 'null'"), one("")),
    "case of a string": (one("DEFAULT 'a'"), one("DEFAULT 'A'")),
    "case of a blob": (one("DEFAULT x'ab'"), one("DEFAULT x'AB'")),
    "case of a number": (one("DEFAULT 1e3"), one("DEFAULT 1E3")),
    "blanks in a string": (one("DEFAULT ' '"), one("DEFAULT ''")),
    "<> and !=": (one("CHECK (a <> 1)"), one("CHECK (a != 1)")),
    "= and ==": (one("CHECK (a = 1)"), one("CHECK (a == 1)")),
    "parentheses in an expression": (one("CHECK ((a > 1))"), one("CHECK (a > 1)")),
    "a name and a string": (one("CHECK (a > 'a')"), one("CHECK (a > a)")),
    "spelling of a column's name": ({"t": {"a": ""}}, {"t": {"A": ""}}),
    "spelling of a table's name": ({"t": {"a": ""}}, {"T": {"a": ""}}),
    "composed and decomposed letters": ({"t": {"\u00e9": ""}}, {"t": {"e\u0301": ""}}),
    "order of columns": ({"t": {"a": "", "b": ""}}, {"t": {"b": "", "a": ""}}),
    "a UNIQUE constraint and a unique index": (
        one("INT UNIQUE"),
        one("INT", _indexes=[{"name": "sqlite", "columns": ["a"], "unique": True}]),
    ),
    "a unique index and a plain one": (
        one("INT", _indexes=[{"name": "i", "columns": ["a"], "unique": True}]),
        one("INT", _indexes=[{"name": "i", "columns": ["a"]}]),
    ),
    "name of an index": (one("INT", _indexes=[{"name": "i", "columns": ["a"]}]), one("INT", _indexes=["a"])),
    "case of an index's name": (
        one("INT", _indexes=[{"name": "i", "columns": ["a"]}]),
        one("INT", _indexes=[{"name": "I", "columns": ["a"]}]),
    ),
    "order of an index's columns": (
        one("INT", "INT", _indexes=[{"name": "i", "columns": ["a", "b"]}]),
        one("INT", "INT", _indexes=[{"name": "i", "columns": ["b", "a"]}]),
    ),
    "DESC in an index": (
        one("INT", _indexes=[{"name": "i", "columns": ["a DESC"]}]),
        one("INT", _indexes=[{"name": "i", "columns": ["a"]}]),
    ),
    "collation in an index": (
        one("INT", _indexes=[{"name": "i", "columns": ["a COLLATE NOCASE"]}]),
        one("INT", _indexes=[{"name": "i", "columns": ["a"]}]),
    ),
    "BINARY over a column of another collation": (
        one("TEXT COLLATE NOCASE", _indexes=[{"name": "i", "columns": ["a COLLATE BINARY"]}]),
        one("TEXT COLLATE NOCASE", _indexes=[{"name": "i", "columns": ["a"]}]),
    ),
    "WHERE of an index": (
        one("INT", _indexes=[{"name": "i", "columns": ["a"], "where": "a > 0"}]),
        one("INT", _indexes=[{"name": "i", "columns": ["a"]}]),
    ),
    "collation of a column": (one("TEXT COLLATE NOCASE"), one("TEXT")),
    "DESC in UNIQUE": (one("INT", _unique_constraints=["a DESC"]), one("INT UNIQUE")),
    "name of UNIQUE": (one("INT CONSTRAINT u UNIQUE"), one("INT UNIQUE")),
    "conflict clause of UNIQUE": (one("INT UNIQUE ON CONFLICT REPLACE"), one("INT UNIQUE")),
    "order of UNIQUE's columns": (
        one("INT", "INT", _unique_constraints=[["a", "b"]]),
        one("INT", "INT", _unique_constraints=[["b", "a"]]),
    ),
    "name of CHECK": (one("INT CONSTRAINT k CHECK (a > 0)"), one("INT CHECK (a > 0)")),
    "name of NOT NULL": (one("INT CONSTRAINT n NOT NULL"), one("INT NOT NULL")),
    "case of a constraint's name": (one("INT CONSTRAINT k UNIQUE"), one("INT CONSTRAINT K UNIQUE")),
    "a key and none": (one("INT PRIMARY KEY"), one("INT")),
    "a key and UNIQUE": (one("INT PRIMARY KEY"), one("INT UNIQUE")),
    "order of a key's columns": (one("", "", _primary_key=["a", "b"]), one("", "", _primary_key=["b", "a"])),
    "name of a key": (one("INT CONSTRAINT k PRIMARY KEY"), one("INT PRIMARY KEY")),
    "conflict clause of a key": (one("INT PRIMARY KEY ON CONFLICT FAIL"), one("INT PRIMARY KEY")),
    "autoincrement": (one("INTEGER PRIMARY KEY AUTOINCREMENT"), one("INTEGER PRIMARY KEY")),
    "an inline DESC, which is no row id": (one("INTEGER PRIMARY KEY DESC"), one("INTEGER", _primary_key=["a DESC"])),
    "DESC in a key that is no row id": (one("INT PRIMARY KEY DESC"), one("INT PRIMARY KEY")),
    "STRICT": (one("INT", _strict=True), one("INT")),
    "WITHOUT ROWID": (one("INT PRIMARY KEY", _without_rowid=True), one("INT PRIMARY KEY")),
    "target of a foreign key": (parent("INT REFERENCES p (x)"), parent("INT REFERENCES p (id)")),
    "ON DELETE": (parent("INT REFERENCES p ON DELETE CASCADE"), parent("INT REFERENCES p")),
    "ON DELETE and ON UPDATE": (parent("INT REFERENCES p ON DELETE CASCADE"), parent("INT REFERENCES p ON UPDATE CASCADE")),
    "RESTRICT and NO ACTION": (parent("INT REFERENCES p ON DELETE RESTRICT"), parent("INT REFERENCES p")),
    "deferred": (parent("INT REFERENCES p DEFERRABLE INITIALLY DEFERRED"), parent("INT REFERENCES p")),
    "name of a foreign key": (parent("INT CONSTRAINT f REFERENCES p"), parent("INT REFERENCES p")),
    "what the parent's key is": (parent("INT REFERENCES p"), parent("INT REFERENCES p", key="TEXT PRIMARY KEY")),
    "generated or not": (one("INT", "INT AS (a)"), one("INT", "INT")),
    "STORED and VIRTUAL": (one("INT", "AS (a) STORED"), one("INT", "AS (a)")),
    "expression of a generated column": (one("INT", "AS (a)"), one("INT", "AS (a + 1)")),
    "text of a view": ({"_views": {"v": "SELECT 1"}}, {"_views": {"v": "SELECT 2"}}),
    "columns of a view": ({"_views": {"v": "SELECT 1"}}, {"_views": {"v": {"select": "SELECT 1", "columns": ["a"]}}}),
    "name of a view": ({"_views": {"v": "SELECT 1"}}, {"_views": {"w": "SELECT 1"}}),
    "a view and a table": ({"_views": {"v": "SELECT 1 AS a"}}, {"v": {"a": ""}}),
    "text of a trigger": (
        one("", _triggers={"x": "AFTER DELETE ON t BEGIN SELECT 1; END"}),
        one("", _triggers={"x": "BEFORE DELETE ON t BEGIN SELECT 1; END"}),
    ),
    "name of a trigger": (
        one("", _triggers={"x": "AFTER DELETE ON t BEGIN SELECT 1; END"}),
        one("", _triggers={"y": "AFTER DELETE ON t BEGIN SELECT 1; END"}),
    ),
    "case of a virtual table's argument": ({"t": {"_virtual": "fts5(a)"}}, {"t": {"_virtual": "fts5(A)"}}),
}  # fmt: skip


@pytest.mark.parametrize("pair", OTHER.values(), ids=OTHER.keys())
def test_what_the_database_would_show_moves_the_version(pair):
    left, right = map(read, pair)
    assert left.version != right.version
    assert left.schema != right.schema


def test_indexes_without_a_name_do_not_collide():
    meant = schema({"a_b": {"c": "", "_indexes": ["c"]}, "a": {"b_c": "", "_indexes": ["b_c"]}})
    names = [index.name for table in meant.tables for index in table.indexes]
    assert len(set(names)) == 2


def test_an_index_gets_a_name_of_words_that_fits_a_terminal():
    long = {"Employees of the company": {"first name": "", "_indexes": [["first name", 'lower("first name") DESC']]}}
    (index,) = schema(long).tables[0].indexes
    stem, _, tail = index.name.rpartition("_")
    assert stem == "Employees_of_the_company_first_name_lower____fir"
    assert len(stem) == 48
    assert len(tail) == 6
