"""The DDL of a schema, run by a real PostgreSQL."""

from __future__ import annotations

import json
import re
from itertools import count
from typing import Any

import psycopg
import pytest

from schemasync.engines.postgres.columns import columns_of
from schemasync.engines.postgres.ddl import make_ddl
from schemasync.engines.postgres.statements import Ddl, Phase
from schemasync.engines.postgres.types import FieldKind
from schemasync.engines.sqlite.connection import Opener
from schemasync.errors import Problem, Refused
from schemasync.schema.document import read
from tests.support.postgres import Server


def ddl_of(tree: dict[str, Any], **known: Any) -> Ddl:
    document = read(json.dumps(tree).encode())
    columns = columns_of(document.schema, by_hand=document.on_postgres.columns, **known)
    return make_ddl(document.schema, columns, document.on_postgres, Opener())


def refused(tree: dict[str, Any], **known: Any) -> tuple[Problem, ...]:
    with pytest.raises(Refused) as caught:
        ddl_of(tree, **known)
    return caught.value.problems


@pytest.fixture(scope="module")
def pg(postgres: Server) -> Any:
    with postgres.database() as database, database.connect() as connection:
        yield connection


NUMBERS = count()


class Made:
    """A schema on PostgreSQL, in a separate namespace."""

    def __init__(self, pg: Any, tree: dict[str, Any], **known: Any) -> None:
        self.pg, self.ddl, self.name = pg, ddl_of(tree, **known), f"made_{next(NUMBERS)}"
        pg.execute(f"CREATE SCHEMA {self.name}")
        self._enter()
        pg.execute(self.ddl.script.replace(" EXISTS citext", " EXISTS citext SCHEMA public"))

    def _enter(self) -> None:
        self.pg.execute(f"SET search_path = {self.name}, public")

    def __call__(self, sql: str, *values: Any) -> list[Any]:
        self._enter()
        found = self.pg.execute(sql, values or None)
        return [row[0] if len(row) == 1 else row for row in found.fetchall()] if found.description else []

    def refuses(self, sql: str) -> bool:
        self._enter()
        try:
            self.pg.execute(sql)
        except psycopg.IntegrityError:
            return True
        return False


SHOP = {
    "order": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "Code": "VARCHAR(20) NOT NULL UNIQUE COLLATE NOCASE",
        "parent": "INTEGER REFERENCES \"order\" (id) ON DELETE CASCADE",
        "item": "INTEGER REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED",
        "active": "BOOLEAN NOT NULL DEFAULT 1",
        "note": "TEXT DEFAULT 'it''s'",
        "at": "TEXT DEFAULT CURRENT_TIMESTAMP",
        "qty": "INTEGER NOT NULL DEFAULT 1 CHECK (qty > 0)",
        "double": "INTEGER GENERATED ALWAYS AS (qty * 2) VIRTUAL",
        "_indexes": [
            {"name": "live", "columns": ["qty DESC", "note"], "where": "active = 1"},
            {"name": "upper_note", "columns": ["upper(note)"], "unique": True},
            "note",
        ],
        "_checks": [{"name": "code_form", "check": "\"Code\" GLOB '[A-Za-z]*'"}],
    },
    "item": {
        "id": "INTEGER PRIMARY KEY",
        "first": "INTEGER REFERENCES \"order\" (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
        "_strict": True,
    },
    "Pair": {"a": "TEXT", "b": "INTEGER", "note": "TEXT", "_primary_key": ["a", "b"], "_without_rowid": True},
    "of_pair": {
        "x": "TEXT",
        "y": "INTEGER",
        "_foreign_keys": [
            {"name": "to_pair", "columns": ["x", "y"], "references": {"table": "pair"}, "on_update": "CASCADE"}
        ],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(pg: Any) -> Made:
    return Made(pg, SHOP)


def test_a_schema_runs_as_it_stands(shop: Made) -> None:
    returned = 'RETURNING id > 0, active, note, qty, double, "at"'
    (found,) = shop(f'INSERT INTO "order" ("Code") VALUES (\'x1\') {returned}')
    assert found[:5] == (True, True, "it's", 1, 2)
    assert re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}", found[5])
    shop('DELETE FROM "order" WHERE "Code" = \'x1\'')


def test_it_keeps_what_a_row_must_be(shop: Made) -> None:
    shop('INSERT INTO "order" ("Code") VALUES (\'y1\')')
    assert shop.refuses('INSERT INTO "order" ("Code") VALUES (\'Y1\')'), "NOCASE"
    assert shop.refuses('INSERT INTO "order" ("Code", qty) VALUES (\'x2\', 0)'), "CHECK"
    assert shop.refuses('INSERT INTO "order" ("Code") VALUES (\'1\')'), "GLOB"
    assert shop.refuses('INSERT INTO "order" ("Code") VALUES (NULL)'), "NOT NULL"
    assert shop.refuses("INSERT INTO \"order\" (\"Code\", note) VALUES ('x3', 'IT''S')"), "a unique expression"
    assert shop.refuses('INSERT INTO "order" ("Code", parent) VALUES (\'x4\', 99)'), "a foreign key"
    assert shop.refuses("INSERT INTO \"Pair\" (a) VALUES ('x')"), "a key without NULL"
    assert shop.refuses("INSERT INTO of_pair (x, y) VALUES ('x', 1)"), "a composite foreign key"


def test_keys_in_a_circle_that_are_deferred_are_checked_at_the_end(shop: Made) -> None:
    with shop.pg.transaction():
        shop("INSERT INTO item (id, first) VALUES (7, 70)")
        shop("INSERT INTO \"order\" (id, \"Code\", item, note) VALUES (70, 'c', 7, 'c')")
    assert shop("SELECT first FROM item") == [70]


def test_indexes_have_no_order_of_nulls_that_django_does_not_write(shop: Made) -> None:
    found = shop("SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()")
    assert not [one for one in found if "NULLS" in one]
    assert any(one.endswith(f'live ON {shop.name}."order" USING btree (qty DESC, note) WHERE active') for one in found)


def test_rows_can_be_loaded_before_keys_and_indexes_are_made() -> None:
    phases = [one.phase for one in ddl_of(SHOP).statements]
    assert phases == sorted(phases, key=list(Phase).index)
    assert "REFERENCES" not in "".join(one.sql for one in ddl_of(SHOP).of(Phase.TABLE))


def test_a_name_that_postgresql_would_cut_is_shortened_and_said(pg: Any) -> None:
    long = "the_" + "ä" * 40
    made = Made(
        pg,
        {
            "t": {
                "a": "INTEGER",
                "b": "INTEGER",
                "_indexes": [{"name": long, "columns": ["a"]}, {"name": long + "2", "columns": ["b"]}],
                "_checks": [{"name": long + "3", "check": "a > 0"}],
            }
        },
    )
    names = made("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1")
    assert len(names) == 2
    assert all(len(name.encode()) <= 63 and name.startswith("the_ä") for name in names)
    assert [note for note in made.ddl.notes if long in note and "another name there" in note]
    assert len(made.ddl.notes) == 3
    assert [one.code for one in refused({"t": {long: "INTEGER"}, long: {"a": "INTEGER"}})] == ["name-too-long"] * 2


def test_names_that_two_tables_share_or_that_postgresql_would_choose_itself_are_no_obstacle(pg: Any) -> None:
    unique = {"columns": ["a"], "name": "once"}
    made = Made(
        pg,
        {
            "t": {"a": "INTEGER", "_unique_constraints": [unique], "_indexes": [{"name": "u_once", "columns": ["a"]}]},
            "u": {"a": "INTEGER PRIMARY KEY", "b": "TEXT UNIQUE", "_unique_constraints": [unique]},
            "w": {
                "a": "INTEGER",
                "_indexes": [{"name": "u_pkey", "columns": ["a"]}, {"name": "u_b_key", "columns": ["a"]}],
            },
            "select": {"from": "TEXT", "From ü\"'": "TEXT", "_indexes": ["from"]},
        },
    )
    assert made.refuses("INSERT INTO u (a) VALUES (1), (1)")
    assert any('"once" has another name' in note for note in made.ddl.notes)


def test_a_collation_of_an_index_or_key_is_kept(pg: Any) -> None:
    made = Made(
        pg,
        {
            "t": {
                "a": "TEXT",
                "n": "TEXT COLLATE NOCASE",
                "_constraints": ["UNIQUE (a COLLATE NOCASE)"],
                "_indexes": [{"name": "exact", "columns": ["n COLLATE BINARY"], "unique": True}],
            },
            "k": {"a": "TEXT", "_constraints": ["PRIMARY KEY (a COLLATE NOCASE)"]},
        },
    )
    assert made.refuses("INSERT INTO t (a) VALUES ('x'), ('X')")
    made("INSERT INTO t (a) VALUES ('é'), ('É')")
    made("INSERT INTO t (n) VALUES ('x'), ('X')")
    assert made.refuses("INSERT INTO t (n) VALUES ('x')")
    assert made.refuses("INSERT INTO k VALUES ('x'), ('X')")


def test_what_is_written_by_hand_is_taken_as_it_is(pg: Any) -> None:
    made = Made(
        pg,
        {
            "t": {
                "id": "INTEGER PRIMARY KEY",
                "slug": {"type": "TEXT", "postgres": "citext NOT NULL DEFAULT 'x'"},
                "body": "TEXT",
                "_indexes": [{"name": "sound", "columns": ["hex(body)"], "unique": True}, {"name": "gone", "columns": ["quote(body)"]}],
                "_checks": ["julianday(body) > 1", {"name": "form", "check": "quote(slug) > ''"}, "unicode(body) > 1"],
                "_triggers": {"log": "AFTER INSERT ON t BEGIN SELECT 1; END"},
                "_postgres": {
                    "indexes": {"SOUND": "(md5(body))", "extra": "USING hash (body)"},
                    "checks": {"julianday(body) > 1": "body <> 'y'", "form": "slug <> 'z'"},
                    "skip": ["log", "gone", "unicode(body) > 1"],
                },
            },
            "search": {"_virtual": "fts5(a)", "_postgres": {"skip": ["search"]}},
            "_views": {
                "v": {"select": "SELECT julianday(a) AS a FROM w", "postgres": {"select": "SELECT a FROM w"}},
                "w": {"select": "SELECT quote(body) AS a FROM t", "postgres": {"select": "SELECT body AS a FROM t"}},
                "x": {"select": "SELECT quote(1)", "postgres": {"skip": ["x"]}},
            },
        },
    )  # fmt: skip
    made("INSERT INTO t (body) VALUES ('a')")
    assert made("SELECT slug FROM t") == ["x"]
    assert made("SELECT a FROM v") == ["a"]
    assert made.refuses("INSERT INTO t (body) VALUES ('a')")
    assert made.refuses("INSERT INTO t (body) VALUES ('y')")
    assert made.refuses("INSERT INTO t (slug) VALUES ('Z')")
    assert made("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1") == [
        "SOUND",
        "extra",
        "t_pkey",
    ] or made("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1") == [
        "extra",
        "sound",
        "t_pkey",
    ]


def test_all_that_stands_in_the_way_is_said_at_once_with_the_place_for_it() -> None:
    problems = refused(
        {
            "t": {
                "id": "INTEGER PRIMARY KEY",
                "a": "TEXT DEFAULT (hex(randomblob(4)))",
                "g": "TEXT AS (quote(a))",
                "j": "JSON UNIQUE",
                "_indexes": [{"name": "i", "columns": ["julianday(a)"]}],
                "_checks": ["json_extract(j, '$.a') > 1"],
                "_triggers": {"log": "AFTER INSERT ON t BEGIN SELECT 1; END"},
                "_postgres": {"skip": ["lo"], "checks": {"none": "true"}},
            },
            "f": {"_virtual": "fts5(a)"},
            "_views": {"v": {"select": "SELECT 1 AS a", "triggers": {"on_v": "INSTEAD OF INSERT ON v BEGIN SELECT 1; END"}}},
        }
    )  # fmt: skip
    found = {(one.code, one.facts.get("name") or one.facts.get("column")) for one in problems}
    assert found >= {
        ("not-translated", "a"),
        ("not-translated", "g"),
        ("not-translated", "i"),
        ("not-translated", "json_extract(j, '$.a') > 1"),
        ("not-skipped", "log"),
        ("not-skipped", "f"),
        ("not-skipped", "on_v"),
        ("unknown-on-postgres", "lo"),
        ("unknown-on-postgres", "none"),
    }
    index = next(one for one in problems if one.facts.get("name") == "i")
    assert index.message == (
        'the index "i" of "t" is not known to mean the same on PostgreSQL: the function julianday()'
    )
    assert '"_postgres": {"indexes": {"i": ' in index.hint


def test_a_key_between_two_kinds_of_columns_is_refused() -> None:
    tree = {"p": {"id": "TEXT PRIMARY KEY"}, "c": {"p": "TEXT REFERENCES p (id)"}}
    (problem,) = refused(tree, fields={"c": {"p": FieldKind("UUIDField")}})
    assert '"c"."p" is uuid and refers to "p"."id", which is text' in problem.message


def test_a_generated_column_over_another_one_is_refused() -> None:
    (problem,) = refused({"t": {"a": "INTEGER", "b": "INTEGER AS (a + 1)", "c": "INTEGER AS (b + 1)"}})
    assert "the generated column b" in problem.message


def test_a_conflict_clause_and_a_key_to_a_table_made_elsewhere_are_left_out_and_listed(pg: Any) -> None:
    made = Made(
        pg,
        {
            "_elsewhere": ["auth_user"],
            "t": {
                "a": "TEXT UNIQUE ON CONFLICT IGNORE",
                "b": "INTEGER NOT NULL ON CONFLICT REPLACE DEFAULT 1",
                "user": "INTEGER REFERENCES auth_user (id)",
            },
        },
    )
    assert [note.partition(" ")[0] for note in made.ddl.notes] == ["ON", "ON", "The", "LIKE,"]
    assert made.refuses("INSERT INTO t (a) VALUES ('x'), ('x')")


FOLDED = {
    "t": {
        "id": "INTEGER PRIMARY KEY",
        "login": "TEXT COLLATE NOCASE UNIQUE",
        "email": {"type": "TEXT", "postgres": "text"},
        "code": "TEXT UNIQUE COLLATE RTRIM CHECK (code <> 'no')",
        "mark": {"type": "COLLATE NOCASE"},
        "n": "INTEGER COLLATE NOCASE",
        "_indexes": [
            {"name": "by_login", "columns": ["login", "id"]},
            {"name": "once", "columns": ["email"], "unique": True},
        ],
        "_checks": [{"name": "marked", "check": "mark <> 'x'"}],
    }
}


def test_what_another_collation_changes_is_said_and_the_rest_means_the_same(pg: Any) -> None:
    made = Made(pg, FOLDED)
    said = {note.split()[0].rpartition(".")[2].strip('"'): note for note in made.ddl.notes}
    assert set(said) == {"login", "email", "code", "mark", "LIKE,"}
    assert "That changes the UNIQUE (login), the index by_login, and in queries" in said["login"]
    assert "the unique index once" in said["email"]
    assert "COLLATE RTRIM" in said["code"]
    assert not made.refuses("INSERT INTO t (code, mark) VALUES ('a', 'y'), (' a', NULL)")
    assert made.refuses("INSERT INTO t (code) VALUES ('a  ')")  # SQLite compares it as 'a'
    assert made.refuses("INSERT INTO t (code) VALUES ('no ')")
    assert made.refuses("INSERT INTO t (mark) VALUES ('X')")
