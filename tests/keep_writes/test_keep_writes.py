"""`rollback --keep-writes`: the earlier schema with today's rows, and values dropped since then from the archive."""

import pytest

from schemasync.errors import Code, Refused, UsageError
from schemasync.history.row import HistoryRow
from schemasync.schema.document import with_transforms
from schemasync.sync.keep_writes import KeepWritesOptions, preview
from schemasync.sync.rollback import preview as preview_rollback
from schemasync.sync.rollback import rollback
from schemasync.sync.runner import sync
from schemasync.transforms import ONE_TO_ONE, transform
from tests.oracle.check import everything

from .stories import ID, Story, read

USERS = {"id": ID, "name": "TEXT NOT NULL", "phone": "TEXT"}
WITHOUT_PHONE = {"id": ID, "name": "TEXT NOT NULL", "_dropped": ["phone"]}
THREE = "INSERT INTO users (name, phone) VALUES ('Ann', '1'), ('Bob', '2'), ('Cy', NULL);"


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def refused(story, *texts, **options):
    """Assert that the rollback is refused with these texts and changes nothing. Return the problems."""
    before = everything(story.target)
    with pytest.raises(Refused) as caught:
        story.back(**options)
    for text in texts:
        assert text in str(caught.value)
    assert everything(story.target) == before
    return caught.value.problems


# --- values that come back ----------------------------------------------------------------------------------------


def test_todays_rows_get_the_values_of_a_dropped_column_from_the_archive(folder):
    story = Story(folder, {"users": USERS}, THREE)
    story.sync({"users": WITHOUT_PHONE})
    story.write(
        "UPDATE users SET name = 'Anna' WHERE id = 1; DELETE FROM users WHERE id = 2; INSERT INTO users (name) VALUES ('Dee');"
    )
    shown = []
    done = story.back(agree=lambda ahead: shown.append(ahead) or True)
    assert story.ask("SELECT * FROM users") == [(1, "Anna", "1"), (3, "Cy", None), (4, "Dee", None)]
    assert [(one.table, one.column, one.rows, one.new) for one in shown[0].columns] == [("users", "phone", 2, 1)]
    assert done.generation.name == shown[0].generation
    assert story.ask("SELECT action, substr(previous, 1, 4) FROM _schema_versions")[-1] == ("keep-writes", "0002")


def test_rows_that_are_new_since_get_the_default_or_what_fill_says(folder):
    status = {"id": ID, "name": "TEXT", "status": "TEXT NOT NULL DEFAULT 'open'", "level": "INTEGER"}
    story = Story(folder, {"t": status}, "INSERT INTO t (name, status, level) VALUES ('a', 'done', 7);")
    story.sync({"t": {"id": ID, "name": "TEXT", "_dropped": ["status", "level"]}})
    story.write("INSERT INTO t (name) VALUES ('new')")
    story.back(fills={"t.level": "length(name)"})
    assert story.ask("SELECT * FROM t") == [(1, "a", "done", 7), (2, "new", "open", 3)]


def test_a_dropped_table_comes_back_whole_and_gives_no_id_out_again(folder):
    old = {"users": USERS, "notes": {"id": ID, "user": "INTEGER REFERENCES users (id)", "text": "TEXT"}}
    story = Story(
        folder, old, THREE + "INSERT INTO notes (user, text) VALUES (1, 'x'), (2, 'y'); DELETE FROM notes WHERE id = 2;"
    )
    story.sync({"users": USERS, "_dropped": ["notes"]})
    story.back()
    assert story.ask("SELECT * FROM notes") == [(1, 1, "x")]
    story.write("INSERT INTO notes (text) VALUES ('z')")
    assert story.ask("SELECT max(id) FROM notes") == [(3,)]


def test_renames_are_turned_round_and_todays_values_stay(folder):
    story = Story(folder, {"users": USERS}, THREE)
    story.sync(
        {
            "people": {
                "_was": ["users"],
                "id": ID,
                "full_name": {"type": "TEXT NOT NULL", "was": ["name"]},
                "phone": "TEXT",
                "nick": "TEXT",
            }
        }
    )
    story.write("UPDATE people SET full_name = 'Anna', phone = '11', nick = 'A' WHERE id = 1")
    shown = []
    story.back(agree=lambda ahead: shown.append([str(hazard) for hazard in ahead.plan.hazards]) or True)
    assert story.ask("SELECT * FROM users WHERE id = 1") == [(1, "Anna", "11")]
    assert shown == [["users.nick is dropped with 1 value"]]


def test_there_and_back_twice_loses_no_row_and_no_value(folder):
    story = Story(folder, {"users": USERS}, THREE)
    newer = {"users": {**WITHOUT_PHONE, "email": "TEXT"}}
    story.sync(newer)
    story.write("UPDATE users SET email = 'ann@x' WHERE id = 1; INSERT INTO users (name) VALUES ('Dee')")
    story.back()
    story.write("UPDATE users SET phone = '44' WHERE id = 4; INSERT INTO users (name, phone) VALUES ('Eve', '55')")
    story.back()
    assert story.ask("SELECT id, name, email FROM users") == [
        (1, "Ann", "ann@x"),
        (2, "Bob", None),
        (3, "Cy", None),
        (4, "Dee", None),
        (5, "Eve", None),
    ]
    story.write("INSERT INTO users (name, email) VALUES ('Flo', 'flo@x')")
    story.back()
    assert story.ask("SELECT id, phone FROM users") == [(1, "1"), (2, "2"), (3, None), (4, "44"), (5, "55"), (6, None)]
    story.back()
    assert story.ask("SELECT email FROM users WHERE email IS NOT NULL") == [("ann@x",), ("flo@x",)]


def test_over_two_generations_each_column_is_followed(folder):
    story = Story(folder, {"users": USERS}, THREE)
    story.sync({"users": {"id": ID, "title": {"type": "TEXT NOT NULL", "was": ["name"]}, "phone": "TEXT"}})
    story.write("INSERT INTO users (title, phone) VALUES ('Dee', '4')")
    story.sync(
        {
            "members": {
                "_was": ["users"],
                "id": ID,
                "label": {"type": "TEXT NOT NULL", "was": ["title"]},
                "_dropped": ["phone"],
            }
        }
    )
    story.write("UPDATE members SET label = 'Bo' WHERE id = 2")
    story.back("0001")
    assert story.ask("SELECT * FROM users") == [(1, "Ann", "1"), (2, "Bo", "2"), (3, "Cy", None), (4, "Dee", None)]


def test_a_name_that_was_used_again_takes_its_own_values(folder):
    story = Story(folder, {"users": USERS}, THREE)
    story.sync(
        {"users": {"id": ID, "name": "TEXT NOT NULL", "mobile": {"type": "TEXT", "was": ["phone"]}, "phone": "INTEGER"}}
    )
    story.write("UPDATE users SET phone = 99, mobile = '0' || mobile")
    story.back()
    assert story.ask("SELECT phone FROM users") == [("01",), ("02",), (None,)]


def test_a_type_that_was_converted_is_converted_back(folder):
    story = Story(folder, {"t": {"id": ID, "year": "TEXT"}}, "INSERT INTO t (year) VALUES ('1999'), ('2005');")
    story.sync({"t": {"id": ID, "year": {"type": "INTEGER", "fill": "CAST(year AS INTEGER)"}}})
    story.write("UPDATE t SET year = 2006 WHERE id = 2")
    shown = []
    story.back(agree=lambda ahead: shown.extend(ahead.kept) or True)
    assert story.ask("SELECT year FROM t") == [("1999",), ("2006",)]
    assert [(one.live, one.values) for one in shown] == [("t.year", 2)]


@pytest.mark.parametrize("key", ["TEXT PRIMARY KEY", "INT PRIMARY KEY"])
def test_a_key_that_the_application_chooses_is_the_same_row(folder, key):
    story = Story(folder, {"t": {"k": key, "v": "TEXT"}}, "INSERT INTO t VALUES (7, 'x');")
    story.sync({"t": {"k": key, "_dropped": ["v"]}})
    story.back()
    assert story.ask("SELECT CAST(k AS TEXT), v FROM t") == [("7", "x")]


def test_a_key_that_refers_to_a_table_with_autoincrement_is_the_same_row(folder):
    profile = {"user": "INTEGER PRIMARY KEY REFERENCES users (id)", "bio": "TEXT"}
    story = Story(folder, {"users": USERS, "profile": profile}, THREE + "INSERT INTO profile VALUES (2, 'about Bob');")
    story.sync({"users": USERS, "profile": {"user": profile["user"], "_dropped": ["bio"]}})
    story.write("INSERT INTO profile VALUES (1)")
    story.back()
    assert story.ask("SELECT * FROM profile") == [(1, None), (2, "about Bob")]


# --- refusals -----------------------------------------------------------------------------------------------------


def test_nobody_gets_the_phone_of_another_user(folder):
    """SQLite reuses the highest id after its row was deleted, if the table has no AUTOINCREMENT."""
    users = {**USERS, "id": "INTEGER PRIMARY KEY"}
    story = Story(folder, {"users": users}, THREE)
    story.sync({"users": {**WITHOUT_PHONE, "id": "INTEGER PRIMARY KEY"}})
    story.write("DELETE FROM users WHERE id IN (2, 3); INSERT INTO users (name) VALUES ('Eve')")
    assert story.ask("SELECT * FROM users") == [(1, "Ann"), (2, "Eve")], "Eve has the id that Bob had"
    (problem,) = refused(story, "users.phone was dropped", "no AUTOINCREMENT", "2 rows in doubt: 1, 2")
    assert problem.code == Code.CANNOT_KEEP_WRITES
    assert problem.facts["keys"] == ["1", "2"]
    story.back(fills={"users.phone": "NULL"})
    assert story.ask("SELECT * FROM users") == [(1, "Ann", None), (2, "Eve", None)]


def test_a_table_that_had_no_autoincrement_for_a_while_gives_no_proof(folder):
    story = Story(folder, {"users": USERS}, THREE)
    story.sync({"users": {**USERS, "id": "INTEGER PRIMARY KEY"}})
    story.sync({"users": WITHOUT_PHONE})
    refused(story, "no AUTOINCREMENT", wanted="0001")


def test_a_counter_that_was_set_back_gives_no_proof(folder):
    story = Story(folder, {"users": USERS}, THREE)
    story.sync({"users": WITHOUT_PHONE})
    story.write(
        "DELETE FROM users; DELETE FROM sqlite_sequence WHERE name = 'users'; INSERT INTO users (name) VALUES ('Eve')"
    )
    refused(story, "counter of users was set back")


def test_an_archive_that_was_live_again_may_have_given_the_same_keys(folder):
    story = Story(folder, {"users": USERS}, THREE)
    story.sync({"users": WITHOUT_PHONE})
    rollback(story.target, "0001", lambda ahead: True)
    story.write("INSERT INTO users (name, phone) VALUES ('Mallory', '666')")
    rollback(story.target, "0002", lambda ahead: True)
    story.write("INSERT INTO users (name) VALUES ('Dee')")
    refused(story, "was live again since")


def test_a_dropped_table_whose_rows_refer_to_ids_that_may_be_others_is_refused(folder):
    users = {**USERS, "id": "INTEGER PRIMARY KEY"}
    old = {"users": users, "notes": {"id": ID, "user": "INTEGER REFERENCES users (id)"}}
    story = Story(folder, old, THREE + "INSERT INTO notes (user) VALUES (3);")
    story.sync({"users": users, "_dropped": ["notes"]})
    story.write("DELETE FROM users WHERE id = 3; INSERT INTO users (name) VALUES ('Eve')")
    refused(story, "refers to rows of users, which may be others by now")


def test_rows_of_a_dropped_table_that_refer_to_deleted_rows_are_shown_and_refused(folder):
    old = {"users": USERS, "notes": {"id": ID, "user": "INTEGER REFERENCES users (id)"}}
    story = Story(folder, old, THREE + "INSERT INTO notes (user) VALUES (2), (3);")
    story.sync({"users": USERS, "_dropped": ["notes"]})
    story.write("DELETE FROM users WHERE id = 3")
    (problem,) = refused(story, "notes.user: 1 row refers to no row of users")
    assert problem.facts["keys"] == ["2"]


@pytest.mark.parametrize(
    ("old", "new", "write", "key"),
    [
        ("TEXT CHECK (length(v) < 4)", "TEXT", "('short'), ('ok')", "2"),
        ("TEXT UNIQUE", "TEXT", "('same'), ('same')", "2"),
        ("TEXT NOT NULL", "TEXT", "(NULL)", "2"),
        ("INTEGER", "TEXT", "('007')", "2"),
    ],
)  # fmt: skip
def test_rows_that_the_earlier_schema_does_not_take_are_shown_and_refused(folder, old, new, write, key):
    story = Story(folder, {"t": {"id": ID, "v": old}}, "INSERT INTO t (v) VALUES ('1');")
    story.sync({"t": {"id": ID, "v": new}})
    story.write(f"INSERT INTO t (v) VALUES {write}")
    problems = refused(story, "t")
    assert any(key in problem.facts["keys"] for problem in problems)


def test_new_rows_without_a_value_for_a_column_that_needs_one_are_counted(folder):
    story = Story(folder, {"t": {"id": ID, "v": "TEXT NOT NULL"}}, "INSERT INTO t (v) VALUES ('x');")
    story.sync({"t": {"id": ID, "n": "INTEGER", "_dropped": ["v"]}})
    story.write("INSERT INTO t (n) VALUES (5), (6)")
    (problem,) = refused(story, "--fill t.v=VALUE")
    assert (problem.facts["rows"], problem.facts["keys"]) == (2, ["2", "3"])
    story.back(fills={"t.v": "'n' || n"})
    assert story.ask("SELECT * FROM t") == [(1, "x"), (2, "n5"), (3, "n6")]


def test_a_fill_that_nothing_turns_round_must_be_declared(folder):
    story = Story(folder, {"t": {"id": ID, "price": "REAL"}}, "INSERT INTO t (price) VALUES (1.5), (0);")
    story.sync({"t": {"id": ID, "cents": {"type": "INTEGER", "was": ["price"], "fill": "price * 100"}}})
    story.write("INSERT INTO t (cents) VALUES (199)")
    refused(story, "t.price", "--fill t.price=cents")
    story.back(fills={"t.price": "cents / 100.0"})
    assert story.ask("SELECT price FROM t") == [(1.5,), (0.0,), (1.99,)]


def test_zeros_prove_nothing_about_a_fill(folder):
    story = Story(folder, {"t": {"id": ID, "price": "REAL"}}, "INSERT INTO t (price) VALUES (0), (NULL);")
    story.sync({"t": {"id": ID, "cents": {"type": "INTEGER", "was": ["price"], "fill": "price * 100"}}})
    refused(story, "t.price")


def test_columns_that_were_joined_need_a_fill_or_a_word_that_what_was_written_since_may_go(folder):
    names = {"id": ID, "first": "TEXT", "last": "TEXT"}
    story = Story(folder, {"t": names}, "INSERT INTO t (first, last) VALUES ('Ann', 'Lee');")
    story.sync(
        {"t": {"id": ID, "name": {"type": "TEXT", "fill": "first || ' ' || last"}, "_dropped": ["first", "last"]}}
    )
    story.write("UPDATE t SET name = 'Ann Ray'")
    refused(story, "t.first was dropped, and t.name was made of it", "--allow-drop t.name", "t.last")
    story.back(
        fills={"t.first": "substr(name, 1, instr(name, ' ') - 1)", "t.last": "substr(name, instr(name, ' ') + 1)"}
    )
    assert story.ask("SELECT first, last FROM t") == [("Ann", "Ray")]


def test_what_was_written_to_a_joined_column_may_be_left_out(folder):
    names = {"id": ID, "first": "TEXT", "last": "TEXT"}
    story = Story(folder, {"t": names}, "INSERT INTO t (first, last) VALUES ('Ann', 'Lee');")
    story.sync(
        {"t": {"id": ID, "name": {"type": "TEXT", "fill": "first || ' ' || last"}, "_dropped": ["first", "last"]}}
    )
    story.write("UPDATE t SET name = 'Ann Ray'")
    story.back(allow_drop=["t.name"])
    assert story.ask("SELECT first, last FROM t") == [("Ann", "Lee")]


def test_a_split_table_is_refused_by_its_name(folder):
    story = Story(
        folder, {"users": {**USERS, "city": "TEXT"}}, "INSERT INTO users (name, city) VALUES ('Ann', 'Bath');"
    )
    places = {
        "user": "INTEGER PRIMARY KEY REFERENCES users (id)",
        "city": "TEXT",
        "_from": "SELECT id AS user, city FROM old.users WHERE city IS NOT NULL",
    }
    story.sync({"users": {**USERS, "_dropped": ["city"]}, "places": places})
    story.write("UPDATE places SET city = 'Hull'")
    refused(story, "places was made of rows of other tables", "--allow-drop places")
    story.back(allow_drop=["places"])
    assert story.ask("SELECT city FROM users") == [("Bath",)]


@transform("users", into="names", kind=ONE_TO_ONE, name="names")
def names_of(user):
    yield "names", {"user": user["id"], "first": user["name"].split()[0]}


def test_a_table_that_a_transform_made_is_refused_by_its_name(folder):
    story = Story(folder, {"users": USERS}, "INSERT INTO users (name, phone) VALUES ('Ann Lee', '1');")
    names = {"user": "INTEGER PRIMARY KEY REFERENCES users (id)", "first": "TEXT"}
    newer = read({"users": {"id": ID, "phone": "TEXT", "_dropped": ["name"]}, "names": names})
    assert sync(story.target, with_transforms(newer, [names_of])).result == "synced"
    story.write("UPDATE names SET first = 'Anna'")
    refused(story, "names was made of rows of other tables", "--allow-drop names")
    story.back(allow_drop=["names"])
    assert story.ask("SELECT * FROM users") == [(1, "Ann Lee", "1")]


def test_a_table_that_was_made_anew_under_the_same_name_is_refused(folder):
    story = Story(folder, {"t": {"id": ID, "v": "TEXT"}}, "INSERT INTO t (v) VALUES ('x');")
    story.sync({"_dropped": ["t"]})
    story.sync({"t": {"id": ID, "v": "TEXT", "w": "TEXT"}})
    refused(story, "t holds other rows now than in 0001", wanted="0001")


def test_a_file_that_the_live_one_was_not_made_from_is_refused(folder):
    story = Story(folder, {"users": USERS}, THREE)
    story.sync({"users": WITHOUT_PHONE})
    rollback(story.target, "0001", lambda ahead: True)
    story.sync({"users": {**USERS, "email": "TEXT"}})
    refused(story, "0003", "was not made from the rows of 0002", wanted="0002")


def test_a_damaged_archive_is_refused(folder):
    story = Story(folder, {"users": USERS}, THREE)
    story.sync({"users": WITHOUT_PHONE})
    archive = next(path for path in story.target.layout.folder.glob("0001*") if path.suffix == ".sqlite3")
    (root,) = story.ask("SELECT rootpage FROM sqlite_schema WHERE name = 'users'", archive)[0]
    with archive.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\x00" * 200)
    with pytest.raises(Refused):
        story.back()
    assert story.live() == "0002"


@pytest.mark.parametrize(
    ("fills", "text"),
    [
        ({"users.fax": "1"}, "no such column"),
        ({"users.phone": "("}, "--fill users.phone"),
        ({"users.phone": "nowhere"}, "no such column: nowhere"),
    ],
)
def test_a_fill_that_is_none_is_refused_before_anything_is_done(folder, fills, text):
    story = Story(folder, {"users": USERS}, THREE)
    story.sync({"users": WITHOUT_PHONE})
    with pytest.raises((UsageError, Refused)) as caught:
        story.back(fills=fills)
    assert text in str(caught.value)
    assert story.live() == "0002"


# --- previews, and afterwards -------------------------------------------------------------------------------------


def test_a_preview_changes_nothing_and_says_what_a_run_does(folder):
    story = Story(folder, {"users": USERS}, THREE)
    story.sync({"users": WITHOUT_PHONE})
    before = everything(story.target)
    ahead = preview(story.target, None, KeepWritesOptions())
    assert everything(story.target) == before
    assert (ahead.archive.number, ahead.plan.archive) == (1, ahead.archive.name)
    assert isinstance(ahead.to, HistoryRow)
    assert story.back(agree=lambda again: again.columns == ahead.columns).generation.name == ahead.generation


def test_whoever_declines_changes_nothing(folder):
    story = Story(folder, {"users": USERS}, THREE)
    story.sync({"users": WITHOUT_PHONE})
    assert story.back(agree=lambda ahead: False) is None
    assert story.live() == "0002"


def test_afterwards_the_rollback_to_either_file_is_counted(folder):
    story = Story(folder, {"users": USERS, "notes": {"id": ID}}, THREE + "INSERT INTO notes VALUES (1);")
    story.sync({"users": WITHOUT_PHONE, "_dropped": ["notes"]})
    story.write("INSERT INTO users (name) VALUES ('Dee')")
    story.back()
    story.write("INSERT INTO users (name) VALUES ('Eve')")
    ahead = preview_rollback(story.target, "0002")
    assert {one.table: (one.added, one.changed, one.removed) for one in ahead.written} == {
        "users": (1, 0, 0),
        "notes": (1, 0, 0),
    }
    ahead = preview_rollback(story.target, "0001")
    assert {one.table: (one.added, one.changed, one.removed) for one in ahead.written} == {"users": (2, 0, 0)}


def test_a_schema_of_the_newer_version_does_not_undo_it_by_accident(folder):
    story = Story(folder, {"users": USERS}, THREE)
    story.sync({"users": WITHOUT_PHONE})
    story.back()
    with pytest.raises(Refused) as caught:
        sync(story.target, read({"users": WITHOUT_PHONE}))
    assert "from which this database was rolled back" in str(caught.value)
    assert "rollback --keep-writes 0002-" in str(caught.value)
    story.sync({"users": WITHOUT_PHONE})
    assert story.ask("SELECT * FROM users") == [(1, "Ann"), (2, "Bob"), (3, "Cy")]


def test_a_file_in_utf_16_and_names_that_need_quotes_go_back_too(folder):
    old = {"my users": {"the id": "TEXT PRIMARY KEY", 'a "b"': "TEXT", "true": "TEXT"}}
    story = Story(folder, old, """INSERT INTO "my users" VALUES ('é', 'x', 'y');""")
    story.sync({"my users": {"the id": "TEXT PRIMARY KEY", "_dropped": ['a "b"', "true"]}})
    story.back()
    assert story.ask('SELECT * FROM "my users"') == [("é", "x", "y")]


# --- other shapes -------------------------------------------------------------------------------------------------


def test_a_key_of_several_columns_in_a_table_without_row_ids_is_the_same_row(folder):
    old = {"a": "INTEGER", "b": "TEXT", "v": "TEXT", "w": "INTEGER GENERATED ALWAYS AS (a * 2)"}
    shape = {"_primary_key": ["a", "b"], "_without_rowid": True, "_strict": True}
    story = Story(folder, {"t": {**old, **shape}}, "INSERT INTO t (a, b, v) VALUES (1, 'x', 'one'), (1, 'y', 'two');")
    story.sync({"t": {"a": "INTEGER", "b": "TEXT", **shape, "_dropped": ["v", "w"]}})
    story.write("INSERT INTO t VALUES (2, 'x'); DELETE FROM t WHERE b = 'y'")
    story.back()
    assert story.ask("SELECT * FROM t") == [(1, "x", "one", 2), (2, "x", None, 4)]


def test_names_in_another_case_hide_no_reference(folder):
    users = {**USERS, "id": "INTEGER PRIMARY KEY"}
    old = {"Users": users, "notes": {"id": ID, "user": "INTEGER REFERENCES uSERS (ID)"}}
    story = Story(folder, old, "INSERT INTO users (name) VALUES ('Ann'); INSERT INTO notes (user) VALUES (1);")
    story.sync({"Users": users, "_dropped": ["notes"]})
    refused(story, "refers to rows of Users, which may be others by now")


def test_a_table_that_refers_to_itself_and_to_one_that_comes_back_comes_back(folder):
    tree = {"id": ID, "parent": "INTEGER REFERENCES tree (id)", "kind": "INTEGER REFERENCES kinds (id)"}
    kinds = {"id": "INTEGER PRIMARY KEY", "name": "TEXT"}
    story = Story(
        folder,
        {"tree": tree, "kinds": kinds, "t": {"id": ID}},
        "INSERT INTO kinds VALUES (1, 'k'); INSERT INTO tree VALUES (1, NULL, 1), (2, 1, 1);",
    )
    story.sync({"t": {"id": ID}, "_dropped": ["tree", "kinds"]})
    story.back()
    assert story.ask("SELECT * FROM tree") == [(1, None, 1), (2, 1, 1)]


def test_a_fill_that_has_no_effect_is_refused(folder):
    story = Story(folder, {"users": USERS, "notes": {"id": ID, "text": "TEXT"}}, THREE)
    story.sync({"users": USERS, "_dropped": ["notes"]})
    refused(story, "--fill notes.text has no effect", fills={"notes.text": "'x'"})


def test_the_definitions_are_spelled_as_they_were(folder):
    story = Story(folder, {"t": {"id": ID, "v": "TEXT CHECK (v IN ('a','b') AND length(v)<9)"}})
    before = story.ask("SELECT sql FROM sqlite_schema WHERE name = 't'")
    story.sync({"t": {"id": ID, "v": "TEXT"}})
    story.back()
    after = story.ask("SELECT sql FROM sqlite_schema WHERE name = 't'")
    assert "".join(after[0][0].split()) == "".join(before[0][0].split())
