"""Translated expressions are compared over rows of both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from schemasync.engines.postgres.columns import columns_of
from schemasync.engines.postgres.ddl import make_ddl
from schemasync.engines.postgres.sampled import Difference, differences
from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.validate import build
from schemasync.schema.document import read
from tests.support.postgres import Server

TREE: dict[str, Any] = {
    "t": {
        "id": "INTEGER PRIMARY KEY",
        "n": "INTEGER CHECK (n % 3 OR n <> 5)",
        "txt": "TEXT CHECK (txt LIKE '%')",
        "double": "INTEGER AS (n * 2)",
        "_indexes": [
            {"name": "up", "columns": ["upper(txt)", "n + 1"], "where": "n > 10"},
            {"name": "folded", "columns": ["lower(txt) COLLATE NOCASE"]},
        ],
    },
    "pair": {"a": "TEXT", "b": "INTEGER", "_primary_key": ["a", "b"], "_checks": ["length(a) > 0"]},
    "made": {"id": "INTEGER PRIMARY KEY", "doc": "JSON", "copy": "JSON AS (doc)"},
    "keyless": {"a": "TEXT CHECK (a <> 'z')"},
}


@pytest.fixture(scope="module")
def both(postgres: Server) -> Iterator[Any]:
    document = read(json.dumps(TREE).encode())
    columns = columns_of(document.schema)
    ddl = make_ddl(document.schema, columns, document.on_postgres, Opener())
    with closing(Opener().memory()) as lite, postgres.database() as database, database.connect() as pg:
        build(lite, document.schema)
        pg.execute(ddl.script.encode())
        for sql in (
            "INSERT INTO t (id, n, txt) VALUES " + ", ".join(f"({n}, {n * 7 % 50 + 6}, 'é{n}')" for n in range(1, 61)),
            "INSERT INTO pair VALUES ('x', 1), ('é', 2)",
            """INSERT INTO made (id, doc) VALUES (1, '{"b": 1.50, "a": [1, "é"]}'), (2, 'null'), (3, NULL), (4, '"x"')""",
            "INSERT INTO keyless VALUES ('a')",
        ):
            lite.execute(sql)
            pg.execute(sql.encode())

        def compare(**changed: str) -> list[Difference]:
            """Return the differences after replacing translations, each chosen by a word in its description."""
            translated = tuple(
                replace(one, postgres=next((sql for word, sql in changed.items() if word in one.what), one.postgres))
                for one in ddl.translated
            )
            return list(differences(lite, pg, document.schema, columns, translated, rows=20))

        yield compare


def test_translations_that_mean_the_same_have_no_difference(both: Any) -> None:
    assert both() == []


@pytest.mark.parametrize(
    ("word", "sql", "here", "there"),
    [
        ("LIKE", "txt LIKE 'é%' AND id <> 60", 1, 0),
        ("double", "n * 3", 26, 39),
        ("upper", "replace(upper(txt), 'é', 'É')", "é1", "É1"),
        ("WHERE", "n > 13", 1, 0),
        ("length", "length(a) > 1", 1, 0),
    ],
)  # fmt: skip
def test_a_translation_that_means_something_else_is_named_with_a_row(
    both: Any, word: str, sql: str, here: Any, there: Any
) -> None:
    (found,) = both(**{word: sql})
    assert word in found.what
    assert (found.here, found.there) == (here, there)
    assert found.rows >= 1
