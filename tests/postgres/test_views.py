"""Views in both engines over the same rows."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest

from schemasync.engines.postgres.columns import columns_of
from schemasync.engines.postgres.ddl import make_ddl
from schemasync.engines.postgres.types import Date
from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.validate import build
from schemasync.errors import Refused
from schemasync.schema.document import read
from tests.support.postgres import Server

from .test_expressions import plain

TABLES: dict[str, Any] = {
    "Author": {"id": "INTEGER PRIMARY KEY", "name": "TEXT COLLATE NOCASE", "City": "TEXT", "active": "BOOLEAN"},
    "book": {
        "id": "INTEGER PRIMARY KEY",
        "author_id": "INTEGER REFERENCES Author (id)",
        "title": "TEXT NOT NULL",
        "pages": "INTEGER",
        "price": "DECIMAL(8, 2)",
        "rate": "REAL",
        "out": "DATE",
    },
}
ROWS = [
    "INSERT INTO \"Author\" (id, name, \"City\", active) VALUES (1, 'Ann', 'Rom', {true}), (2, 'bob', NULL, {false}), (3, 'Éa', 'Ä', NULL), (4, NULL, 'rom', {true})",
    "INSERT INTO book (id, author_id, title, pages, price, rate, \"out\") VALUES (1, 1, 'b', 10, 1.25, 0.5, '2024-01-31'), (2, 1, 'B', NULL, 0.1, 1.5, NULL), (3, 2, 'a', 7, NULL, NULL, '2023-12-01'), (4, NULL, '', -3, 2, -0.5, '2024-02-29'), (5, 3, 'ü', 0, 0.2, 2.5, '2024-01-01')",
]
VIEWS = {
    "plain": "SELECT id, title AS Named, pages * 2 FROM book WHERE pages > 0",
    "star": "SELECT * FROM author",
    "star_of": "SELECT b.*, a.name FROM book AS b JOIN author AS a ON a.id = b.author_id",
    "left_": "SELECT a.name, b.title, b.pages > 5 AS thick, a.active FROM author a LEFT JOIN book b ON b.author_id = a.id AND b.pages IS NOT NULL",
    "comma": "SELECT a.id AS a, b.id AS b FROM author a, book b WHERE a.id = b.author_id AND a.active = 1",
    "cross_": "SELECT count(*) AS n FROM author JOIN book",
    "grouped": "SELECT author_id, count(*) AS n, sum(pages) AS pages, max(pages), min(title), avg(pages), total(pages) FROM book GROUP BY author_id HAVING count(*) > 0",
    "by_key": "SELECT a.id, a.name, a.city, count(b.id) FROM author a LEFT JOIN book b ON b.author_id = a.id GROUP BY a.id",
    "by_other_key": "SELECT b.id, a.name, count(c.id) FROM book b LEFT JOIN author a ON a.id = b.author_id LEFT JOIN book c ON c.author_id = a.id GROUP BY b.id",
    "by_position": "SELECT substr(title, 1, 1) AS letter, count(DISTINCT author_id) FROM book GROUP BY 1",
    "by_alias": "SELECT pages / 5 AS fives, count(*) FILTER (WHERE price > 1) FROM book GROUP BY fives",
    "all_of": "SELECT sum(price) AS price, sum(pages) * 1.0 / count(*) AS mean, max(out) FROM book",
    "ordered": "SELECT id, name FROM author ORDER BY name DESC, id",
    "ordered_nulls": "SELECT id, pages FROM book ORDER BY pages, title COLLATE NOCASE LIMIT 3 OFFSET 1",
    "distinct_": "SELECT DISTINCT city FROM author WHERE city <> 'x' ORDER BY city",
    "nested": "SELECT n.letter, n.c + 1 AS more FROM (SELECT substr(title, 1, 1) AS letter, count(*) AS c FROM book GROUP BY 1) AS n WHERE n.c > 0",
    "exists_": "SELECT name FROM author a WHERE EXISTS (SELECT 1 FROM book b WHERE b.author_id = a.id AND b.price > 0)",
    "scalar": "SELECT a.id, (SELECT max(b.pages) FROM book b WHERE b.author_id = a.id) AS most FROM author a",
    "in_": "SELECT id FROM author WHERE id IN (SELECT author_id FROM book WHERE pages > 5)",
    "union_": "SELECT id, title AS t FROM book UNION ALL SELECT id, city FROM author",
    "except_": "SELECT id FROM author EXCEPT SELECT author_id FROM book",
    "three": "SELECT id FROM author UNION SELECT author_id FROM book INTERSECT SELECT 1",
    "with_": "WITH big (i, p) AS (SELECT id, pages FROM book WHERE pages > 1) SELECT i, p FROM big WHERE p < 9",
    "on_view": "SELECT named, count(*) AS n FROM plain GROUP BY named",
    "on_on_view": "SELECT a.n + b.n AS s FROM on_view a JOIN grouped b ON b.author_id = 1",
    "a_first": "SELECT * FROM z_last",
    "z_last": "SELECT lower(name) AS low, name = 'BOB' AS is_bob FROM author",
    "constant": "SELECT 1 AS one, 'x' AS x, NULL AS nil, 1 < 2 AS yes",
    "months": "SELECT strftime('%Y-%m', out) AS month, sum(rate) FROM book WHERE out IS NOT NULL GROUP BY strftime('%Y-%m', out)",
}  # fmt: skip


def shown(value: Any) -> Any:
    """Round floats: sums of decimals are exact on PostgreSQL, but inexact in SQLite."""
    found = plain(value)
    return round(found, 9) if isinstance(found, float) else found


def test_a_view_has_the_same_rows(postgres: Server) -> None:
    schema = read(json.dumps({**TABLES, "_views": VIEWS}).encode())
    columns = columns_of(schema.schema, shapes={"book": {"out": Date()}})
    script = make_ddl(schema.schema, columns, schema.on_postgres, Opener()).script
    with closing(Opener().memory()) as lite, postgres.database() as database, database.connect() as pg:
        build(lite, schema.schema)
        pg.execute(script)
        for row in ROWS:
            lite.execute(row.format(true=1, false=0))
            pg.execute(row.format(true="true", false="false").replace("%", "%%"))
        wrong = []
        for view, sql in VIEWS.items():
            here, there = lite.execute(f'SELECT * FROM "{view}"'), pg.execute(f'SELECT * FROM "{view}"')
            names = [[one[0] for one in cursor.description or ()] for cursor in (here, there)]
            rows = [[tuple(map(shown, row)) for row in cursor.fetchall()] for cursor in (here, there)]
            if "ORDER BY" not in sql:
                rows = [sorted(found, key=repr) for found in rows]
            if names[0] != names[1] or rows[0] != rows[1]:
                wrong.append(f"{view}: {names[0]} {rows[0]}, there {names[1]} {rows[1]}")
    assert not wrong, "\n".join(wrong)


REFUSED = {
    "SELECT title, count(*) FROM book": "title, which is not in GROUP BY",
    "SELECT title, pages FROM book GROUP BY title": "pages, which is not in GROUP BY",
    "SELECT b.id, a.title FROM author b JOIN book a ON a.author_id = b.id GROUP BY b.id": "title, which is not in GROUP BY",
    "SELECT group_concat(title) FROM book": "the function group_concat()",
    "SELECT row_number() OVER (ORDER BY id) FROM book": "ROW_NUMBER() OVER (ORDER BY id",
    "SELECT id FROM book JOIN author USING (id)": "a JOIN with USING",
    "SELECT title FROM book NATURAL JOIN author": "a JOIN with METHOD",
    "SELECT value FROM book, json_each(title)": "FROM JSON_EACH(title)",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n": "WITH RECURSIVE",
    "SELECT (SELECT title FROM book) AS t": "a subquery that may have several rows",
    "SELECT (SELECT title FROM book LIMIT 2) AS t": "a subquery that may have several rows",
    "SELECT DISTINCT name FROM author": "DISTINCT of text with NOCASE or RTRIM, or of JSON",
    "SELECT name, count(*) FROM author GROUP BY name": "GROUP BY of text with NOCASE or RTRIM",
    "SELECT max(name) FROM author": "max() of text",
    "SELECT id FROM book UNION SELECT title FROM book": "UNION of an integer and text",
    "SELECT id FROM book UNION ALL SELECT id FROM author ORDER BY 1": "ORDER BY or LIMIT of a UNION",
    "SELECT id FROM author WHERE city IN (SELECT id FROM book)": "IN with a SELECT of other values",
    "SELECT DISTINCT id FROM book ORDER BY pages": "ORDER BY of what DISTINCT does not select",
    "SELECT id FROM book LIMIT 1 + 1": "LIMIT with a number that is not written out",
    "SELECT sum(title) FROM book": "a sum of text",
    "SELECT sum(DISTINCT pages) FROM book": "an aggregate with DISTINCT",
}


@pytest.mark.parametrize("sql", REFUSED)
def test_what_a_view_may_not_have_is_refused_by_name(sql: str) -> None:
    views = {"v": sql, "plain": VIEWS["plain"]}
    document = read(json.dumps({**TABLES, "_views": views}).encode())
    with pytest.raises(Refused) as caught:
        make_ddl(document.schema, columns_of(document.schema), document.on_postgres, Opener())
    (problem,) = caught.value.problems
    assert any(REFUSED[sql] in reason for reason in problem.facts["reasons"]), problem.facts["reasons"]
    assert '"postgres": {"select": ' in problem.hint
