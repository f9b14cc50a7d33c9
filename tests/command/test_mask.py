"""manage.py schemasync snapshot --mask RULES: a copy for tests and rehearsals elsewhere, without personal values."""

import json
import sqlite3
from contextlib import closing

import pytest

from .conftest import once

SCHEMA = {
    "people": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "name": "TEXT NOT NULL",
        "email": "TEXT NOT NULL UNIQUE COLLATE NOCASE CHECK (email LIKE '%@%')",
        "phone": "TEXT CHECK (length(phone) > 5)",
        "country": "TEXT CHECK (country IN ('DE', 'FR', 'IT'))",
        "born": "date",
        "age": "INTEGER CHECK (age BETWEEN 0 AND 120)",
        "salary": "decimal",
        "prefs": "TEXT CHECK (json_valid(prefs) OR prefs IS NULL)",
        "photo": "BLOB",
        "initial": "TEXT GENERATED ALWAYS AS (substr(name, 1, 1)) STORED",
        "_indexes": [
            {"name": "people_domain", "columns": ["(substr(email, instr(email, '@')))"]},
            {"name": "people_lower", "columns": ["(lower(email))"], "unique": True},
            {"name": "people_phone", "columns": ["phone"], "unique": True, "where": "phone IS NOT NULL"},
        ],
        "_triggers": {
            "people_log": "AFTER UPDATE ON people BEGIN INSERT INTO log (old, new) VALUES (OLD.email, NEW.email); END",
            "people_fts": "AFTER INSERT ON people BEGIN INSERT INTO search (rowid, name) VALUES (NEW.id, NEW.name); END",
        },
    },
    "orders": {
        "id": "INTEGER PRIMARY KEY",
        "customer": "TEXT COLLATE NOCASE REFERENCES people (email) ON UPDATE CASCADE",
        "note": "TEXT",
    },
    "codes": {"code": "TEXT PRIMARY KEY", "owner": "TEXT REFERENCES codes (code)", "_without_rowid": True},
    "log": {"old": "TEXT", "new": "TEXT"},
    "sessions": {"session_key": "TEXT PRIMARY KEY", "data": "TEXT"},
    "search": {"_virtual": "fts5(name, content='people', content_rowid='id')"},
    "letters": {"_virtual": "fts5(body, folder)"},
    "_views": {"adults": {"select": "SELECT name, email FROM people WHERE age > 17"}},
}
ROWS = """
INSERT INTO people (id, name, email, phone, country, born, age, salary, prefs, photo) VALUES
  (1, 'Annabella Smithson', 'Annabella.Smithson@example.org', '0151 1234567', 'DE', '1970-05-04', 54, 51234.5, '{"nick": "Bellarina", "n": 4711}', x'DEADBEEFCAFE0001'),
  (2, 'Bartholomew Young', 'bart.young@example.org', NULL, 'FR', '1981-02-28 12:30:00', 43, 1000, NULL, NULL),
  (7, 'Çelik Jürgensen', 'celik@example.net', '+49 30 987654', NULL, NULL, 9, NULL, '{}', x'');
INSERT INTO people (id, name, email) VALUES (99, 'Gone Forever', 'gone.forever@example.org');
DELETE FROM people WHERE id = 99;
INSERT INTO orders VALUES (1, 'ANNABELLA.smithson@example.org', 'quick'), (2, 'bart.young@example.org', NULL), (3, NULL, 'x');
INSERT INTO codes VALUES ('AB-12', NULL), ('CD-34', 'AB-12');
UPDATE people SET email = 'bart.older@example.org' WHERE id = 2;
INSERT INTO sessions VALUES ('secretsessionkey', 'whatsoever');
INSERT INTO letters VALUES ('Dear Annabella, the treasure is below Bartholomew', 'inboxfolder');
ANALYZE;
"""
RULES = {
    "people": {
        "name": "text", "email": "text", "phone": "text", "country": "text", "born": "date", "age": "number",
        "salary": "number", "prefs": "json", "photo": "text",
    },
    "codes": {"code": "text"},
    "log": {"old": "text", "new": "text"},
    "sessions": "empty",
    "letters": {"body": "text", "folder": "keep"},
}  # fmt: skip
SECRETS = (
    "annabella smithson bartholomew young çelik jürgensen celik bart. older@ example 1234567 987654 bellarina 4711"
    " gone forever secretsession whatsoever treasure 51234 1970-05-04 ab-12 cd-34"
).split()


@pytest.fixture
def people(project, memory):
    project.write(SCHEMA)

    def arrange():
        project.done()
        with closing(sqlite3.connect(project.link, isolation_level=None)) as connection:
            connection.execute("PRAGMA foreign_keys=ON")
            connection.executescript(ROWS)

    return once(memory / "people", project, arrange)


def masked(project, rules=RULES, **options):
    rules = project.write(rules, "mask.json")
    copy = project.folder / "masked.sqlite3"
    copy.unlink(missing_ok=True)
    return copy, project.done("snapshot", copy, mask=rules, json=True, **options).json


def refused(project, rules, code=3):
    copy = project.folder / "masked.sqlite3"
    ended = project.call("snapshot", copy, mask=project.write(rules, "mask.json"), json=True)
    assert ended.code == code, ended
    assert not list(project.folder.glob("masked*"))
    return [(one["code"], one["message"]) for one in ended.json["errors"]], ended


def test_no_old_value_is_anywhere_in_the_file_or_beside_it(people):
    before = people.folder.joinpath("db.sqlite3").read_bytes().lower()
    assert all(secret.encode() in before or secret == "51234" for secret in SECRETS if secret.isascii())
    copy, _ = masked(people)
    data = copy.read_bytes()
    text = data.decode("utf-8", "replace").lower() + data.decode("latin-1").lower()
    assert [secret for secret in SECRETS if secret in text] == []
    assert bytes.fromhex("DEADBEEFCAFE0001") not in data
    assert [path.name for path in people.folder.glob("masked*")] == ["masked.sqlite3"]


def test_rows_keys_lengths_nulls_and_all_other_values_are_those_of_the_database(people):
    copy, _ = masked(people)
    lengths = (
        "SELECT id, length(name), length(email), length(phone), born IS NULL, substr(born, 1, 4), length(age),"
        " typeof(salary), length(prefs), length(photo), name IS NULL FROM people ORDER BY id"
    )
    assert people.rows(lengths, copy) == people.rows(lengths)
    assert people.rows("SELECT id, note, customer IS NULL FROM orders", copy) == people.rows(
        "SELECT id, note, customer IS NULL FROM orders"
    )
    assert people.rows("SELECT count(*) FROM people AS p JOIN orders AS o ON o.customer = p.email", copy) == [(2,)]
    assert people.rows("SELECT count(*) FROM codes AS a JOIN codes AS b ON a.owner = b.code", copy) == [(1,)]
    assert people.rows("SELECT seq FROM sqlite_sequence WHERE name = 'people'", copy) == [(99,)]
    assert people.rows("SELECT count(*) FROM sessions", copy) == [(0,)]
    assert people.rows("SELECT count(*) FROM log", copy) == people.rows("SELECT count(*) FROM log") == [(1,)]
    assert people.rows("SELECT folder FROM letters", copy) == [("inboxfolder",)]
    assert people.rows("PRAGMA integrity_check", copy) == [("ok",)]
    assert people.rows("PRAGMA foreign_key_check", copy) == []
    assert people.rows("SELECT substr(name, 1, 1) = initial FROM people", copy) == [(1,)] * 3
    assert people.rows("SELECT count(*) > 2 FROM sqlite_stat1", copy) == [(1,)]
    assert {country for (country,) in people.rows("SELECT country FROM people", copy)} <= {"DE", "FR", "IT", None}


def test_no_masked_value_is_the_old_one(people):
    copy, _ = masked(people)
    for column in RULES["people"]:
        old, new = (
            dict(people.rows(f"SELECT id, {column} FROM people", path)) for path in (people.folder / "db.sqlite3", copy)
        )
        same = {key for key, value in old.items() if value == new[key]}
        assert all(old[key] in (None, "{}", b"") for key in same), column


def test_full_text_tables_find_the_masked_text_and_nothing_else(people):
    copy, _ = masked(people)
    ((name,),) = people.rows("SELECT name FROM people WHERE id = 1", copy)
    word = name.split()[0]
    assert people.rows(f"SELECT rowid FROM search WHERE search MATCH '{word}'", copy) == [(1,)]
    assert people.rows("SELECT rowid FROM search WHERE search MATCH 'Annabella'", copy) == []
    ((body,),) = people.rows("SELECT body FROM letters", copy)
    assert people.rows(f"SELECT count(*) FROM letters WHERE letters MATCH '{body.split()[2]}'", copy) == [(1,)]
    people.run_sql("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)", copy)


def test_it_says_what_it_masked_and_what_may_have_been_forgotten(people):
    _, found = masked(people)
    columns = {(one["table"], one["column"]): (one["kind"], one["named"]) for one in found["masked"]["columns"]}
    assert columns["people", "email"] == ("text", True)
    assert columns["orders", "customer"] == ("text", False)
    assert columns["codes", "owner"] == ("text", False)
    assert found["masked"]["empty"] == ["sessions"]
    assert found["masked"]["not_named"] == []
    assert found["masked"]["repeating"] == []
    fewer = {**RULES, "people": {"email": "text", "phone": "keep"}}
    _, found = masked(people, fewer)
    not_named = [(one["table"], one["column"]) for one in found["masked"]["not_named"]]
    assert not_named == [("people", "name"), ("people", "born"), ("people", "salary")]
    ended = people.done("snapshot", people.folder / "other.db", mask=people.write(fewer, "mask.json"))
    assert (
        "columns that look personal, and of which the rules say nothing: people.name, people.born, people.salary"
        in ended.err
    )
    assert "orders.customer: text, at the other end of a foreign key" in ended.out


def test_columns_that_repeat_what_is_masked_elsewhere_are_named(people):
    people.run_sql("UPDATE orders SET note = (SELECT name FROM people WHERE id = 1) WHERE id = 3")
    _, found = masked(people)
    assert found["masked"]["repeating"] == [{"table": "orders", "column": "note"}]
    ended = people.done("snapshot", people.folder / "other.db", mask=people.write(RULES, "mask.json"))
    assert "columns that have values which are masked in others: orders.note" in ended.err
    _, found = masked(people, {**RULES, "orders": {"note": "keep"}})
    assert found["masked"]["repeating"] == []


def test_copies_with_one_seed_agree_and_others_do_not(people):
    query = "SELECT * FROM people"
    first = people.rows(query, masked(people, seed="rosebud")[0])
    assert people.rows(query, masked(people, seed="rosebud")[0]) == first
    assert people.rows(query, masked(people, seed="other")[0]) != first
    assert people.rows(query, masked(people)[0]) != people.rows(query, masked(people)[0])


def test_an_upgrade_is_rehearsed_on_the_copy(people):
    copy, _ = masked(people)
    tree = json.loads(people.schema.read_text())
    tree["people"]["salary"] = "decimal NOT NULL DEFAULT 0"
    tree["people"]["salary"] = {"type": "decimal NOT NULL", "fill": "coalesce(salary, 0)"}
    people.write(tree)
    found = people.done("rehearse", at=copy, json=True).json
    assert found["result"] == "rehearsed"
    assert found["tables"]["people"] == {"action": "rewrite", "rows": 3}


def test_the_copy_is_current_where_it_is_adopted(people):
    copy, _ = masked(people)
    copy.rename(people.folder / "other.sqlite3")
    people.done("adopt", database="other")
    assert "nothing to do" in people.done(database="other").out
    people.run_sql("UPDATE people SET email = 'new@example.org' WHERE id = 2", people.folder / "other.sqlite3")
    assert people.rows("SELECT count(*) FROM log", people.folder / "other.sqlite3") == [(2,)]


def test_the_history_of_the_copy_says_nothing_of_rows_or_of_who_ran_it(people):
    copy, _ = masked(people)
    ((actor, plan, count),) = people.rows("SELECT actor, plan, count(*) FROM _schema_versions", copy)
    assert (actor, count) == ("", 1)
    assert not {"run", "notes"} & set(json.loads(plan))


def test_while_a_run_is_at_work_the_copy_has_nothing_of_it(people):
    people.run_sql("CREATE TABLE \"_schemasync_log\" (k0); INSERT INTO _schemasync_log VALUES ('annabella')")
    copy, _ = masked(people)
    assert not people.rows("SELECT name FROM sqlite_schema WHERE name GLOB '_schemasync*'", copy)


# --- refusals -----------------------------------------------------------------------------------------------------


def test_every_wrong_rule_is_named_at_once(people):
    rules = {
        "peeple": {"name": "text"},
        "people": {"mail": "text", "id": "number", "initial": "text", "name": "txet"},
        "adults": {"name": "text"},
        "log": 7,
    }
    found, ended = refused(people, rules)
    assert {code for code, _ in found} == {"bad-mask"}
    text = "\n".join(message for _, message in found)
    assert '"people.name" has a kind that is none' in text
    assert '"log" has a rule that is none' in text
    assert "mask.json:" in text
    assert 'Did you mean "text"?' in ended.json["errors"][0]["hint"]
    del rules["log"], rules["people"]["name"]
    text = "\n".join(message for _, message in refused(people, rules)[0])
    assert 'there is no table "peeple"' in text
    assert '"people" has no column "mail"' in text
    assert '"adults" is a view' in text
    text = "\n".join(
        message for _, message in refused(people, {**RULES, "people": {"id": "number", "initial": "text"}})[0]
    )
    assert '"people.id" is an id that SQLite gives out' in text
    assert '"people.initial" is a generated column' in text


def test_both_ends_of_a_foreign_key_have_one_kind(people):
    found, _ = refused(people, {**RULES, "orders": {"customer": "json"}})
    assert found == [
        (
            "bad-mask",
            "orders.customer, people.email refer to each other, and the rules give them several kinds: json, text",
        )
    ]


@pytest.mark.parametrize(
    ("without", "message"),
    [
        ("letters", 'the full-text table "letters" has a text of its own, and the rules say nothing of it'),
        ("log", 'a trigger of "people" writes to "log", of which the rules say nothing: it may have the values'),
    ],
)
def test_where_old_values_would_stay_elsewhere_it_is_refused(people, without, message):
    found, _ = refused(people, {name: rule for name, rule in RULES.items() if name != without})
    assert len(found) == 1
    assert message in found[0][1]
    masked(people, {**RULES, without: "empty"})
    masked(people, {**RULES, without: "keep"})


def test_a_trigger_on_a_table_of_a_full_text_table_is_asked_about_and_comes_along(people):
    people.run_sql(
        "CREATE TABLE heard (c0); CREATE TRIGGER hears AFTER INSERT ON letters_content"
        " BEGIN INSERT INTO heard VALUES (new.c0); END"
    )
    found, _ = refused(people, RULES)
    assert found == [
        (
            "bad-mask",
            'a trigger of "letters_content" writes to "heard", of which the rules say nothing: it may have the values that '
            "are masked",
        )
    ]
    copy, _ = masked(people, {**RULES, "heard": "empty"})
    assert people.rows("SELECT name FROM sqlite_schema WHERE tbl_name = 'letters_content' AND type = 'trigger'", copy)
    assert people.rows("SELECT count(*) FROM heard", copy) == [(0,)]


def test_values_that_cannot_be_masked_are_named_all_at_once(people):
    people.run_sql("UPDATE people SET born = 'in spring' WHERE id = 7; UPDATE people SET country = NULL WHERE id = 1")
    people.run_sql("UPDATE people SET prefs = NULL")
    rules = {**RULES, "people": {**RULES["people"], "born": "date", "name": "number"}}
    found, ended = refused(people, rules, 4)
    assert {code for code, _ in found} == {"mask-failed"}
    text = "\n".join(message for _, message in found)
    assert '"people.born" has a value that cannot be masked as date, first in row 7: it is no date' in text
    assert '"people.name" has a value that cannot be masked as number, first in row 1: it is no number' in text
    assert "in spring" not in ended.out
    assert "Annabella" not in ended.out


@pytest.mark.parametrize(
    ("schema", "row", "rules", "message"),
    [
        ({"t": {"a": "TEXT CHECK (a = '7')"}}, "('7')", {"t": {"a": "text"}}, "no other value of the same form"),
        (
            {"t": {"a": "TEXT", "b": "TEXT CHECK (b = a || '!')"}},
            "('x', 'x!')",
            {"t": {"a": "text"}},
            "1 row of \"t\" with masked values would violate CHECK (b = a || '!')",
        ),
        (
            {"t": {"a": "TEXT"}, "u": {"a": "TEXT REFERENCES v (k)"}, "v": {"k": "TEXT PRIMARY KEY"}},
            "('x'); INSERT INTO v VALUES ('k'); INSERT INTO u VALUES ('k')",
            {"v": "empty"},
            '"u": 1 row refers to rows of v, which the rules leave empty',
        ),
        (
            {"t": {"a": "TEXT", "_indexes": [{"name": "i", "columns": ["(substr(a, 1, 1))"], "unique": True}]}},
            ", ".join(f"('{letter}{number:04}{letter}')" for number, letter in enumerate("abcdefghijklmnopqrstuvwxyz")),
            {"t": {"a": "text"}},
            'rows of "t" with masked values do not fit: UNIQUE constraint failed: index \'i\'',
        ),
        (
            {"t": {"a": "TEXT"}},
            "(CAST(x'ff41' AS TEXT))",
            {"t": {"a": "text"}},
            'rows of "t" with masked values do not fit: a text is not UTF-8',
        ),
    ],
    ids=["one value", "two columns", "an empty parent", "an index of a part", "no utf-8"],
)  # fmt: skip
def test_rows_that_no_masked_value_fits_are_refused_with_the_reason(project, schema, row, rules, message):
    project.write(schema)
    project.done()
    project.run_sql(f"INSERT INTO t VALUES {row}")
    found, _ = refused(project, rules, 4)
    assert len(found) == 1
    assert found[0][0] == "mask-failed"
    assert message in found[0][1]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"people": {"name": "text", "name": "date"}}'])
def test_a_file_that_holds_no_rules_is_refused(people, text):
    found, _ = refused(people, text)
    assert {code for code, _ in found} == {"bad-mask"}


def test_a_file_that_is_not_there_and_a_seed_without_rules_are_usage_errors(people):
    assert people.call("snapshot", people.folder / "c.db", mask=people.folder / "none.json").code == 2
    assert people.call("snapshot", people.folder / "c.db", seed="x").code == 2
    assert not (people.folder / "c.db").exists()


# --- databases of all kinds ---------------------------------------------------------------------------------------

OF_ALL_KINDS = {
    "utf-16": (
        "PRAGMA encoding='UTF-16be'; CREATE TABLE t (a TEXT UNIQUE, b TEXT REFERENCES t (a));"
        "INSERT INTO t VALUES ('secretname', NULL), ('Zoë', 'secretname')",
        {"t": {"a": "text"}},
    ),
    "fts4": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT); CREATE VIRTUAL TABLE own USING fts4(body, kept);"
        "CREATE VIRTUAL TABLE f USING fts4(content='t', body); INSERT INTO t VALUES (5, 'secretname is here');"
        "INSERT INTO own (docid, body, kept) VALUES (9, 'secretname too', 'public'); INSERT INTO f (f) VALUES ('rebuild')",
        {"t": {"body": "text"}, "own": {"body": "text"}},
    ),
    "fts3": (
        "CREATE VIRTUAL TABLE own USING fts3(body); INSERT INTO own (docid, body) VALUES (9, 'secretname')",
        {"own": {"body": "text"}},
    ),
    "fts5 of a view, and its vocabulary": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT); CREATE VIEW v AS SELECT id, body AS x FROM t;"
        "CREATE VIRTUAL TABLE f USING fts5(x, content='v', content_rowid='id'); CREATE VIRTUAL TABLE w USING fts5vocab(f, row);"
        "INSERT INTO t VALUES (5, 'secretname is here'); INSERT INTO f (f) VALUES ('rebuild')",
        {"t": {"body": "text"}},
    ),
    "rtree": (
        "CREATE VIRTUAL TABLE r USING rtree(id, a, b); INSERT INTO r VALUES (3, 1, 2); CREATE TABLE t (a);"
        "INSERT INTO t VALUES ('secretname'), (x'736563726574'), (12345678), (0.25), (NULL)",
        {"t": {"a": "text"}},
    ),
    "without row ids": (
        "CREATE TABLE t (a TEXT, b INTEGER, c TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID;"
        "CREATE TABLE u (x INTEGER, y TEXT, FOREIGN KEY (x, y) REFERENCES t);"
        "INSERT INTO t VALUES ('secretname', 2, 'kept'), ('other', 2, 'k'); INSERT INTO u VALUES (2, 'secretname')",
        {"t": {"a": "text"}},
    ),
    "hidden row ids, and names to quote": (
        'CREATE TABLE "a ""b" (rowid TEXT, oid TEXT, "x ""y" TEXT); CREATE INDEX "i j" ON "a ""b" ("x ""y" DESC);'
        "INSERT INTO \"a \"\"b\" (rowid, oid, \"x \"\"y\") VALUES ('r', 'secretname', 'secretname')",
        {'a "b': {"OID": "text", 'x "y': "text"}},
    ),
    "strict": (
        "CREATE TABLE t (a TEXT, b ANY, c BLOB, d REAL) STRICT;"
        "INSERT INTO t VALUES ('secretname', '007', x'736563726574', 1.5), ('', 7, NULL, 2)",
        {"t": {"a": "text", "b": "text", "c": "text", "d": "number"}},
    ),
    "texts in columns of numbers": (
        "CREATE TABLE t (a NUMERIC, b INTEGER); INSERT INTO t VALUES ('1e5x', 'secretname');"
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
        " INSERT INTO t SELECT i || 'e' || 'x', i || 'q' || i FROM n",
        {"t": {"a": "text", "b": "text"}},
    ),
    "foreign keys in a circle": (
        "CREATE TABLE a (k TEXT PRIMARY KEY, b TEXT REFERENCES b (k)); CREATE TABLE b (k TEXT UNIQUE, a TEXT REFERENCES a);"
        "INSERT INTO a VALUES ('secretname', 'secretname2'); INSERT INTO b VALUES ('secretname2', 'secretname')",
        {"a": {"b": "text"}, "b": {"a": "text"}},
    ),
    "a row that dangles already": (
        "CREATE TABLE a (k TEXT PRIMARY KEY); CREATE TABLE b (a TEXT REFERENCES a); INSERT INTO b VALUES ('secretname')",
        {"b": {"a": "text"}},
    ),
}  # fmt: skip


IN_THE_GATE = ("utf-16", "fts4", "without row ids")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind not in IN_THE_GATE)) for kind in OF_ALL_KINDS]
)
def test_a_database_of_every_kind_is_masked(project, kind):
    sql, rules = OF_ALL_KINDS[kind]
    with closing(sqlite3.connect(project.link, isolation_level=None)) as connection:
        connection.executescript(sql)
    project.schema.unlink()
    project.done("adopt")
    copy, _ = masked(project, rules)
    data = copy.read_bytes()
    for encoding in ("utf-8", "utf-16-be"):
        assert "secret".encode(encoding) not in data
    assert project.rows("PRAGMA integrity_check", copy) == [("ok",)]
    shown = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
    assert project.rows(shown, copy) == project.rows(shown)


def test_an_index_of_words_alone_must_be_left_empty_or_kept(project):
    project.write({"f": {"_virtual": "fts5(x, content='')"}})
    project.done()
    project.run_sql("INSERT INTO f (rowid, x) VALUES (1, 'secretname')")
    found, _ = refused(project, {})
    assert found == [("bad-mask", 'the full-text index "f" keeps words, and no text that could be masked')]
    assert b"secretname" not in masked(project, {"f": "empty"})[0].read_bytes()
    assert b"secretname" in masked(project, {"f": "keep"})[0].read_bytes()
