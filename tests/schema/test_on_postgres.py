"""The PostgreSQL keys of a schema.json."""

from __future__ import annotations

from schemasync.schema.on_postgres import OnMove, OnPostgres, TableOnPostgres, ViewOnPostgres

from .support import problems, read


def test_a_file_says_what_columns_tables_and_views_are_on_postgresql():
    tree = {
        "_mixins": {"named": {"Name": {"type": "TEXT", "postgres": "citext"}}},
        "T": {
            "id": "INTEGER PRIMARY KEY",
            "__day": {"type": "DATE", "on_move": "null", "comment": "of birth"},
            "_use": ["named"],
            "_postgres": {"indexes": {"x": "(id)"}, "checks": {"id > 0": "id > 1"}, "skip": ["t_log"]},
        },
        "Search": {"_virtual": "fts5(a)", "_postgres": {"skip": ["Search"]}},
        "_views": {
            "V": {"select": "SELECT 1", "postgres": {"select": "SELECT 2"}},
            "w": {"select": "SELECT 1", "postgres": {"skip": ["w"]}},
            "plain": "SELECT 1",
        },
    }
    assert read(tree).on_postgres == OnPostgres(
        {"t": {"name": "citext"}},
        {"t": {"_day": OnMove.NULL}},
        {
            "t": TableOnPostgres({"x": "(id)"}, {"id > 0": "id > 1"}, ("t_log",)),
            "search": TableOnPostgres(skip=("Search",)),
        },
        {"v": ViewOnPostgres("SELECT 2"), "w": ViewOnPostgres(skip=("w",))},
    )


def test_a_file_that_says_nothing_about_it_has_none():
    assert read({"t": {"a": {"type": "INT", "comment": "x"}}}).on_postgres == OnPostgres()


def test_an_unknown_key_about_postgresql_is_named():
    (problem,) = problems({"t": {"a": "INT", "_postgres": {"index": {}}}})
    assert 'unknown key "index"' in problem.message
    assert problem.hint == 'Did you mean "indexes"?'
