"""manage.py schemasync rollback: the instant way back. test_terminal.py has its questions on a terminal."""

import pytest

from tests.support.project import V1, V2

KEYS = {"result", "version", "previous", "generation", "differences", "duration_ms", "pause_ms", "errors"}


def test_without_an_argument_it_goes_to_the_one_before_and_again_returns(evolved):
    first, second = [name.removesuffix(".sqlite3") for name in evolved.generations()]
    out = evolved.done("rollback", noinput=True).out
    assert evolved.live() == first
    assert f"{first} is live again" in out
    assert f"To undo it: manage.py schemasync rollback {second}" in out
    evolved.done("rollback", interactive=False)
    assert evolved.live() == second


def test_what_was_written_since_is_counted_and_kept(evolved):
    evolved.run_sql(
        "INSERT INTO Users VALUES (3, 'eve'); UPDATE Users SET full_name = 'Ann' WHERE id = 1; DELETE FROM Users WHERE id = 2; INSERT INTO Rooms VALUES (7)"
    )
    out = evolved.done("rollback", noinput=True).out
    rows = {line.split()[0]: line.split()[1:4] for line in out.splitlines() if line.startswith("  ")}
    assert rows["table"] == ["added", "changed", "removed"]
    assert rows["Users"] == ["1", "1", "1"]
    assert rows["Rooms"] == ["1", "0", "0"]
    assert "Log" not in rows
    assert evolved.rows("SELECT name FROM Users ORDER BY id") == [("ann",), ("bob",)]
    evolved.done("rollback", noinput=True)
    assert evolved.rows("SELECT full_name FROM Users ORDER BY id") == [("Ann",), ("eve",)]


def test_json_has_every_key_and_the_tables_that_differ(evolved):
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve')")
    live = evolved.live()
    found = evolved.done("rollback", noinput=True, json=True).json
    assert set(found) == KEYS
    assert found["result"] == "rolled_back"
    assert found["generation"] == evolved.live()
    assert found["differences"]["from"] == live
    assert found["differences"]["to"] == evolved.live()
    assert found["differences"]["tables"] == {
        "Users": {"added": 1, "changed": 0, "removed": 0, "comparable": True, "note": "", "not_compared": []}
    }
    assert found["previous"] != found["version"]


def test_dry_run_shows_it_and_changes_nothing(evolved):
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve')")
    live = evolved.live()
    assert "written since" in evolved.done("rollback", dry_run=True).out
    found = evolved.done("rollback", dry_run=True, json=True).json
    assert found["result"] == "planned"
    assert found["differences"]["tables"]["Users"]["added"] == 1
    assert evolved.live() == live


@pytest.mark.parametrize(
    "spell",
    [
        lambda row: row["generation"],
        lambda row: "1",
        lambda row: "0001",
        lambda row: row["version"],
        lambda row: row["version"][2:10],
    ],
)
def test_a_generation_or_a_version_may_be_named(evolved, spell):
    row = evolved.done("history", json=True).json["generations"][-1]
    evolved.done("rollback", spell(row), noinput=True)
    assert evolved.live() == row["generation"]


def test_without_a_terminal_it_wants_noinput_and_does_nothing(evolved):
    live = evolved.live()
    ended = evolved.call("rollback")
    assert ended.code == 2
    assert "[prompt-needed]" in ended.error
    assert "manage.py schemasync rollback --noinput" in ended.error
    assert evolved.live() == live


def test_json_never_asks(evolved):
    ended = evolved.call("rollback", json=True)
    assert ended.code == 2
    assert ended.json["errors"][0]["code"] == "prompt-needed"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("77", "unknown-generation"),
        ("beef", "unknown-generation"),
        ("0009-0123456789ab", "unknown-generation"),
        ("2", "unknown-generation"),
    ],
)
def test_what_the_history_does_not_know_or_is_live_is_refused(evolved, wanted, code):
    ended = evolved.call("rollback", wanted, noinput=True, json=True)
    assert ended.code == 3
    assert ended.json["errors"][0]["code"] == code
    assert "history" in ended.json["errors"][0]["hint"]


def test_a_file_that_is_gone_is_refused_and_those_that_are_there_are_named(evolved):
    first, second = evolved.generations()
    (evolved.archive / first).unlink()
    ended = evolved.call("rollback", noinput=True)
    assert ended.code == 3
    assert "[generation-missing]" in ended.error
    assert second.removesuffix(".sqlite3") in ended.error


def test_the_first_generation_has_nothing_before_it(synced):
    ended = synced.call("rollback", noinput=True)
    assert ended.code == 3
    assert "first generation" in ended.error


@pytest.mark.parametrize("script", ["", "CREATE TABLE t (x)"])
def test_where_there_is_no_history_it_is_refused_and_leaves_no_folder(project, script):
    if script:
        project.run_sql(script)
    ended = project.call("rollback", noinput=True)
    assert ended.code == 3
    assert "[no-history]" in ended.error
    assert not project.archive.exists()


def test_a_plain_copy_has_no_way_back_of_its_own(evolved):
    evolved.done("snapshot", evolved.folder / "other.sqlite3")
    ended = evolved.call("rollback", database="other", noinput=True)
    assert ended.code == 3
    assert "manage.py schemasync adopt --database other" in ended.error


def test_several_generations_back_are_counted_too(evolved):
    evolved.write({**V2, "Later": {"id": "INTEGER PRIMARY KEY"}})
    evolved.done()
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve')")
    found = evolved.done("rollback", "1", noinput=True, json=True).json
    assert found["differences"]["tables"]["Users"]["added"] == 1
    assert evolved.rows("SELECT fax FROM Users WHERE id = 1") == [("1",)]


def test_where_there_is_no_way_back_the_error_comes_before_any_question(synced):
    ended = synced.call("rollback")
    assert ended.code == 3
    assert "[no-history]" in ended.error


def test_with_json_no_question_is_put_and_that_is_what_is_said(evolved):
    ended = evolved.call("rollback", json=True)
    assert ended.code == 2
    assert ended.json["errors"][0]["message"] == "rollback asks before it acts, but --json asks no question"


def test_going_forward_again_does_not_call_written_since_what_was_written_before(evolved):
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve')")
    first, second = [name.removesuffix(".sqlite3") for name in evolved.generations()]
    assert "written since, and kept whole" in evolved.done("rollback", noinput=True).out
    out = evolved.done("rollback", dry_run=True).out
    assert "since" not in out
    assert f"{first} and {second} differ; {first} stays whole, and you can go back to it:" in out
    (users,) = [line.split() for line in out.splitlines() if line.startswith("  Users")]
    assert users == ["Users", "0", "0", "1", "fax:", "not", "compared"]
    assert "only in 0001  differ  only in 0002" in out


def test_going_back_to_one_that_was_live_again_does_not_call_it_written_since(evolved):
    evolved.done("rollback", noinput=True)
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve', NULL)")
    evolved.done("rollback", noinput=True)
    out = evolved.done("rollback", dry_run=True).out
    assert "since" not in out
    assert [line.split() for line in out.splitlines() if line.startswith("  Users")] == [["Users", "0", "0", "1"]]


def test_where_no_row_differs_that_is_all_that_is_said(evolved):
    assert "nothing was written since: no row differs" in evolved.done("rollback", noinput=True).out


def test_going_forward_again_names_the_columns_that_only_the_live_file_has(evolved):
    """Values written in those columns meanwhile are lost, and cannot be counted."""
    evolved.done("rollback", noinput=True)
    evolved.run_sql("UPDATE Users SET fax = 'new' WHERE id = 1")
    ended = evolved.done("rollback", "--dry-run", "--json").json["differences"]
    assert ended["tables"]["Users"]["not_compared"] == ["fax"]
    assert not ended["complete"]
    out = evolved.done("rollback", noinput=True).out
    assert "fax: not compared" in out
    assert "Rows that differ only in columns that are not compared are not counted." in out


def test_going_forward_again_after_columns_came_counts_all(synced):
    synced.write({**V1, "Users": {**V1["Users"], "age": "INTEGER DEFAULT 3"}})
    synced.done()
    synced.done("rollback", noinput=True)
    assert "\nno row differs\n" in synced.done("rollback", noinput=True).out


# --- row ids that VACUUM renumbers --------------------------------------------------------------------------------


NO_ID = {
    "Events": {"who": "TEXT", "what": "TEXT"},
    "Loose": {"v": "TEXT COLLATE NOCASE", "w": "BLOB"},
    "Sessions": {"key": "TEXT PRIMARY KEY", "data": "TEXT"},
    "Pairs": {"a": "INTEGER NOT NULL", "b": "TEXT", "c": "ANY", "_primary_key": ["a", "b"], "_strict": True},
}
NO_ID_ROWS = """
INSERT INTO Events SELECT 'u' || value, 'e' FROM json_each('[1,2,3,4,5,6,7,8,8]');
DELETE FROM Events WHERE who IN ('u2', 'u4');
INSERT INTO Loose VALUES ('a', 1), ('b', 1), ('c', NULL), ('d', '4'); DELETE FROM Loose WHERE v = 'a';
INSERT INTO Sessions SELECT 'k' || value, 's' FROM json_each('[1,2,3,4,5]');
INSERT INTO Pairs SELECT value, 'b', 1 FROM json_each('[1,2,3,4,5]');
"""
SINCE = """
UPDATE Events SET what = 'changed' WHERE who = 'u3'; INSERT INTO Events VALUES ('u8', 'e'), ('u9', 'e');
DELETE FROM Events WHERE who = 'u1';
UPDATE Loose SET w = 1.0 WHERE v = 'b'; UPDATE Loose SET v = 'C' WHERE v = 'c'; UPDATE Loose SET w = x'34' WHERE v = 'd';
UPDATE Sessions SET data = 'changed' WHERE key = 'k2'; DELETE FROM Sessions WHERE key = 'k1'; INSERT INTO Sessions VALUES ('k9', 's');
UPDATE Pairs SET c = 1.0 WHERE a = 2; DELETE FROM Pairs WHERE a = 1;
"""


@pytest.fixture
def without_ids(project):
    project.write(NO_ID)
    project.done()
    project.run_sql(NO_ID_ROWS)
    later = {name: {**table, "more": "TEXT DEFAULT 'm'"} for name, table in NO_ID.items()}
    project.write({**later, "Sessions": NO_ID["Sessions"]})
    project.done()
    return project


def since(project, *args):
    found = project.done("rollback", *args, dry_run=True, json=True).json["differences"]["tables"]
    return {name: (t["added"], t["changed"], t["removed"]) for name, t in found.items()}


@pytest.mark.parametrize("vacuum", [False, True])
def test_a_vacuum_since_the_swap_does_not_change_the_counts(without_ids, vacuum):
    """A primary key that identifies rows is used; otherwise rows are compared by content, and a note says so."""
    assert since(without_ids) == {}
    without_ids.run_sql(SINCE.replace("VALUES ('u8', 'e'), ('u9', 'e')", "(who, what) VALUES ('u8', 'e'), ('u9', 'e')"))
    if vacuum:
        without_ids.run_sql("VACUUM")
    found = without_ids.done("rollback", dry_run=True, json=True).json["differences"]["tables"]
    assert since(without_ids) == {"Events": (3, 0, 2), "Loose": (3, 0, 3), "Sessions": (1, 1, 1), "Pairs": (0, 1, 1)}
    assert {name for name, table in found.items() if table["comparable"]} == set(found)
    assert "one added and one removed" in found["Events"]["note"]
    assert found["Sessions"]["note"] == found["Pairs"]["note"] == ""
    assert "one added and one removed" in without_ids.done("rollback", dry_run=True).out


def test_a_vacuum_alone_is_no_difference(without_ids):
    without_ids.run_sql("VACUUM")
    assert since(without_ids) == {}
    assert "no row differs" in without_ids.done("rollback", noinput=True).out
    without_ids.run_sql("VACUUM")
    assert since(without_ids) == {}


def test_a_primary_key_with_a_null_tells_no_rows_apart(without_ids):
    without_ids.run_sql(
        "INSERT INTO Sessions VALUES (NULL, 'a'), (NULL, 'b'); UPDATE Sessions SET data = 'x' WHERE key = 'k1'"
    )
    assert since(without_ids) == {"Sessions": (3, 0, 1)}


def test_several_generations_back_rows_without_ids_are_counted_too(without_ids):
    without_ids.write({**NO_ID, "Later": {"id": "INTEGER PRIMARY KEY"}})
    without_ids.done(*(f"--allow-drop={name}.more" for name in ("Events", "Loose", "Pairs")))
    without_ids.run_sql(f"{SINCE}; VACUUM")
    assert since(without_ids, "1") == {
        "Events": (3, 0, 2),
        "Loose": (3, 0, 3),
        "Sessions": (1, 1, 1),
        "Pairs": (0, 1, 1),
    }


def test_row_ids_that_became_a_column_are_not_counted_after_a_vacuum(project):
    project.write({"Events": {"who": "TEXT", "what": "TEXT"}})
    project.done()
    project.run_sql("INSERT INTO Events VALUES ('a', '1'), ('b', '2'), ('c', '3'); DELETE FROM Events WHERE who = 'a'")
    project.write({"Events": {"id": "INTEGER PRIMARY KEY", "who": "TEXT", "what": "TEXT"}})
    project.done()
    project.done("rollback", noinput=True)
    project.run_sql("VACUUM")
    assert since(project) == {}
    project.run_sql("UPDATE Events SET what = 'changed' WHERE who = 'c'")
    assert since(project) == {"Events": (1, 0, 1)}


# --- over several syncs -------------------------------------------------------------------------------------------


ID = "INTEGER PRIMARY KEY"
LATER = {"Later": {"id": ID}}
PEOPLE = "INSERT INTO People (id, name) VALUES (1, 'ann'), (2, 'bob')"


@pytest.fixture
def people(project):
    """Return a function that syncs these shapes of the table People, one after the other; the first sync is followed by
    rows."""

    def through(*shapes):
        for number, shape in enumerate(shapes):
            project.write(shape if "People" in shape or "Folk" in shape else {"People": shape})
            project.done()
            if not number:
                project.run_sql(PEOPLE)
        return project

    return through


FIRST = {"id": ID, "name": "TEXT"}
WITH_PHONE = {**FIRST, "phone": "TEXT"}


def table_of(project, *args, name="People"):
    return project.done("rollback", *args, dry_run=True, json=True).json["differences"]["tables"].get(name)


def test_values_of_a_column_that_came_several_syncs_ago_count_as_changed(people):
    project = people(FIRST, WITH_PHONE, {"People": WITH_PHONE, **LATER})
    assert "nothing was written since: no row differs" in project.done("rollback", "1", dry_run=True).out
    project.run_sql("UPDATE People SET phone = '555' || id WHERE id = 2")
    assert since(project, "1") == {"People": (0, 1, 0)}
    assert project.done("rollback", "1", dry_run=True, json=True).json["differences"]["complete"] is True


def test_values_that_were_written_before_the_last_sync_count_too(people):
    project = people(FIRST, WITH_PHONE)
    project.run_sql("UPDATE People SET phone = '555' WHERE id = 2")
    project.write({"People": {**WITH_PHONE, "fax": "TEXT"}, **LATER})
    project.done()
    assert since(project, "1") == {"People": (0, 1, 0)}


@pytest.mark.parametrize(
    ("shapes", "update"),
    [
        ([{"level": "INTEGER NOT NULL DEFAULT 3"}, {"level": "INTEGER NOT NULL DEFAULT 4"}], "level = 4"),
        ([{"level": "TEXT DEFAULT 3"}, {"grade": {"type": "TEXT DEFAULT 3", "was": ["level"]}}], "grade = NULL"),
        ([{"big": {"type": "TEXT", "fill": "upper(name)"}}, {"big": "TEXT", "more": "TEXT"}], "big = 'ann'"),
        ([{"n": {"type": "INTEGER", "fill": "length(name) + 1"}}, {"n": "INTEGER", "x": "TEXT"}], "n = 3"),
    ],
)
def test_defaults_and_fills_of_earlier_syncs_are_no_difference_and_what_is_written_over_them_is(people, shapes, update):
    project = people(FIRST, *({**FIRST, **shape} for shape in shapes), {"People": {**FIRST, **shapes[-1]}, **LATER})
    assert since(project, "1") == {}
    project.run_sql(f"UPDATE People SET {update} WHERE id = 1")
    assert since(project, "1") == {"People": (0, 1, 0)}


def test_a_fill_over_a_renamed_column_of_a_renamed_table_is_followed_back(people):
    folk = {"id": ID, "full": {"type": "TEXT", "was": ["name"]}, "_was": ["People"]}
    short = {"type": "TEXT", "fill": "substr(Folk.full, 1, 1) || CASE WHEN full = 'ann' THEN '!' ELSE '' END"}
    project = people(
        FIRST, {"Folk": folk}, {"Folk": {**folk, "short": short}}, {"Folk": {**folk, "short": short}, **LATER}
    )
    assert project.rows("SELECT short FROM Folk ORDER BY id") == [("a!",), ("b",)]
    assert since(project, "1") == {}
    project.run_sql("UPDATE Folk SET short = 'x' WHERE id = 2; INSERT INTO Folk VALUES (3, 'eve', 'e')")
    assert since(project, "1") == {"Folk": (1, 1, 0)}


def test_a_conversion_is_followed_back_too(people):
    project = people(FIRST, {**FIRST, "n": "INTEGER"})
    project.run_sql("UPDATE People SET n = id")
    project.write({"People": {**FIRST, "n": "TEXT"}})
    project.done()
    project.write({"People": {**FIRST, "n": "TEXT"}, **LATER})
    project.done()
    assert since(project, "2") == {}
    project.run_sql("UPDATE People SET n = '7' WHERE id = 1")
    assert since(project, "2") == {"People": (0, 1, 0)}


RANDOM = {"token": {"type": "INTEGER", "fill": "random()"}}
TWICE = [
    {"big": {"type": "TEXT", "fill": "upper(name)"}},
    {"big": {"type": "TEXT COLLATE NOCASE", "fill": "big || '!'"}},
]


@pytest.mark.parametrize(
    ("shapes", "column"),
    [([RANDOM], "token"), ([RANDOM, {**RANDOM, "more": "TEXT"}], "token"), (TWICE, "big")],
    ids=["a random fill", "a random fill before", "a fill of a fill"],
)
def test_a_column_that_cannot_be_compared_is_named_and_nothing_is_claimed(people, shapes, column):
    project = people(FIRST, *({**FIRST, **shape} for shape in shapes))
    project.run_sql(f"UPDATE People SET {column} = 5 WHERE id = 1")
    out = project.done("rollback", "1", dry_run=True).out
    assert f"{column}: not compared" in out
    assert "not every column was compared" in out
    assert "no row differs" not in out
    assert "nothing was written" not in out
    found = project.done("rollback", "1", dry_run=True, json=True).json["differences"]
    assert found["complete"] is False
    assert found["tables"]["People"]["not_compared"] == [column]
    project.run_sql("UPDATE People SET name = 'x' WHERE id = 2")
    assert since(project, "1") == {"People": (0, 1, 0)}
    out = project.done("rollback", "1", noinput=True).out
    assert "written since, and kept whole" in out
    assert f"{column}: not compared" in out


def test_a_column_that_cannot_be_compared_does_not_matter_where_no_row_is_old(people):
    project = people(FIRST)
    project.run_sql("DELETE FROM People")
    project.write({"People": {**FIRST, **RANDOM}})
    project.done()
    assert "nothing was written since: no row differs" in project.done("rollback", dry_run=True).out


def test_rows_of_tables_made_later_are_added_and_those_of_dropped_ones_removed(people):
    rooms = {"Rooms": {"id": ID, "a": "TEXT"}}
    project = people(FIRST, {"People": FIRST, **rooms}, {"People": WITH_PHONE, **rooms})
    project.run_sql("INSERT INTO Rooms VALUES (1, 'x'), (2, NULL)")
    project.write({**rooms, **LATER})
    project.done("--allow-drop=People")
    assert since(project, "1") == {"Rooms": (2, 0, 0), "People": (0, 0, 2)}


def test_going_forward_over_several_syncs_counts_what_the_newer_columns_hold(people):
    project = people(FIRST, WITH_PHONE, {"People": WITH_PHONE, **LATER})
    project.run_sql("UPDATE People SET phone = '5' WHERE id = 1")
    project.done("rollback", "1", noinput=True)
    project.run_sql("INSERT INTO People VALUES (3, 'eve')")
    assert since(project, "3") == {"People": (1, 1, 0)}


def test_it_says_if_schema_json_still_has_another_version(evolved):
    first, second = evolved.done("history", json=True).json["generations"][::-1]
    old, new = (row["version"].partition(":")[2][:12] for row in (first, second))
    line = f"schema.json still has version {new}: until it has {old} again, a sync is refused (older-version)\n"
    assert line in evolved.done("rollback", noinput=True).out
    assert evolved.call().code == 3
    assert "still has" not in evolved.done("rollback", noinput=True).out, "forward again, to the version that it has"
    evolved.schema.unlink()
    assert "still has" not in evolved.done("rollback", noinput=True).out
