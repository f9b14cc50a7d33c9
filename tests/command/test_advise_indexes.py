"""manage.py schemasync advise --indexes: a proposed index is used once its line is pasted, and costs as much as
stated."""

import json
import sqlite3
from contextlib import closing

import pytest

from schemasync.engines.sqlite import metrics_file
from schemasync.engines.sqlite.query_plans import explained
from schemasync.files.layout import Layout
from schemasync.metrics.totals import Spent
from schemasync.texts import size

SHOP = {
    "Customers": {"id": "INTEGER PRIMARY KEY", "email": "TEXT NOT NULL", "city": "TEXT", "newsletter": "INTEGER"},
    "Orders": {
        "id": "INTEGER PRIMARY KEY",
        "customer_id": "INTEGER NOT NULL REFERENCES Customers (id)",
        "created": "TEXT NOT NULL",
        "total": "INTEGER NOT NULL",
        "status": "TEXT NOT NULL",
        "_indexes": ["customer_id", "total", {"name": "by_status", "columns": ["status"]}],
    },
    "Colours": {"id": "INTEGER PRIMARY KEY", "name": "TEXT"},
}
ROWS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
INSERT INTO Customers SELECT i, 'a' || i || '@example.com', 'city ' || (i % 50), i % 2 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO Orders SELECT i, i % 4000 + 1, date('2026-01-01', '+' || (i % 300) || ' days'), i % 97, 'paid' FROM n;
INSERT INTO Colours VALUES (1, 'red');
"""
LATEST = "SELECT id, created, total FROM Orders WHERE customer_id = ? ORDER BY created DESC LIMIT 20"
BY_EMAIL = "SELECT * FROM Customers WHERE email = 'a7@example.com'"
A_MONTH = "SELECT total, id FROM Orders WHERE created >= '2026-02-01' AND created < '2026-03-01'"


@pytest.fixture
def shop(project):
    project.write(SHOP)
    project.done()
    project.run_sql(ROWS)
    return project


def advised(project, statements, name="queries.sql"):
    path = project.folder / name
    path.write_text(statements, "utf-8")
    return project.done("advise", indexes=path, json=True).json


def proposed(found):
    return {(one["table"], json.dumps(one["entry"])) for one in found["proposals"]}


def paste(project, proposals):
    tree = json.loads(json.dumps(SHOP))
    for one in proposals:
        tree[one["table"]].setdefault("_indexes", []).append(one["entry"])
    project.write(tree)
    project.done()


def plan(project, sql):
    with closing(sqlite3.connect(project.link)) as connection:
        return list(explained(connection, sql)[0])


def test_a_pasted_proposal_is_used_as_it_was_said(shop):
    before = plan(shop, LATEST)
    found = advised(shop, f"{LATEST};\n{BY_EMAIL};\n{BY_EMAIL.replace('a7', 'a9')};\n{A_MONTH};")
    assert proposed(found) == {
        ("Orders", '["customer_id", "created"]'),
        ("Customers", '"email"'),
        ("Orders", '"created"'),
    }
    said = {helped["statement"]: helped for one in found["proposals"] for helped in one["helps"]}
    assert {sql: one["times"] for sql, one in said.items()} == {LATEST: 1, BY_EMAIL: 2, A_MONTH: 1}
    assert said[LATEST]["before"] == before
    paste(shop, found["proposals"])
    assert {sql: plan(shop, sql) for sql in said} == {sql: one["after"] for sql, one in said.items()}
    for line in (plan(shop, LATEST)[0], plan(shop, BY_EMAIL)[0], plan(shop, A_MONTH)[0]):
        assert line.startswith("SEARCH")
    assert advised(shop, f"{LATEST};{BY_EMAIL};{A_MONTH}")["result"] == "nothing"


def test_a_proposal_says_its_size_and_what_it_costs_a_write(shop):
    one, only = advised(shop, f"{LATEST};{LATEST};{BY_EMAIL};")["proposals"]
    # a table without another index: a write with one takes several times as long
    assert only["rows_per_second"] > only["rows_per_second_with"] > 0 and only["replaces"] == []
    assert one["replaces"] == ["Orders_customer_id_" + one["replaces"][0][-6:]]
    paste(shop, [one])
    with closing(sqlite3.connect(shop.link)) as connection:
        name = next(name for name in plan(shop, LATEST)[0].split() if name.startswith("Orders_customer_id_created"))
        there = connection.execute("SELECT total(pgsize) FROM dbstat WHERE name = ?", (name,)).fetchone()[0]
    assert one["bytes"] == pytest.approx(there, rel=0.1)
    assert one["rows_per_second"] > 0 < one["rows_per_second_with"]
    text = shop.done("advise", "--indexes", shop.folder / "queries.sql").out
    assert (
        text.startswith("1 index proposed for 3 statements of ") and f"  {size(only['bytes'])}; a write takes " in text
    )


def test_the_sample_of_the_backend_is_the_log_if_no_other_is_named(shop):
    known = {BY_EMAIL: Spent(500, 9.0, 0.1), LATEST: Spent(10, 1.0, 0.1), "": Spent(3, 1.0, 1.0)}
    assert metrics_file.add(Layout(shop.link).metrics, shop.link, {1: metrics_file.Totals(commits=1)}, known)
    found = shop.done("advise", "--indexes", json=True).json
    assert [one["table"] for one in found["proposals"]] == ["Customers", "Orders"]
    assert found["proposals"][0]["helps"][0]["times"] == 500 and found["source"] is None
    text = shop.done("advise", "--indexes").out
    assert 'To "Customers" in schema.json, add to "_indexes": "email"' in text
    assert f"    before: {'; '.join(plan(shop, BY_EMAIL))}" in text


def test_what_is_no_query_is_left_out_and_counted(shop):
    log = "\n".join(
        [
            BY_EMAIL,
            "UPDATE Customers SET city = 'x; y' WHERE email = ?",
            "DELETE FROM Customers WHERE email = ?",
            "INSERT INTO Colours (name) SELECT email FROM Customers",
            "BEGIN",
            "DROP TABLE Customers",
            "PRAGMA user_version = 7",
            "SELECT nothing FROM Customers",
            "this is no SQL",
            "",
        ]
    )
    found = advised(shop, log)
    assert found["statements"] == {"planned": 3, "other": 4, "failed": 2, "more": 0}
    assert proposed(found) == {("Customers", '"email"')} and len(found["proposals"][0]["helps"]) == 3
    assert (
        "; 4 are no SELECT, UPDATE or DELETE; 2 do not compile"
        in shop.done("advise", "--indexes", shop.folder / "queries.sql").out
    )


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ("SELECT * FROM Colours WHERE name = 'red'", set()),
        ("SELECT email FROM Customers WHERE newsletter = 1", set()),
        ("SELECT max(total) FROM Orders WHERE total > 5", set()),
        ("SELECT email FROM Customers WHERE email LIKE '%a'", set()),
        (
            "SELECT id FROM Orders ORDER BY created DESC, total LIMIT 5",
            {("Orders", '["created", "total DESC"]')},
        ),
        (
            "SELECT o.id FROM Customers c JOIN Orders o ON o.customer_id = c.id WHERE c.city = 'city 7' AND o.created > '2026-05-01'",
            {("Customers", '"city"'), ("Orders", '["customer_id", "created"]')},
        ),
        (
            "SELECT id FROM Customers WHERE email = 'a' OR city = 'b'",
            {("Customers", '"city"'), ("Customers", '"email"')},
        ),
        (
            f"{BY_EMAIL};\nSELECT id FROM Customers WHERE email = ? AND city = ?;\nSELECT id FROM Customers ORDER BY email;",
            {("Customers", '["email", "city"]')},
        ),
        (
            "SELECT newsletter FROM Customers WHERE city = ? AND email = ?; SELECT * FROM Customers WHERE city = ? ORDER BY email",
            {("Customers", '["city", "email"]')},
        ),
    ],
    ids=[
        *("few rows", "few values", "is there", "no index can", "order", "join", "or"),
        *("the wider one alone", "the order that is of use to both"),
    ],
)
def test_what_is_proposed(shop, statements, expected):
    found = advised(shop, statements)
    assert proposed(found) == expected
    assert "newsletter = 1" in statements or not found["unselective"]


def test_an_index_of_few_values_is_named_as_not_proposed(shop):
    found = advised(shop, "SELECT email FROM Customers WHERE newsletter = 1")
    assert found["unselective"] == [{"table": "Customers", "entry": "newsletter"}]


def test_indexes_that_no_statement_uses_are_named_with_a_warning(shop):
    found = advised(shop, "SELECT id FROM Orders WHERE total = 4")
    assert [(one["table"], one["index"]) for one in found["unused"]] == [("Orders", "by_status")]
    assert found["unused"][0]["bytes"] > 100_000
    text = shop.done("advise", "--indexes", shop.folder / "queries.sql").out
    assert "by_status on Orders: " in text and "There may be others" in text
    assert advised(shop, "")["unused"] == []


def test_it_leaves_no_copy(shop):
    before = {*shop.folder.rglob("*"), shop.folder / "queries.sql"}
    assert advised(shop, f"{BY_EMAIL};")["proposals"]
    assert set(shop.folder.rglob("*")) == before


def test_the_place_of_a_proposal_is_where_the_table_is_defined(shop):
    shop.run_sql("CREATE TABLE Elsewhere (id INTEGER PRIMARY KEY, x); INSERT INTO Elsewhere SELECT id, id FROM Orders")
    schema = {**SHOP, "Customers": {"_model": "shop.Customer", **SHOP["Customers"]}}
    shop.write(schema)
    both = f"{BY_EMAIL};\nSELECT id FROM Elsewhere WHERE x = 5;"
    model, by_hand = sorted(advised(shop, both)["proposals"], key=lambda one: one["table"])
    assert (model["model"], model["sql"], by_hand["model"]) == ("shop.Customer", None, None)
    assert by_hand["sql"].startswith('CREATE INDEX "Elsewhere_x_')
    out = shop.done("advise", "--indexes", shop.folder / "queries.sql").out
    assert 'To shop.Customer, add to Meta.indexes an index over the columns of "email", then export' in out
    assert f'For "Elsewhere", which schema.json does not name: {by_hand["sql"]}' in out


def test_a_log_that_is_not_there_is_refused(shop):
    ended = shop.call("advise", indexes=shop.folder / "none.sql", json=True)
    assert ended.code == 2 and ended.json["errors"][0]["code"] == "bad-option"
