"""manage.py schemasync plan: the changes that a sync would make, and why."""

import pytest

from tests.support.project import REWRITTEN, V1, V2

KEYS = {
    "result",
    "version",
    "previous",
    "generation",
    "strategy",
    "reason",
    "changes",
    "tables",
    "disk",
    "mixins",
    "in_place",
    "hazards",
    "pending_migrations",
    "foreign",
    "errors",
}


def test_it_shows_changes_tables_strategy_disk_and_hazards(synced):
    synced.write(REWRITTEN)
    out = synced.done("plan").out
    assert "  Users: name -> full_name\n" in out
    assert "  Users: -fax, with its values\n" in out
    assert "  Rooms: new table\n" in out
    assert "strategy: clone" in out
    assert "needed for the new file" in out
    assert "note [rows-dropped] Users.fax is dropped with 1 value" in out
    table = [line.split() for line in out.partition("tables:\n")[2].splitlines()[:3]]
    assert table[0] == ["table", "action", "rows", "size", "because", "of"]
    assert table[1][:3] == ["Users", "rewrite", "2"]
    assert table[1][-2:] == ["+UNIQUE", "(full_name)"]
    assert table[2][:5] == ["1", "other", "table", "keep", "1"]


def test_a_definition_that_is_edited_is_a_step_of_its_own(synced):
    synced.write(V2)
    table = [line.split() for line in synced.done("plan").out.partition("tables:\n")[2].splitlines()[:2]]
    assert table[0] == ["table", "action", "rows", "size"]
    assert table[1][:3] == ["Users", "alter", "2"]
    found = synced.done("plan", sql=True, json=True).json["sql"]
    edits = [one for one in found if one.startswith('UPDATE main.sqlite_schema SET sql = \'CREATE TABLE "Users"')]
    assert len(edits) == 1
    assert 'ALTER TABLE "Users" DROP COLUMN "fax"' in found


def test_verbosity_2_lists_the_kept_tables_too(synced):
    synced.write(REWRITTEN)
    assert "  Log    keep        1" in synced.done("plan", verbosity=2).out


def test_it_changes_nothing_and_the_sync_does_what_it_said(synced):
    synced.write(V2)
    live, said = synced.live(), synced.done("plan", json=True).json
    assert synced.live() == live
    done = synced.done(json=True).json
    assert said["changes"] == done["changes"]
    assert {name: item["action"] for name, item in said["tables"].items()} == {
        name: item["action"] for name, item in done["tables"].items()
    }


def test_json_has_every_key_and_the_sizes(synced):
    synced.write(V2)
    found = synced.done("plan", json=True).json
    assert set(found) == KEYS
    assert found["result"] == "planned"
    assert found["generation"] == synced.live()
    assert found["previous"] != found["version"]
    assert found["tables"]["Users"]["rows"] == 2
    assert found["tables"]["Users"]["bytes"] > 0
    new = {"action": "create", "rows": 0, "bytes": 0, "why": "", "derived": None, "transforms": None}
    assert found["tables"]["Rooms"] == new
    assert found["disk"]["needed"] > found["disk"]["live"] > 0
    assert found["disk"]["archives"] == 0


def test_a_current_database_takes_one_line(synced):
    out = synced.done("plan").out
    assert out.count("\n") == 1
    assert f"{synced.live()} is current" in out
    found = synced.done("plan", json=True).json
    assert set(found) == KEYS
    assert found["result"] == "current"
    assert found["version"] == found["previous"]
    assert found["generation"] == synced.live()


def test_of_a_missing_database_it_lists_what_would_be_made(project):
    project.write(
        {name: {"id": "INTEGER PRIMARY KEY"} for name in ("A", "B", "C", "D")} | {"_views": {"v": "SELECT 1 AS one"}}
    )
    out = project.done("plan").out
    assert "no database yet -> version " in out
    assert "  4 new tables: A, B, C, D\n" in out
    assert "  v: new view\n" in out
    found = project.done("plan", json=True).json
    assert set(found) == KEYS
    assert (found["result"], found["previous"], found["generation"]) == ("planned", None, None)
    assert list(project.folder.iterdir()) == [project.schema]


def test_of_a_database_that_is_not_taken_over_it_says_so_and_what_would_follow(project):
    project.run_sql("CREATE TABLE Users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    ended = project.call("plan")
    assert ended.code == 3
    assert "after an adoption, a sync would change:" in ended.out
    assert "  Users: +fax\n" in ended.out
    assert "[not-adopted]" in ended.error
    assert "manage.py schemasync adopt" in ended.error
    found = project.call("plan", json=True)
    assert found.code == 3
    assert found.json["errors"][0]["code"] == "not-adopted"


def test_a_plan_that_would_be_refused_is_shown_whole_and_ends_with_3(synced):
    synced.write({**V1, "Users": {**V1["Users"], "age": "INTEGER NOT NULL"}})
    ended = synced.call("plan")
    assert ended.code == 3
    assert "  Users: +age\n" in ended.out
    assert f"STOPS [nulls] {synced.schema}:6:5: Users.age: 2 rows" in ended.out
    assert "1 hazard stops a sync" in ended.error
    found = synced.call("plan", json=True).json
    assert set(found) == KEYS
    assert found["result"] == "refused"
    assert found["hazards"][0]["blocking"] is True
    assert found["errors"][0]["message"] == "{place}: {message}".format(**found["hazards"][0])


def test_sql_prints_statements_and_nothing_else(synced):
    synced.write(REWRITTEN)
    out = synced.done("plan", sql=True).out
    assert out.startswith("-- runs in the new file")
    found = synced.done("plan", sql=True, json=True).json["sql"]
    assert out.partition("\n")[2] == "".join(f"{statement};\n" for statement in found)
    assert any(statement.startswith('CREATE TABLE "Rooms"') for statement in found)
    assert any('INTO main."Users"' in statement and 'FROM old."Users"' in statement for statement in found)


def test_sql_of_a_current_database_is_a_comment(synced):
    assert synced.done("plan", "--sql").out == "-- nothing to do\n"
    assert synced.done("plan", "--sql", "--json").json["sql"] == []


def test_another_schema_may_be_asked_about(synced):
    path = synced.write(V2, "next.json")
    assert synced.done("plan", schema=path, json=True).json["result"] == "planned"
    assert synced.done("plan", schema=str(path), json=True).json["result"] == "planned"


def test_options_of_a_sync_may_be_planned(synced):
    synced.write({"Users": V1["Users"]})
    assert synced.call("plan").code == 3
    assert synced.done("plan", allow_drop=["Log"], json=True).json["tables"]["Log"]["action"] == "drop"
    assert synced.done("plan", rebuild_all=True, allow_drop=["Log"], json=True).json["strategy"] == "fresh"


def test_a_check_is_shown_as_it_was_written(synced):
    text = "what IN ('begun','done')  AND length(what) > 1"
    synced.write({**V1, "Log": {**V1["Log"], "_checks": [text]}})
    change = synced.done("plan", json=True).json["changes"][0]
    assert change["text"] == "Log: +CHECK (what IN ('begun','done') AND length(what) > 1)"
    assert change["check"] == text


def test_long_checks_are_shortened_so_that_they_can_still_be_told_apart(synced):
    values = [f"'{word}'" for word in "begun waiting planned active paused stopped cancelled".split()]
    synced.write(
        {
            **V1,
            "Log": {**V1["Log"], "_checks": [f"what IN ({', '.join(values)})", f"what IN ({', '.join(values[:-1])})"]},
        }
    )
    texts = [change["text"] for change in synced.done("plan", json=True).json["changes"]]
    assert all(len(text) < 90 for text in texts), texts
    assert len(set(texts)) == 2


def test_a_line_of_a_plan_stays_within_a_page(synced):
    many = {f"table_with_a_rather_long_name_{n:03}": {"id": "INTEGER PRIMARY KEY"} for n in range(60)}
    synced.write({**V1, **many})
    lines = synced.done("plan").out.splitlines()
    assert max(map(len, lines)) <= 120
    assert sum("table_with_a_rather_long_name_059" in line for line in lines) == 1


@pytest.mark.parametrize("action", ["plan", "check", "hash"])
def test_a_broken_schema_is_reported_with_line_and_column(project, action):
    project.write('{\n  "Users": {"id": "INTEGER PRIMARY KEY", "_idexes": []},\n}')
    ended = project.call(action, json=True)
    assert ended.code == 3
    error = ended.json["errors"][0]
    assert error["code"] == "unknown-key"
    assert f"{project.schema}:2:42" in error["message"]
    assert "_indexes" in error["hint"]


def test_with_fresh_plan_and_report_say_that_every_table_is_written_anew(synced):
    planned = synced.done("plan", json=True, rebuild_all=True).json["tables"]
    assert {name: (item["action"], item["rows"]) for name, item in planned.items()} == {
        "Users": ("rewrite", 2),
        "Log": ("rewrite", 1),
    }
    sql = synced.done("plan", sql=True, rebuild_all=True).out
    assert 'CREATE TABLE "Users"' in sql
    assert 'INSERT OR ABORT INTO main."Log"' in sql
    assert "DROP TABLE" not in sql, "the new file starts empty"
    assert synced.done(rebuild_all=True, json=True).json["tables"] == {
        "Users": {"action": "rewrite", "rows": 2},
        "Log": {"action": "rewrite", "rows": 1},
    }


@pytest.mark.parametrize(
    ("order", "rows", "wanted", "found"),
    [
        ("TEXT", "('ann'), ('Ann'), (NULL), (NULL), ('bob')", "TEXT UNIQUE COLLATE NOCASE", [("ann", 2)]),
        ("TEXT", "('ann'), ('ann'), ('ann'), ('bob')", "TEXT UNIQUE", [("ann", 3)]),
    ],
    ids=["where case does not count", "plain"],
)
def test_values_that_rows_share_are_listed_by_the_query_of_the_refusal(project, order, rows, wanted, found):
    project.write({"Tag": {"id": "key", "order": order}})
    project.done()
    project.run_sql(f'INSERT INTO Tag ("order") VALUES {rows}')
    project.write({"Tag": {"id": "key", "label": {"type": wanted, "was": ["order"]}}})
    (hint,) = [error["hint"] for error in project.call("plan", json=True).json["errors"]]
    assert project.rows(hint.partition("To see them: ")[2]) == found


def test_no_query_is_offered_for_values_that_are_computed(project):
    project.write({"Tag": {"id": "key", "a": "TEXT"}})
    project.done()
    project.run_sql("INSERT INTO Tag (a) VALUES ('x'), ('y')")
    project.write(
        {"Tag": {"id": "key", "a": {"type": "TEXT", "fill": "'z'"}, "_indexes": [{"columns": ["a"], "unique": True}]}}
    )
    assert "To see them" not in project.call("plan").error


def test_it_shows_what_mixins_make_once_for_all_tables_in_which_it_is_the_same(synced):
    mixin = {"at": "TEXT", "_indexes": ["at"], "_views": {"{table}_late": "SELECT * FROM {table} WHERE at > '18'"}}
    synced.write({**V1, "_mixins": {"timed": mixin, "one": {"one": "INT"}}, "_use_everywhere": ["timed"]})
    out = synced.done("plan").out
    assert "mixins:\n  timed in 2 tables: at, index at, view {table}_late\ntables:" in out
    assert "    Users, Log\n" in synced.done("plan", verbosity=2).out
    found = synced.done("plan", json=True).json["mixins"]
    assert [one["table"] for one in found] == ["Users", "Log"]
    assert found[0]["parts"][2] == {"kind": "view", "name": "Users_late"}
    synced.done()
    assert synced.done("plan", json=True).json["mixins"] == found, "also where nothing changes"


def test_a_new_trigger_takes_no_name_of_one_on_a_table_that_no_schema_names(synced):
    """A database has one trigger of a name: that one would be lost."""
    synced.run_sql("CREATE TABLE theirs (id INTEGER PRIMARY KEY)")
    synced.run_sql("CREATE TRIGGER noted AFTER INSERT ON theirs BEGIN SELECT 1; END")
    synced.write(
        {"Users": {"id": "INTEGER PRIMARY KEY", "_triggers": {"Noted": "AFTER INSERT ON Users BEGIN SELECT 1; END"}}}
    )
    ended = synced.call(json=True)
    assert [(error["code"], error["facts"]) for error in ended.json["errors"]] == [("name-clash", {"object": "Noted"})]
    assert synced.rows("SELECT tbl_name FROM sqlite_schema WHERE type = 'trigger'") == [("theirs",)]
