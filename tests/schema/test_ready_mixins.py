"""Columns and tables that the ready mixins maintain, whichever program writes: on real SQLite, by plain statements."""

import json
import re
import sqlite3
from contextlib import closing, contextmanager

import pytest

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.validate import build
from schemasync.schema.write import write

from .support import codes, read, rebuilt, version

ALL = ["timestamps", "authorship", "soft_delete", "audit"]
KINDS = {
    "rowid": {"id": "INTEGER PRIMARY KEY", "name": "TEXT COLLATE NOCASE"},
    "strict": {"id": "INTEGER PRIMARY KEY", "name": "TEXT COLLATE NOCASE", "_strict": True},
    "text key": {"id": "TEXT PRIMARY KEY NOT NULL", "name": "TEXT COLLATE NOCASE"},
    "without rowid": {"id": "INT", "name": "TEXT COLLATE NOCASE", "_primary_key": ["id"], "_without_rowid": True},
    "composite": {
        "id": "INT",
        "part": "INT DEFAULT 1",
        "name": "TEXT COLLATE NOCASE",
        "_primary_key": ["id", "part"],
        "_without_rowid": True,
    },
    "no key": {"id": "INT", "name": "TEXT COLLATE NOCASE"},
}
DJANGO_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}")
LONG_AGO = "2001-01-01 00:00:00.000000"


@contextmanager
def database(tree, recursive_triggers=False):
    """Yield a connection to a database in memory with the schema."""
    with closing(Opener().memory()) as connection:
        build(connection, read(tree).schema)
        connection.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture(params=[False, True], ids=["", "recursive"])
def users(request, kind):
    """A table of each kind with all mixins, with recursive triggers off and on."""
    with database({"Users": {**kind, "_use": ALL}}, request.param) as connection:
        yield connection


def acting(connection, name, metadata=None):
    connection.execute("DELETE FROM schemasync_actor")
    if name is not None:
        connection.execute("INSERT INTO schemasync_actor VALUES (1, ?, ?)", (name, metadata))


def one(connection, columns, where="1"):
    return connection.execute(f"SELECT {columns} FROM Users WHERE {where}").fetchone()


def aged(connection):
    """Set all times to long ago: an update of maintained columns alone runs no trigger."""
    connection.execute("UPDATE Users SET created_at = ?, updated_at = ?", (LONG_AGO, LONG_AGO))
    assert one(connection, "created_at, updated_at") == (LONG_AGO, LONG_AGO)


@pytest.mark.parametrize("name", ["Users", "two words", "order", 'a"b', "it's", "_hidden"])
def test_sqlite_takes_them_whatever_the_table_is_called_and_however_it_is_stored(name, kind):
    key = "_" + name if name.startswith("_") else name
    found = read({key: kind, "_use_everywhere": ALL})
    assert rebuilt(found.schema) == found.schema
    assert version(write(found.schema)) == found.version


# --- timestamps ---------------------------------------------------------------------------------------------------


def test_a_new_row_has_the_time_as_django_writes_it(users):
    users.execute("INSERT INTO Users (id, name) VALUES (1, 'a')")
    created, updated = one(users, "created_at, updated_at")
    assert created == updated
    assert DJANGO_TIME.fullmatch(created)


def test_a_changed_row_has_a_new_time_and_keeps_the_old_one(users):
    users.execute("INSERT INTO Users (id, name) VALUES (1, 'a'), (2, 'b')")
    aged(users)
    changed = users.execute("UPDATE Users SET name = 'c' WHERE id = 1").rowcount
    assert changed == 1, "what triggers write does not count"
    assert users.execute("SELECT changes()").fetchone() == (1,)
    created, updated = one(users, "created_at, updated_at", "id = 1")
    assert created == LONG_AGO < updated
    assert one(users, "updated_at", "id = 2") == (LONG_AGO,)


def test_an_explicit_time_is_kept_and_one_that_would_go_back_is_not(users):
    users.execute("INSERT INTO Users (id, name, created_at, updated_at) VALUES (1, 'a', '1999-01-01', '2000-01-01')")
    assert one(users, "created_at, updated_at") == ("1999-01-01", "2000-01-01")
    users.execute("UPDATE Users SET name = 'b', updated_at = '2999-01-01'")
    assert one(users, "created_at, updated_at") == ("1999-01-01", "2999-01-01")
    users.execute("UPDATE Users SET name = 'b', updated_at = '2998-01-01'")
    assert one(users, "updated_at") < ("2998",)


def test_an_object_that_never_read_the_times_does_not_erase_them(users):
    users.execute("INSERT INTO Users (id, name) VALUES (1, 'a')")
    aged(users)
    users.execute("UPDATE Users SET name = 'b', created_at = NULL, updated_at = NULL, created_by = NULL")
    created, updated = one(users, "created_at, updated_at")
    assert created == LONG_AGO < updated


def test_an_upsert_and_a_bulk_update_count_as_changes_and_a_replace_as_a_new_row(users, kind):
    users.execute("INSERT INTO Users (id, name) VALUES (1, 'a'), (2, 'b')")
    aged(users)
    if "id" in str(kind.get("_primary_key", "id")) and kind != KINDS["no key"]:
        target = ", ".join(kind.get("_primary_key", ["id"]))
        users.execute(f"INSERT INTO Users (id, name) VALUES (1, 'z') ON CONFLICT ({target}) DO UPDATE SET name = 'c'")
        created, updated = one(users, "created_at, updated_at", "id = 1")
        assert created == LONG_AGO < updated
        users.execute("INSERT OR REPLACE INTO Users (id, name) VALUES (2, 'r')")
        assert one(users, "created_at", "id = 2") > (LONG_AGO,)
    users.execute("UPDATE Users SET name = name || '!'")
    assert users.execute("SELECT count(*) FROM Users WHERE updated_at > ?", (LONG_AGO,)).fetchone() == (2,)


def test_a_row_that_a_foreign_key_changes_is_a_changed_row():
    tree = {
        "Teams": {"id": "INTEGER PRIMARY KEY"},
        "Users": {
            "id": "INTEGER PRIMARY KEY",
            "team": "INTEGER REFERENCES Teams ON DELETE SET NULL",
            "_use": ["timestamps", "audit"],
        },
    }
    with database(tree) as connection:
        connection.execute("INSERT INTO Teams VALUES (1)")
        connection.execute("INSERT INTO Users (id, team) VALUES (1, 1)")
        aged(connection)
        connection.execute("DELETE FROM Teams")
        assert one(connection, "team, updated_at") > (None, LONG_AGO) or one(connection, "team")[0] is None
        assert one(connection, "updated_at") > (LONG_AGO,)
        assert connection.execute("SELECT action, new_values FROM audit_log ORDER BY id DESC").fetchone() == (
            "update",
            '{"team":null}',
        )


# --- authorship ---------------------------------------------------------------------------------------------------


def test_rows_have_their_author_and_the_last_one_who_changed_them(users):
    acting(users, "ann")
    users.execute("INSERT INTO Users (id, name) VALUES (1, 'a')")
    assert one(users, "created_by, updated_by") == ("ann", "ann")
    acting(users, "bob")
    users.execute("UPDATE Users SET name = 'b'")
    assert one(users, "created_by, updated_by") == ("ann", "bob")
    users.execute("UPDATE Users SET name = 'c', created_by = NULL, updated_by = 'ann'")
    assert one(users, "created_by, updated_by") == ("ann", "bob"), "a stale object does not name another author"


def test_a_program_that_names_nobody_writes_all_the_same_and_is_nobody(users):
    users.execute("INSERT INTO Users (id, name) VALUES (1, 'a')")
    assert one(users, "created_by, updated_by") == (None, None)
    users.execute("UPDATE Users SET name = 'b', updated_by = 'carl'")
    assert one(users, "updated_by") == ("carl",), "it may say so itself"
    users.execute("UPDATE Users SET name = 'c'")
    assert one(users, "updated_by") == (None,)


# --- soft delete --------------------------------------------------------------------------------------------------


def test_a_deleted_row_leaves_the_view_with_time_and_actor_and_comes_back(users):
    users.execute("INSERT INTO Users (id, name) VALUES (1, 'a'), (2, 'b')")
    aged(users)
    acting(users, "ann")
    users.execute("UPDATE Users SET deleted_at = '2026' WHERE id = 1")
    assert users.execute("SELECT id, created_at FROM Users_active").fetchall() in (
        [(2, LONG_AGO)],
        [("2", LONG_AGO)],
    )
    assert one(users, "deleted_by, updated_by", "id = 1") == ("ann", "ann")
    assert one(users, "updated_at", "id = 1") > (LONG_AGO,)
    users.execute("UPDATE Users SET deleted_at = NULL")
    assert users.execute("SELECT count(*) FROM Users_active").fetchone() == (2,)
    assert one(users, "deleted_by", "id = 1") == (None,)


def test_a_delete_on_the_view_marks_the_row(users, kind):
    users.execute("INSERT INTO Users (id, name) VALUES (1, 'a'), (2, 'b')")
    if kind is KINDS["no key"] or kind is KINDS["text key"]:
        with pytest.raises(sqlite3.OperationalError, match="cannot modify Users_active because it is a view"):
            users.execute("DELETE FROM Users_active WHERE name = 'a'")
        return
    acting(users, "ann")
    users.execute("DELETE FROM Users_active WHERE name = 'A'")
    deleted_at, *rest = one(users, "deleted_at, name, deleted_by", "deleted_at IS NOT NULL")
    assert DJANGO_TIME.fullmatch(deleted_at)
    assert rest == ["a", "ann"]


def test_a_unique_value_is_free_again_once_its_row_is_deleted():
    unique = {"mixin": "soft_delete", "unique": ["email", ["name", "email"]]}
    with database({"Users": {"id": "INTEGER PRIMARY KEY", "email": "TEXT", "name": "TEXT", "_use": [unique]}}) as found:
        found.execute("INSERT INTO Users (id, email) VALUES (1, 'a@x')")
        with pytest.raises(sqlite3.IntegrityError):
            found.execute("INSERT INTO Users (id, email) VALUES (2, 'a@x')")
        found.execute("UPDATE Users SET deleted_at = '2026'")
        found.execute("INSERT INTO Users (id, email) VALUES (2, 'a@x')")
        with pytest.raises(sqlite3.IntegrityError):
            found.execute("UPDATE Users SET deleted_at = NULL")


# --- audit --------------------------------------------------------------------------------------------------------


def logged(connection, columns="action, old_values, new_values"):
    return connection.execute(f"SELECT {columns} FROM audit_log ORDER BY id").fetchall()


def test_each_write_is_one_row_of_the_log_with_what_it_changed(users):
    acting(users, "ann", '{"request": 7}')
    users.execute("INSERT INTO Users (id, name) VALUES (1, 'a')")
    acting(users, None)
    users.execute("UPDATE Users SET name = 'A'")  # equal under NOCASE
    users.execute("UPDATE Users SET name = name")
    users.execute("DELETE FROM Users")
    found = logged(users, "table_name, action, actor, metadata, old_values, new_values")
    assert [row[:4] for row in found] == [
        ("Users", "insert", "ann", '{"request": 7}'),
        ("Users", "update", None, None),
        ("Users", "delete", None, None),
    ]
    assert json.loads(found[0][5])["name"] == "a"
    assert found[1][4:] == ('{"name":"a"}', '{"name":"A"}')
    assert json.loads(found[2][4])["name"] == "A"
    assert found[0][4] is None
    assert found[2][5] is None
    assert all("updated_at" not in text for row in found for text in row[4:] if text)


def test_the_log_names_the_key_of_the_row(users, kind):
    users.execute("INSERT INTO Users (id, name) VALUES (7, 'a')")
    assert logged(users, "row_key") == [
        ("[7,1]" if kind is KINDS["composite"] else "7" if kind is not KINDS["no key"] else "1",)
    ]


def test_no_value_keeps_a_row_from_being_written():
    columns = {f"c{number}": "" for number in range(200)}
    with database({"T": {"id": "BLOB PRIMARY KEY", **columns, "_use": ["audit"]}}) as connection:
        values = (b"\x00\xff", "a\x00b", 1.5, -0.0, 2**62, None, '"', "\ud7ff")
        connection.execute("INSERT INTO T (id, c0, c1, c2, c3, c4, c5, c6) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        connection.execute("UPDATE T SET c7 = x'00', c2 = 0, c1 = 1")
        assert logged(connection, "row_key, action") == [("00FF", "insert"), ("00FF", "update")]
        assert logged(connection)[1][1:] == ('{"c1":1.5,"c2":0.0,"c7":null}', '{"c1":1,"c2":0,"c7":"00"}')
        assert json.loads(logged(connection)[0][2])["c4"] is None


def test_columns_that_are_left_out_are_not_logged_and_the_log_has_the_name_it_is_given():
    audit = {"mixin": "audit", "without": ["PASSWORD"], "log": "changes"}
    tree = {"Users": {"id": "INTEGER PRIMARY KEY", "name": "TEXT", "password": "TEXT", "_use": [audit]}}
    with database(tree) as connection:
        connection.execute("INSERT INTO Users VALUES (1, 'a', 'secret')")
        connection.execute("UPDATE Users SET password = 'hidden'")
        connection.execute("UPDATE Users SET password = 'secret', name = 'b'")
        connection.execute("DELETE FROM Users")
        found = connection.execute("SELECT old_values, new_values FROM changes").fetchall()
    assert found == [
        (None, '{"id":1,"name":"a"}'),
        ('{"name":"a"}', '{"name":"b"}'),
        ('{"id":1,"name":"b"}', None),
    ]
    tree["Users"]["_use"] = [{**audit, "without": ["id", "name", "password"]}]
    with database(tree) as connection:
        connection.execute("INSERT INTO Users VALUES (1, 'a', 'secret')")
        assert connection.execute("SELECT row_key, new_values FROM changes").fetchall() == [("1", "{}")]


def test_a_replaced_row_is_logged_as_deleted_only_with_recursive_triggers():
    tree = {"Users": {"id": "INTEGER PRIMARY KEY", "_use": ["audit"]}}
    for recursive, actions in [(False, ["insert", "insert"]), (True, ["insert", "delete", "insert"])]:
        with database(tree, recursive) as connection:
            connection.execute("INSERT INTO Users VALUES (1)")
            connection.execute("INSERT OR REPLACE INTO Users VALUES (1)")
            assert [action for action, *_ in logged(connection)] == actions


# --- the file -----------------------------------------------------------------------------------------------------


def test_a_mixin_of_the_file_goes_before_the_ready_one_of_that_name():
    found = read({"_mixins": {"audit": {"seen": "TEXT"}}, "T": {"id": "INT", "_use": ["audit"]}})
    assert [column.name for column in found.schema.table("T").columns] == ["id", "seen"]
    assert codes({"_mixins": {"audit": {"seen": "TEXT"}}, "T": {"_use": [{"mixin": "audit", "log": "x"}]}}) == [
        "wrong-shape"
    ]


def test_options_and_names_that_do_not_fit_are_reported():
    def use(**entry):
        return {"T": {"id": "INT", "_use": [entry]}}

    assert codes(use(mixin="timestamps", log="x")) == ["wrong-shape"]
    assert codes(use(mixin="audit", without=["idd"])) == ["unknown-column"]
    assert codes(use(mixin="audit", without=["zzzzz"])) == ["unknown-column"]
    assert codes(use(mixin="soft_delete", unique=["emial"])) == ["unknown-column"]
    assert codes({"T": {"id": "INT"}, "_use": ["audit"]}) == ["mixin-clash"]
    everywhere = [{"mixin": "audit", "without": ["password"]}]
    assert read({"T": {"id": "INT"}, "_use_everywhere": everywhere}).schema.table("audit_log") is not None


def test_a_column_of_its_own_that_differs_stays_with_keep_and_the_triggers_write_it():
    own = {"id": "INTEGER PRIMARY KEY", "created_at": "TEXT NOT NULL DEFAULT '?'", "_use": ["timestamps"]}
    assert codes({"Users": own}) == ["mixin-clash"]
    own["_use"] = [{"mixin": "timestamps", "keep": ["created_at"]}]
    with database({"Users": own}) as connection:
        connection.execute("INSERT INTO Users (id) VALUES (1)")
        created, updated = one(connection, "created_at, updated_at")
        assert created == "?"
        assert DJANGO_TIME.fullmatch(updated)


def test_a_table_whose_columns_are_all_maintained_has_triggers_that_sqlite_takes():
    tree = {"T": {"created_at": "datetime", "updated_at": "datetime", "_use": ALL[:2]}}
    assert rebuilt(read(tree).schema) == read(tree).schema
