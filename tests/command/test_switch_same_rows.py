"""manage.py schemasync switch never gives a row the values of another row."""

import pytest

from tests.command.test_switch import switch

PLAIN, COUNTED = "INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT"


def on_main(key):
    return {"users": {"id": key, "name": "TEXT COLLATE NOCASE"}}


def on_branch(key):
    return {
        "users": {"id": key, "name": "TEXT COLLATE NOCASE", "phone": "TEXT DEFAULT 'none'"},
        "notes": {"id": key, "user": "INTEGER REFERENCES users(id)", "text": "TEXT"},
    }


def left_the_branch(project, key, then="UPDATE users SET phone = 'p' || id"):
    """Leave the branch with three users, one of them written there, so that the switch converts rows."""
    project.write(on_main(key))
    project.done()
    project.run_sql("INSERT INTO users VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cyd')")
    project.write(on_branch(key))
    project.done()
    project.run_sql(f"{then}; UPDATE users SET name = 'Anna' WHERE id = 1")
    switch(project, on_main(key))


@pytest.mark.parametrize("name", ["'Eve'", "'CYD'", "NULL"])
def test_nobody_gets_the_phone_of_somebody_whose_id_was_given_out_again(project, name):
    left_the_branch(project, PLAIN)
    project.run_sql(f"DELETE FROM users WHERE id = 3; INSERT INTO users (name) VALUES ({name})")
    done = switch(project, on_branch(PLAIN))
    assert project.rows("SELECT id, phone FROM users") == [(1, "p1"), (2, "p2"), (3, "none")]
    assert done["brought_back"] == {"users.phone": 2, "notes": 0}
    assert done["in_doubt"] == [{"column": "users.phone", "rows": 1, "generation": done["in_doubt"][0]["generation"]}]
    assert done["in_doubt"][0]["generation"].startswith("0002-")


def test_the_words_say_where_the_values_in_doubt_are(project):
    left_the_branch(project, PLAIN)
    project.run_sql("UPDATE users SET name = 'Bobby' WHERE id = 2")
    project.write(on_branch(PLAIN))
    out = project.done("switch").out
    assert "not brought back: users.phone, 1 value of rows that were written since, whose ids may be" in out
    assert "they stay in 0002-" in out


def test_where_ids_are_not_given_out_again_a_row_that_was_written_gets_its_value(project):
    left_the_branch(project, COUNTED)
    project.run_sql("DELETE FROM users WHERE id = 3; INSERT INTO users (name) VALUES ('Eve')")
    project.run_sql("UPDATE users SET name = 'Bobby' WHERE id = 2")
    done = switch(project, on_branch(COUNTED))
    assert project.rows("SELECT id, name, phone FROM users") == [
        (1, "Anna", "p1"),
        (2, "Bobby", "p2"),
        (4, "Eve", "none"),
    ]
    assert done["in_doubt"] == []


def test_a_counter_that_was_set_back_proves_nothing(project):
    left_the_branch(project, COUNTED)
    project.run_sql("DELETE FROM users; DELETE FROM sqlite_sequence; INSERT INTO users (name) VALUES ('Eve'), ('Fay')")
    assert switch(project, on_branch(COUNTED))["in_doubt"][0]["rows"] == 2
    assert project.rows("SELECT phone FROM users") == [("none",), ("none",)]


def test_after_a_rollback_both_files_gave_out_the_same_id(project):
    project.write(on_main(COUNTED))
    project.done()
    project.run_sql("INSERT INTO users VALUES (1, 'Ann')")
    project.write(on_branch(COUNTED))
    project.done()
    project.run_sql("INSERT INTO users (name, phone) VALUES ('Bob', 'of Bob')")
    project.done("rollback", "--noinput")
    project.run_sql("INSERT INTO users (name) VALUES ('Eve')")
    assert switch(project, on_branch(COUNTED))["in_doubt"][0]["rows"] == 1
    assert project.rows("SELECT id, name, phone FROM users") == [(1, "Ann", "none"), (2, "Eve", "none")]


def test_a_table_of_ids_alone_has_nothing_that_tells_one_row_from_another(project):
    main = {"seats": {"id": PLAIN}, "log": {"x": "TEXT"}}
    branch = {"seats": {"id": PLAIN, "guest": "TEXT"}, "log": {"x": "TEXT"}}
    project.write(main)
    project.done()
    project.run_sql("INSERT INTO seats VALUES (1)")
    project.write(branch)
    project.done()
    project.run_sql("UPDATE seats SET guest = 'Ann'; INSERT INTO log VALUES ('a')")
    switch(project, main)
    project.run_sql("DELETE FROM seats; INSERT INTO seats DEFAULT VALUES; INSERT INTO log VALUES ('b')")
    assert switch(project, branch)["in_doubt"][0]["rows"] == 1
    assert project.rows("SELECT * FROM seats") == [(1, None)]


def test_a_table_that_comes_back_does_not_refer_to_somebody_else(project):
    left_the_branch(project, PLAIN, "INSERT INTO notes VALUES (1, 1, 'of Ann'), (2, 3, 'a secret of Cyd')")
    project.run_sql("DELETE FROM users WHERE id = 3; INSERT INTO users (name) VALUES ('Eve')")
    project.write(on_branch(PLAIN))
    ended = project.call("switch")
    assert ended.code == 4
    assert "1 row refers to rows of users that were written since, and whose keys may name other rows" in ended.err
    assert "switch --leave-behind" in ended.err
    project.run_sql("DELETE FROM users WHERE id = 3; INSERT INTO users VALUES (3, 'Cyd'), (4, 'Dee')")
    assert switch(project, on_branch(PLAIN))["brought_back"]["notes"] == 2


def test_a_column_that_comes_back_does_not_refer_to_somebody_else(project):
    main = {"people": {"id": PLAIN, "name": "TEXT"}, "books": {"id": COUNTED, "title": "TEXT"}}
    branch = {**main, "books": {**main["books"], "editor": "INTEGER DEFAULT 1 REFERENCES people(id)"}}
    project.write(main)
    project.done()
    project.run_sql("INSERT INTO people VALUES (1, 'Ann'), (2, 'Bob'); INSERT INTO books VALUES (1, 'A'), (2, 'B')")
    project.write(branch)
    project.done()
    project.run_sql("UPDATE books SET editor = 2 WHERE id = 2; UPDATE books SET title = 'A!' WHERE id = 1")
    switch(project, main)
    project.run_sql("UPDATE people SET name = 'Eve' WHERE id = 2")
    project.write(branch)
    ended = project.call("switch")
    assert ended.code == 4
    assert "1 row refers to rows of people" in ended.err


def test_tables_that_refer_to_each_other_come_back_together(project):
    main = on_main(COUNTED)
    branch = {
        **main,
        "a_child": {"id": PLAIN, "parent": "INTEGER REFERENCES z_parent(id)"},
        "z_parent": {"id": PLAIN, "child": "INTEGER REFERENCES a_child(id)"},
    }
    project.write(main)
    project.done()
    project.write(branch)
    project.done()
    project.run_sql("INSERT INTO z_parent VALUES (1, NULL); INSERT INTO a_child VALUES (1, 1)")
    project.run_sql("UPDATE z_parent SET child = 1; INSERT INTO users VALUES (1, 'Ann')")
    switch(project, main)
    project.run_sql("INSERT INTO users VALUES (2, 'Bob')")
    assert switch(project, branch)["brought_back"] == {"a_child": 1, "z_parent": 1}
