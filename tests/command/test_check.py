"""manage.py schemasync check: whether the database agrees with schema.json."""

from tests.support.project import V1, V2

KEYS = {
    "result", "version", "live", "generation", "models", "changes", "drift", "foreign",
    "applied_hints", "unwritten_rows", "pending_transforms", "data_migrations_never_run", "runners_ran", "pending_migrations", "missing_tables", "migrate_risks",
    "database_faults", "outdated", "litestream",
    "unknown_names", "refused",
    "errors",
}  # fmt: skip


def test_agreement_is_0(synced):
    assert "agree" in synced.done("check").out
    found = synced.done("check", json=True).json
    assert set(found) == KEYS
    assert found["result"] == "agrees"
    assert found["version"] == found["live"]


def test_a_difference_is_1_and_is_listed_with_what_to_do_next(synced):
    synced.write(V2)
    ended = synced.call("check")
    assert ended.code == 1
    assert "  Users: name -> full_name\n" in ended.out
    assert "schema.json and the database differ" in ended.error
    assert "manage.py schemasync plan" in ended.error
    assert "differ" not in ended.out, "the verdict is said once"
    found = synced.call("check", json=True).json
    assert found["result"] == "differs"
    assert {change["change"] for change in found["changes"]} >= {"RenameColumn", "DropColumn", "CreateTable"}


def test_a_change_by_hand_is_1_and_named(synced):
    synced.run_sql("ALTER TABLE Log ADD COLUMN extra")
    ended = synced.call("check")
    assert ended.code == 1
    assert "changed by hand: Log" in ended.out
    assert "--repair" in ended.error
    assert synced.call("check", json=True).json["drift"] == ["Log"]


def test_objects_of_others_are_listed_as_they_are_spelled_and_count_only_with_strict(synced):
    synced.run_sql("CREATE TABLE Mine (x); CREATE INDEX By_Name ON Users (name)")
    ended = synced.done("check")
    assert "index By_Name, table Mine" in ended.out
    assert "agree" in ended.out
    strict = synced.call("check", strict=True)
    assert strict.code == 1
    assert "does not name" in strict.error
    found = synced.call("check", strict=True, json=True).json
    assert found["foreign"] == [{"type": "index", "name": "By_Name"}, {"type": "table", "name": "Mine"}]
    assert found["result"] == "differs"


STALE = """
    CREATE INDEX Stale ON Users (name || 'x'); INSERT INTO Users (name) VALUES ('eve'); PRAGMA writable_schema=ON;
    UPDATE sqlite_schema SET sql = replace(sql, '|| ''x''', '|| ''y''') WHERE name = 'Stale';
"""
"""A table as a SQLite leaves it that evaluates the expression differently."""


def test_an_index_that_another_sqlite_filled_is_1_with_the_way_to_build_it_again(synced):
    synced.run_sql(STALE)
    assert synced.done("check", json=True).json["outdated"] == [], "this SQLite built the file"
    synced.run_sql("UPDATE _schema_versions SET sqlite_version = '3.1.0'")
    ended = synced.call("check")
    assert ended.code == 1
    assert 'the index "Stale" of "Users" is not what SQLite' in ended.error
    assert "missing from index Stale" in ended.error
    assert "manage.py schemasync --rebuild-all" in ended.error
    found = synced.call("check", json=True).json
    assert found["result"] == "differs"
    assert [(one["code"], one["table"]) for one in found["outdated"]] == [("stale-index", "Users")]
    synced.done(rebuild_all=True)
    assert "agree" in synced.done("check").out


def test_a_missing_database_is_1_with_the_command_that_makes_it(project):
    ended = project.call("check")
    assert ended.code == 1
    assert "there is no database yet" in ended.error
    assert ended.out == ""
    found = project.call("check", json=True).json
    assert (found["result"], found["live"], found["generation"]) == ("differs", None, None)
    assert list(project.folder.iterdir()) == [project.schema]


def test_a_missing_database_is_1_in_json_too_if_the_schema_is_empty(project):
    project.schema.write_text("{}")
    ended = project.call("check", json=True)
    assert (ended.code, ended.json["result"]) == (1, "differs")


def test_a_plain_database_that_agrees_is_0(project):
    project.run_sql("CREATE TABLE Users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, fax TEXT)")
    project.run_sql("CREATE TABLE Log (id INTEGER PRIMARY KEY, what TEXT)")
    assert project.done("check", json=True).json["generation"] is None


def test_a_plain_database_that_differs_is_1_and_says_adopt(project):
    project.run_sql("CREATE TABLE Log (id INTEGER PRIMARY KEY)")
    ended = project.call("check")
    assert ended.code == 1
    assert "manage.py schemasync adopt" in ended.error


def test_a_hint_that_has_acted_is_no_difference(synced):
    swapped = {
        **V1,
        "Users": {
            **V1["Users"],
            "name": {"type": "TEXT", "was": ["fax"]},
            "fax": {"type": "TEXT NOT NULL", "was": ["name"]},
        },
    }
    synced.write(swapped)
    synced.done()
    assert synced.rows("SELECT name, fax FROM Users") == [("1", "ann"), (None, "bob")]
    synced.done("check")


def test_hints_that_may_be_deleted_are_listed(evolved):
    evolved.write({**V2, "Log": {**V2["Log"], "_was": ["Journal"]}})
    assert (
        "hints that do not act again (when no other database needs them: manage.py schemasync prune --hints): was on\n  Users.full_name\n"
        in evolved.done("check").out
    )
    assert evolved.done("check", json=True).json["applied_hints"] == ["was on Users.full_name"]


def test_the_other_spelling_of_the_same_schema_agrees(synced):
    synced.write("""
        // the same, spelled otherwise
        {"Users": {"id": "integer PRIMARY KEY NOT NULL", "name": "text not null", "fax": "TEXT DEFAULT NULL"},
         "Log": {"id": "INTEGER", "what": "TEXT", "_primary_key": ["id"]},}""")
    synced.done("check")


def test_rows_that_are_not_written_yet_are_a_difference(synced):
    synced.write({**V1, "Log": {**V1["Log"], "_rows": [{"id": 7, "what": "made"}]}})
    ended = synced.call("check")
    assert ended.code == 1
    assert "Log: the rows of schema.json are not written yet" in ended.out
    assert synced.call("check", json=True).json["unwritten_rows"] == ["Log"]
    synced.done()
    assert synced.done("check", json=True).json["unwritten_rows"] == []
    assert (7, "made") in synced.rows("SELECT id, what FROM Log")
