"""A mixin is written once for several tables, and means the same as its content in each of them."""

import json

import pytest

from schemasync.errors import SchemaInvalid
from schemasync.schema import document
from schemasync.schema.comments import comments
from schemasync.schema.document import schema_as_written
from schemasync.schema.placeholders import TableNames, filled_in
from schemasync.schema.write import write

from .support import codes, problems, read, rebuilt, version

USERS = {"id": "INTEGER PRIMARY KEY", "name": "TEXT"}
STAMPED = {
    "changed_at": "TEXT",
    "_indexes": ["changed_at"],
    "_checks": [{"name": "{table}_time", "check": "changed_at <> '{table}'"}],
    "_triggers": {
        "{table}_changed": "AFTER UPDATE OF name ON {table} BEGIN "
        "UPDATE {table} SET changed_at = datetime() WHERE {key} = {NEW.key}; END"
    },
    "_views": {"{table}_recent": "SELECT * FROM {table} WHERE changed_at IS NOT NULL"},
}


def test_mixins_that_make_too_much_of_a_small_file_are_refused(monkeypatch):
    monkeypatch.setattr("schemasync.schema.mixins.MADE_LIMIT", 100)
    tables = ", ".join(f'"t{number}": {{"id": "INTEGER"}}' for number in range(10))
    text = f'{{"_mixins": {{"m": {{"of_{{table}}": "TEXT"}}}}, "_use_everywhere": ["m"], {tables}}}'
    with pytest.raises(SchemaInvalid, match="mixins make more than 100 characters") as refused:
        document.read(text.encode())
    assert [problem.code for problem in refused.value.problems] == ["schema-too-large"]


def using(*tables, **more):
    """Return a schema.json whose tables use the mixin `stamped`."""
    named = {name: {**USERS, "_use": ["stamped"]} for name in tables}
    return {"_mixins": {"stamped": STAMPED}, **named, **more}


def test_a_schema_with_mixins_has_the_version_of_the_same_schema_written_out():
    by_hand = {
        "Users": {
            **USERS,
            "changed_at": "TEXT",
            "_indexes": ["changed_at"],
            "_checks": [{"name": "Users_time", "check": "changed_at <> 'Users'"}],
            "_triggers": {
                "Users_changed": "AFTER UPDATE OF name ON Users BEGIN "
                "UPDATE Users SET changed_at = datetime() WHERE id = NEW.id; END"
            },
        },
        "_views": {"Users_recent": "SELECT * FROM Users WHERE changed_at IS NOT NULL"},
    }
    assert version(using("Users")) == version(by_hand)


@pytest.mark.parametrize("name", ["Users", "two words", "order", 'a"b', "it's", "_hidden", "Ünïcode"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"_strict": True},
        {"_without_rowid": True},
        {"id": "INTEGER", "_primary_key": ["id", "name"], "_without_rowid": True},
        {"id": "TEXT", "rowid": "INT"},
        {"id": "INTEGER", "rowid": "INT", "oid": "INT", "_rowid_": "INT", "_primary_key": ["id", "name"]},
    ],
    ids=["rowid", "strict", "without rowid", "composite", "rowid taken", "all taken"],
)
def test_sqlite_takes_the_expansion_whatever_the_table_is_called_and_however_it_is_stored(name, more):
    key = "_" + name if name.startswith("_") else name
    body = {**USERS, **{("_" + column if column == "_rowid_" else column): value for column, value in more.items()}}
    found = read({"_mixins": {"stamped": STAMPED}, key: {**body, "_use": ["stamped"]}})
    assert rebuilt(found.schema) == found.schema
    assert read(write(found.schema)).version == found.version
    assert found.schema.table(name).triggers[0].name == f"{name}_changed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{table}", '"two words"'),
        ("{table}_log", '"two words_log"'),
        ("old_{table}", '"old_two words"'),
        ('"{table}_log"', '"two words_log"'),
        ("'{table}'", "'two words'"),
        ("'it''s {table}'", "'it''s two words'"),
        ("{key} = {NEW.key}", "(a, b) = (NEW.a, NEW.b)"),
        ("{key} = {old.key}", "(a, b) = (OLD.a, OLD.b)"),
        ("'{key}' || '{\"a\": 1}'", "'{key}' || '{\"a\": 1}'"),
    ],
)
def test_a_placeholder_becomes_sql_where_it_stands(text, expected):
    names = TableNames("two words", ("a", "b"))
    assert filled_in(text, names) == expected
    assert filled_in([1, {"name": "{table}_x", "check": text}], names) == [
        1,
        {"name": "two words_x", "check": expected},
    ]
    assert filled_in({"name": text}, names) == {"name": expected}, "a column called name"


def test_everywhere_is_every_ordinary_table_but_the_exceptions_and_those_of_mixins():
    tree = {
        "_mixins": {"stamped": {"changed_at": "TEXT", "_tables": {"Log": {"id": "INTEGER PRIMARY KEY"}}}},
        "_use_everywhere": [{"mixin": "stamped", "except": ["sessions"]}],
        "Users": USERS,
        "Sessions": USERS,
        "Search": {"_virtual": "fts5(name)"},
    }
    found = read(tree)
    assert [table.name for table in found.schema.tables if table.column("changed_at")] == ["Users"]
    assert [(one.mixin, one.table) for one in found.mixins] == [("stamped", "Users"), ("stamped", "")]
    assert found.schema.table("Log") is not None


def test_two_mixins_on_one_table_add_up_in_their_order_and_a_repeated_one_counts_once():
    tree = {
        "_mixins": {
            "a": {"a": "TEXT", "_indexes": ["a"], "_strict": True},
            "b": {"b": "TEXT", "_indexes": ["a"], "_strict": True},
        },
        "_use_everywhere": ["a"],
        "Users": {**USERS, "_use": ["b", "b", "a"]},
    }
    table = read(tree).schema.table("Users")
    assert [column.name for column in table.columns] == ["id", "name", "b", "a"]
    assert len(table.indexes) == 1
    assert table.strict


def test_what_a_table_defines_in_the_same_way_is_no_clash():
    mixin = {"Name": "text  not null", "_triggers": {"t": "AFTER INSERT ON {table} BEGIN SELECT 1; END"}}
    table = {
        "name": {"type": "TEXT NOT NULL", "fill": "'x'"},
        "_triggers": {"t": "after insert on Users begin select 1; end"},
        "_use": ["m"],
    }
    found = read({"_mixins": {"m": mixin}, "Users": table})
    assert [column.name for column in found.schema.table("Users").columns] == ["name"]
    assert list(found.hints.fills) == [("Users", "name")]
    assert found.mixins == ()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"changed_at": "INTEGER"},
            'Users.changed_at is "INTEGER" in the file itself and "TEXT" in the mixin "stamped"',
        ),
        (
            {"_triggers": {"Users_changed": "AFTER DELETE ON Users BEGIN SELECT 1; END"}},
            'the trigger "Users_changed" is "AFTER DELETE ON Users BEGIN SELECT 1; END" in the file itself and "AFTER',
        ),
    ],
)
def test_what_a_table_defines_otherwise_is_a_clash_that_names_both(more, message):
    (problem,) = problems(using(Users={**USERS, **more, "_use": ["stamped"]}))
    assert str(problem.code) == "mixin-clash"
    assert message in problem.message


def test_a_clash_of_two_mixins_names_both():
    tree = {"_mixins": {"a": {"x": "TEXT"}, "b": {"x": "INT"}}, "Users": {**USERS, "_use": ["a", "b"]}}
    (problem,) = problems(tree)
    assert 'Users.x is "TEXT" in the mixin "a" and "INT" in the mixin "b"' in problem.message
    views = {name: {"_views": {"v": {"select": "SELECT 1", "columns": [name]}}} for name in "ab"}
    (problem,) = problems({"_mixins": views, "_use": ["a", "b"]})
    assert problem.message.endswith('"columns": ["b"]} in the mixin "b"')
    assert codes({"_mixins": {"a": {"_strict": True}}, "Users": {**USERS, "_strict": False, "_use": ["a"]}}) == [
        "mixin-clash"
    ]


def test_a_table_may_keep_its_own_definition_of_a_column_as_the_hint_says():
    tree = using(Users={**USERS, "changed_at": "INTEGER", "_use": ["stamped"]})
    (problem,) = problems(tree)
    entry = json.loads(problem.hint.rpartition("in its _use: ")[2])
    tree["Users"]["_use"] = [entry]
    assert read(tree).schema.table("Users").column("changed_at").type.canonical == "INTEGER"


def test_an_unknown_mixin_and_an_unknown_exception_come_with_the_nearest_name():
    tree = using(Users={**USERS, "_use": ["stampd"]}, _use_everywhere=[{"mixin": "stamped", "except": ["User"]}])
    found = problems(tree)
    assert sorted(problem.hint for problem in found) == ['Did you mean "Users"?', 'Did you mean "stamped"?']
    assert codes({"Users": {**USERS, "_use": ["x"]}}) == ["unknown-mixin"]
    assert codes({"_use_everywhere": [{"mixin": "x", "except": ["zzz"]}], "Users": USERS}) == ["unknown-mixin"]
    (problem,) = problems({"_mixins": {"stamped": {}}, "Users": {**USERS, "_use": ["zzz"]}})
    assert problem.hint.startswith("Mixins: stamped, timestamps, ")
    (problem,) = problems(using("Users", _use_everywhere=[{"mixin": "stamped", "except": ["zzzzz"]}]))
    assert problem.hint == "Remove the name."


def test_a_virtual_table_cannot_use_a_mixin_and_is_left_out_everywhere():
    search = {"_virtual": "fts5(name)", "_use": ["stamped"]}
    assert codes(using("Users", Search=search)) == ["mixin-clash"]


def test_a_mixin_of_tables_and_views_is_used_once_at_the_top():
    tree = {
        "_mixins": {"roles": {"_comment": "who may", "_tables": {"__Roles": {"id": "INTEGER PRIMARY KEY"}}}},
        "_use": ["roles"],
        "Users": {**USERS, "role": "INTEGER REFERENCES _Roles"},
    }
    found = read(tree)
    assert found.schema.table("_Roles") is not None
    assert found.mixins[0].table == ""
    assert codes(using("Users", _use=["stamped"])) == ["mixin-clash"]


def test_a_table_of_a_mixin_that_the_file_has_otherwise_is_a_clash():
    tree = {"_mixins": {"m": {"_tables": {"Log": {"id": "INTEGER PRIMARY KEY"}}}}, "_use": ["m"], "Log": USERS}
    assert codes(tree) == ["mixin-clash"]
    tree["_mixins"]["m"]["_tables"]["Log"]["type"] = "TEXT"
    tree["Log"] = {"id": "INT", "type": "TEXT"}
    assert codes(tree) == ["mixin-clash"], "a column called type"
    del tree["_mixins"]["m"]["_tables"]["Log"]["type"]
    tree["Log"] = {"id": "integer primary  key"}
    assert version(tree) == version({"Log": {"id": "INTEGER PRIMARY KEY"}})


def test_an_error_in_a_mixin_is_reported_once_where_the_mixin_stands():
    text = """{
      "_mixins": {"m": {
        "x": "TEXT CHECK (",
        "_triggers": {"{table}_t": "AFTER INSERT ON Other BEGIN SELECT 1; END"}
      }},
      "_use_everywhere": ["m"],
      "A": {"id": "INT"}, "B": {"id": "INT"}, "C": {"id": "INT"}
    }"""
    found = problems(text)
    assert [problem.message.split(" ")[0] for problem in found] == ["schema.json:3:9:", "schema.json:4:23:"]
    assert all('(from the mixin "m")' in problem.message for problem in found)


def test_shapes_and_keys_of_mixins_are_checked_like_those_of_tables():
    tree = {
        "_mixins": {
            "a": {"_indxes": []},
            "b": {"x": 1},
            "d": 1,
            "c": {"_views": {"_v": "SELECT 1"}, "_tables": {"T": {"_use": ["a"], "_chcks": []}, "_T": {}}},
        },
        "_use_everywhere": [{"mixin": "a", "but": []}, {}],
        "Users": {**USERS, "_use": ["a", "b", "c"]},
    }
    found = {problem.facts["path"]: str(problem.code) for problem in problems(tree)}
    assert found == {
        "_mixins/a/_indxes": "unknown-key",
        "_mixins/b/x": "wrong-shape",
        "_mixins/d": "wrong-shape",
        "_mixins/c/_views/_v": "unknown-key",
        "_mixins/c/_tables/T/_use": "unknown-key",
        "_mixins/c/_tables/T/_chcks": "unknown-key",
        "_mixins/c/_tables/_T": "unknown-key",
        "_use_everywhere/0/but": "wrong-shape",
        "_use_everywhere/1": "wrong-shape",
    }
    assert codes({"_mixins": [], "Users": {**USERS, "_use": 1}}) == ["wrong-shape", "wrong-shape"]


def test_a_part_has_the_place_of_the_mixin_that_makes_it():
    found = document.read(
        b'{"_mixins": {"m": {\n"x": {"type": "TEXT", "comment": "an x"}}},\n"T": {"y": "", "_use": ["m"]}}'
    )
    assert found.place_of("T", "x") == "schema.json:2:1"
    assert found.place_of("t", "X") == "schema.json:2:1"
    assert found.place_of("T", "y") == "schema.json:3:7"
    assert comments(found).columns == {("t", "x"): "an x"}


def test_the_schema_as_written_has_nothing_of_mixins():
    tree = using("Users", Other=USERS)
    found = schema_as_written(read(tree))
    assert [column.name for column in found.table("Users").columns] == ["id", "name"]
    assert found.views == ()
    plain = read({"Other": USERS})
    assert schema_as_written(plain) is plain.schema


def test_parts_of_all_kinds_are_listed_with_their_names():
    mixin = {
        "_primary_key": ["id"],
        "_unique_constraints": ["a", ["a", "b"], {"columns": ["b"]}],
        "_indexes": [{"name": "i", "columns": ["a"]}, {"columns": ["b"], "unique": True}],
        "_foreign_keys": [{"columns": ["a"], "references": {"table": "{table}"}}],
        "_checks": ["a > 0", {"check": "b > 0"}],
        "_constraints": ["CHECK (a <> b)"],
    }
    found = read({"_mixins": {"m": mixin}, "T": {"id": "INT", "a": "INT", "b": "INT", "_use": ["m"]}})
    assert [tuple(part) for part in found.mixins[0].parts] == [
        ("primary key", '["id"]'),
        ("unique constraint", "a"),
        ("unique constraint", "a, b"),
        ("unique constraint", "b"),
        ("index", "i"),
        ("index", "b"),
        ("foreign key", "a"),
        ("check", "a > 0"),
        ("check", "b > 0"),
        ("constraint", "CHECK (a <> b)"),
    ]
