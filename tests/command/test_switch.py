"""manage.py schemasync switch: one development database for several git branches."""

import pytest

MAIN = {
    "authors": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT NOT NULL"},
    "books": {
        "id": "INTEGER PRIMARY KEY",
        "title": "TEXT NOT NULL",
        "author": "INTEGER REFERENCES authors(id)",
        "_triggers": {"loud": "AFTER UPDATE ON books BEGIN UPDATE authors SET name = name || '!'; END"},
    },
}
BRANCH = {
    "authors": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "full_name": {"type": "TEXT NOT NULL", "was": ["name"]},
        "born": "INTEGER",
    },
    "books": {
        "id": "INTEGER PRIMARY KEY",
        "title": "TEXT NOT NULL",
        "author": "INTEGER REFERENCES authors(id)",
        "pages": {"type": "INTEGER NOT NULL", "fill": "0"},
        "_triggers": {"loud": "AFTER UPDATE ON books BEGIN UPDATE authors SET full_name = full_name || '!'; END"},
    },
    "reviews": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "book": "INTEGER REFERENCES books(id)", "text": "TEXT"},
}
ROWS = """
INSERT INTO authors (id, name) VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO books VALUES (1, 'One', 1), (2, 'Two', 2);
"""
ON_THE_BRANCH = """
UPDATE authors SET born = 1970 WHERE id = 1;
DROP TRIGGER loud; -- the rows of this test are not its business
UPDATE books SET pages = 100 + id;
CREATE TRIGGER loud AFTER UPDATE ON books BEGIN UPDATE authors SET full_name = full_name || '!'; END;
INSERT INTO reviews (id, book, text) VALUES (5, 1, 'good'), (9, 2, 'long');
DELETE FROM reviews WHERE id = 9;
"""


@pytest.fixture
def main(project):
    """On the branch main, with rows."""
    project.write(MAIN)
    project.done()
    project.run_sql(ROWS)
    return project


@pytest.fixture
def branch(main):
    """On another branch, whose schema a sync made, and for whose columns and tables there are values."""
    main.write(BRANCH)
    main.done()
    main.run_sql(ON_THE_BRANCH)
    return main


def switch(project, tree, *options):
    project.write(tree)
    return project.done("switch", *options, json=True).json


def test_with_no_row_written_it_goes_by_the_archives_there_and_back(branch):
    told = switch(branch, MAIN)
    assert (told["result"], told["generation"][:4], told["left"][:4]) == ("rolled_back", "0001", "0002")
    assert branch.rows("SELECT * FROM authors") == [(1, "Ann"), (2, "Bob")]
    assert switch(branch, BRANCH)["result"] == "rolled_back"
    assert branch.rows("SELECT * FROM authors") == [(1, "Ann", 1970), (2, "Bob", None)]
    assert branch.rows("SELECT * FROM reviews") == [(5, 1, "good")]
    assert switch(branch, BRANCH)["result"] == "current"


def test_what_was_written_on_one_branch_is_there_on_the_other(branch):
    branch.run_sql("INSERT INTO authors (id, full_name, born) VALUES (3, 'Cy', 1980); DELETE FROM books WHERE id = 2")
    told = switch(branch, MAIN)
    assert told["result"] == "synced"
    assert set(told["kept"]) == {"authors.born", "books.pages", "reviews"}
    assert told["left"].startswith("0002")
    assert branch.rows("SELECT * FROM authors") == [(1, "Ann"), (2, "Bob"), (3, "Cy")]
    assert branch.rows("SELECT * FROM books") == [(1, "One", 1)]
    assert branch.call("check", "--strict").code == 0


def test_the_columns_and_tables_of_the_other_branch_come_back_with_it(branch):
    branch.run_sql("INSERT INTO authors (id, full_name) VALUES (3, 'Cy')")
    switch(branch, MAIN)
    branch.run_sql("UPDATE authors SET name = 'Bea' WHERE id = 2; INSERT INTO books VALUES (3, 'Three', 3)")
    told = switch(branch, BRANCH)
    assert told["result"] == "synced"
    assert told["brought_back"] == {"authors.born": 3, "books.pages": 2, "reviews": 1}
    assert branch.rows("SELECT * FROM authors") == [(1, "Ann", 1970), (2, "Bea", None), (3, "Cy", None)]
    assert branch.rows("SELECT id, pages FROM books") == [(1, 101), (2, 102), (3, 0)]
    assert branch.rows("SELECT * FROM reviews") == [(5, 1, "good")]
    assert branch.rows("SELECT seq FROM sqlite_sequence WHERE name = 'reviews'") == [(9,)]
    assert branch.call("check", "--strict").code == 0


def test_nothing_comes_back_when_that_is_asked_for(branch):
    branch.run_sql("INSERT INTO authors (id, full_name) VALUES (3, 'Cy')")
    switch(branch, MAIN)
    branch.run_sql("DELETE FROM authors WHERE id = 3")
    told = switch(branch, BRANCH, "--leave-behind")
    assert told["brought_back"] == {}
    assert branch.rows("SELECT count(*) FROM reviews") == [(0,)]


def test_a_review_whose_book_was_deleted_meanwhile_fails_with_both_ways_out(branch):
    branch.run_sql("INSERT INTO authors (id, full_name) VALUES (3, 'Cy')")
    switch(branch, MAIN)
    branch.run_sql("DELETE FROM books WHERE id = 1")
    before = branch.link.readlink()
    branch.write(BRANCH)
    ended = branch.call("switch")
    assert ended.code == 4
    assert "reviews" in ended.err
    assert "1 row refers to rows that were deleted meanwhile" in ended.err
    assert "switch --leave-behind" in ended.err
    assert branch.link.readlink() == before
    assert branch.rows("SELECT * FROM authors") == [(1, "Ann"), (2, "Bob"), (3, "Cy")]


def test_main_has_moved_on_while_the_branch_was_checked_out(branch):
    """Its version was never live here; the rename of the branch is undone all the same, and the branch comes back."""
    moved = {**MAIN, "shops": {"id": "INTEGER PRIMARY KEY", "city": "TEXT"}}
    branch.run_sql("INSERT INTO authors (id, full_name) VALUES (3, 'Cy')")
    switch(branch, MAIN)
    branch.run_sql("INSERT INTO authors (id, name) VALUES (4, 'Di')")
    switch(branch, BRANCH)
    branch.run_sql("INSERT INTO authors (id, full_name) VALUES (5, 'Ed')")
    told = switch(branch, moved)
    assert told["result"] == "synced"
    assert [name for (name,) in branch.rows("SELECT name FROM authors")] == ["Ann", "Bob", "Cy", "Di", "Ed"]
    assert branch.rows("SELECT * FROM shops") == []
    switch(branch, BRANCH)
    assert branch.rows("SELECT born FROM authors WHERE id = 1") == [(1970,)]


def test_what_a_branch_needs_outlasts_the_archives_that_are_kept(branch, settings):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "KEEP": 1}
    branch.run_sql("INSERT INTO authors (id, full_name) VALUES (3, 'Cy')")
    switch(branch, MAIN)
    for number in range(4):
        branch.run_sql(f"INSERT INTO authors (name) VALUES ('new {number}')")
        branch.done("--rebuild-all")
    told = switch(branch, BRANCH)
    assert told["brought_back"]["authors.born"] == 3
    assert branch.rows("SELECT born FROM authors WHERE id = 1") == [(1970,)]


def test_a_plain_sync_drops_nothing_unnamed(branch, settings):
    settings.DEBUG = True
    branch.write(MAIN)
    ended = branch.call("--allow-older")
    assert ended.code == 3
    assert branch.rows("SELECT count(*) FROM reviews") == [(1,)]


def test_without_a_database_it_says_which_command_makes_one(project):
    ended = project.call("switch")
    assert ended.code == 3
    assert "manage.py schemasync" in ended.err


def test_in_words(branch):
    branch.run_sql("INSERT INTO authors (id, full_name) VALUES (3, 'Cy')")
    branch.write(MAIN)
    told = branch.done("switch").out
    assert "kept aside in 0002-" in told
    assert "authors.born" in told
    assert "rows-dropped" not in told
    branch.run_sql("INSERT INTO authors (name) VALUES ('Di')")
    branch.write(BRANCH)
    assert "brought back: authors.born, 3 rows" in branch.done("switch").out
