"""manage.py schemasync switch: one development database for several git branches."""

import inspect
import os
import signal
from datetime import timedelta

import pytest

from schemasync.files.disk import Disk, DiskStep
from schemasync.files.layout import Layout
from schemasync.schema import document
from schemasync.sync import prune
from schemasync.sync import switch as switching
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import Target
from schemasync.sync.runner import sync
from schemasync.sync.switch import switch as switch_to
from tests.crash.processes import child

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
    """A project on the branch main, with rows."""
    project.write(MAIN)
    project.done()
    project.run_sql(ROWS)
    return project


@pytest.fixture
def branch(main):
    """A project on another branch, synced to its schema, with values in the branch's columns and tables."""
    main.write(BRANCH)
    main.done()
    main.run_sql(ON_THE_BRANCH)
    return main


def switch(project, tree, *options):
    project.write(tree)
    return project.done("switch", *options, json=True).json


def test_with_no_row_written_it_goes_by_the_archives_there_and_back(branch):
    result = switch(branch, MAIN)
    assert (result["result"], result["generation"][:4], result["left"][:4]) == ("rolled_back", "0001", "0002")
    assert branch.rows("SELECT * FROM authors") == [(1, "Ann"), (2, "Bob")]
    assert switch(branch, BRANCH)["result"] == "rolled_back"
    assert branch.rows("SELECT * FROM authors") == [(1, "Ann", 1970), (2, "Bob", None)]
    assert branch.rows("SELECT * FROM reviews") == [(5, 1, "good")]
    assert switch(branch, BRANCH)["result"] == "current"


def test_what_is_written_at_the_moment_of_the_switch_is_there_on_the_other(branch, monkeypatch):
    compared = switching.differ_in_common

    def then_written(target, name):
        found = compared(target, name)
        if not branch.rows("SELECT 1 FROM authors WHERE id = 3") and inspect.stack()[1].function != "_way":
            branch.run_sql("INSERT INTO authors (id, full_name) VALUES (3, 'Cy')")
        return found

    monkeypatch.setattr(switching, "differ_in_common", then_written)
    assert switch(branch, MAIN)["result"] == "synced"
    assert branch.rows("SELECT * FROM authors") == [(1, "Ann"), (2, "Bob"), (3, "Cy")]


def test_what_was_written_on_one_branch_is_there_on_the_other(branch):
    branch.run_sql("INSERT INTO authors (id, full_name, born) VALUES (3, 'Cy', 1980); DELETE FROM books WHERE id = 2")
    result = switch(branch, MAIN)
    assert result["result"] == "synced"
    assert set(result["kept"]) == {"authors.born", "books.pages", "reviews"}
    assert result["left"].startswith("0002")
    assert branch.rows("SELECT * FROM authors") == [(1, "Ann"), (2, "Bob"), (3, "Cy")]
    assert branch.rows("SELECT * FROM books") == [(1, "One", 1)]
    assert branch.call("check", "--strict").code == 0


def test_the_columns_and_tables_of_the_other_branch_come_back_with_it(branch):
    branch.run_sql("INSERT INTO authors (id, full_name) VALUES (3, 'Cy')")
    switch(branch, MAIN)
    branch.run_sql("UPDATE authors SET name = 'Bea' WHERE id = 2; INSERT INTO books VALUES (3, 'Three', 3)")
    result = switch(branch, BRANCH)
    assert result["result"] == "synced"
    assert result["brought_back"] == {"authors.born": 3, "books.pages": 2, "reviews": 1}
    assert branch.rows("SELECT * FROM authors") == [(1, "Ann", 1970), (2, "Bea", None), (3, "Cy", None)]
    assert branch.rows("SELECT id, pages FROM books") == [(1, 101), (2, 102), (3, 0)]
    assert branch.rows("SELECT * FROM reviews") == [(5, 1, "good")]
    assert branch.rows("SELECT seq FROM sqlite_sequence WHERE name = 'reviews'") == [(9,)]
    assert branch.call("check", "--strict").code == 0


def test_nothing_comes_back_when_that_is_asked_for(branch):
    branch.run_sql("INSERT INTO authors (id, full_name) VALUES (3, 'Cy')")
    switch(branch, MAIN)
    branch.run_sql("DELETE FROM authors WHERE id = 3")
    result = switch(branch, BRANCH, "--leave-behind")
    assert result["brought_back"] == {}
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
    assert "manage.py schemasync rollback 0002-" in ended.err
    assert branch.link.readlink() == before
    assert branch.rows("SELECT * FROM authors") == [(1, "Ann"), (2, "Bob"), (3, "Cy")]


def test_main_has_moved_on_while_the_branch_was_checked_out(branch):
    """The new version of main was never live here; the rename of the branch is still undone, and the branch comes
    back."""
    moved = {**MAIN, "shops": {"id": "INTEGER PRIMARY KEY", "city": "TEXT"}}
    branch.run_sql("INSERT INTO authors (id, full_name) VALUES (3, 'Cy')")
    switch(branch, MAIN)
    branch.run_sql("INSERT INTO authors (id, name) VALUES (4, 'Di')")
    switch(branch, BRANCH)
    branch.run_sql("INSERT INTO authors (id, full_name) VALUES (5, 'Ed')")
    result = switch(branch, moved)
    assert result["result"] == "synced"
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
    result = switch(branch, BRANCH)
    assert result["brought_back"]["authors.born"] == 3
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
    result = branch.done("switch").out
    assert "kept aside in 0002-" in result
    assert "authors.born" in result
    assert "rows-dropped" not in result
    branch.run_sql("INSERT INTO authors (name) VALUES ('Di')")
    branch.write(BRANCH)
    assert "brought back: authors.born, 3 rows" in branch.done("switch").out


KINDS = {
    "pairs": {"a": "TEXT", "b": "INTEGER", "_primary_key": ["a", "b"], "_without_rowid": True},
    "loose": {"x": "TEXT"},
    "strict": {"id": "INTEGER PRIMARY KEY", "n": "INTEGER", "_strict": True},
    "twice": {"id": "INTEGER PRIMARY KEY", "n": "INTEGER", "double": "INTEGER GENERATED ALWAYS AS (n * 2)"},
}
ON_A_BRANCH = {name: {**table, "extra": "TEXT", "other": "INTEGER DEFAULT 3"} for name, table in KINDS.items()} | {
    "words": {"_virtual": "fts5(body)"},
    "gone": {"id": "INTEGER PRIMARY KEY", "x": "TEXT", "upper_x": "TEXT GENERATED ALWAYS AS (upper(x)) STORED"},
    "keyless": {"x": "TEXT"},
}


def test_columns_come_back_in_every_kind_of_table(project):
    project.write(KINDS)
    project.done()
    project.run_sql(
        "INSERT INTO pairs VALUES ('p', 1), ('p', 2); INSERT INTO loose VALUES ('l'), ('m');"
        "INSERT INTO strict VALUES (7, 7); INSERT INTO twice (id, n) VALUES (1, 4)"
    )
    project.write(ON_A_BRANCH)
    project.done()
    for table in KINDS:
        project.run_sql(f"UPDATE {table} SET extra = '{table}', other = 9")
    project.run_sql(
        "INSERT INTO gone (id, x) VALUES (4, 'four'); INSERT INTO keyless VALUES ('k');"
        "INSERT INTO words VALUES ('many words'); INSERT INTO pairs VALUES ('q', 1, 'new', 1)"
    )
    kept = switch(project, KINDS)["kept"]
    assert {"pairs.extra", "loose.other", "gone", "keyless", "words"} <= set(kept)
    assert project.rows("SELECT * FROM pairs") == [("p", 1), ("p", 2), ("q", 1)]
    project.run_sql("INSERT INTO strict VALUES (8, 8)")
    result = switch(project, ON_A_BRANCH)
    assert result["not_brought_back"] == ["words"]
    assert project.rows("SELECT extra, other FROM pairs") == [("pairs", 9), ("pairs", 9), ("new", 1)]
    assert project.rows("SELECT extra, other FROM loose") == [("loose", 9), ("loose", 9)]
    assert project.rows("SELECT * FROM strict") == [(7, 7, "strict", 9), (8, 8, None, 3)]
    assert project.rows("SELECT n, double, extra FROM twice") == [(4, 8, "twice")]
    assert project.rows("SELECT * FROM gone") == [(4, "four", "FOUR")]
    assert project.rows("SELECT * FROM keyless") == [("k",)]
    assert project.call("check", "--strict").code == 0


def test_a_column_that_the_branch_converts_comes_back_as_it_was(project):
    """The values in the branch differ: cents, not euros."""
    key = "INTEGER PRIMARY KEY AUTOINCREMENT"
    main = {"t": {"id": key, "euros": "INTEGER"}}
    branch = {"t": {"id": key, "cents": {"type": "INTEGER", "was": ["euros"], "fill": "euros * 100"}}}
    project.write(main)
    project.done()
    project.run_sql("INSERT INTO t VALUES (1, 5)")
    project.write(branch)
    project.done()
    project.run_sql("INSERT INTO t VALUES (2, 700)")
    result = switch(project, main)
    assert result["kept"] == ["t.cents"]
    assert project.rows("SELECT * FROM t") == [(1, 5), (2, None)]


def moments():
    """Yield the moments of a kill: during the build, around the commit, before the link moves; the others run with
    --every."""
    quick = {
        ("BUILD_SEAL", "after"),
        ("CUTOVER_FENCE", "before"),
        ("CUTOVER_FENCE", "after"),
        ("CUTOVER_LINK", "before"),
    }
    for step in ("BUILD_SEAL", "BUILD_RENAME", "CUTOVER_FENCE", "CUTOVER_LINK"):
        for when in ("before", "after"):
            yield pytest.param(step, when, marks=[] if (step, when) in quick else [pytest.mark.slow])


@pytest.mark.slow(but=["CUTOVER_FENCE-before", "CUTOVER_LINK-before"])
@pytest.mark.parametrize(("step", "when"), list(moments()))
def test_one_that_is_killed_is_done_by_the_same_command(branch, step, when):
    branch.run_sql("INSERT INTO authors (id, full_name) VALUES (3, 'Cy')")
    switch(branch, MAIN)
    branch.run_sql("INSERT INTO authors (name) VALUES ('Di')")
    branch.write(BRANCH)

    def observer(moment, label):
        if (moment, label) == (when, DiskStep[step]):
            os.kill(os.getpid(), signal.SIGKILL)

    def work():
        to = Target(Layout(branch.link), disk=Disk(observer))
        wanted = document.read(branch.schema.read_bytes())
        switch_to(to, wanted, SyncOptions(), lambda *given: sync(to, *given))

    assert child(work).killed
    branch.done("switch")
    assert branch.rows("SELECT id, born FROM authors") == [(1, 1970), (2, None), (3, None), (4, None)]
    assert branch.rows("SELECT * FROM reviews") == [(5, 1, "good")]
    branch.run_sql("INSERT INTO authors (full_name) VALUES ('Ed')")
    assert switch(branch, MAIN)["kept"] == ["authors.born", "books.pages", "reviews"]


def test_a_prune_keeps_what_a_branch_needs_and_says_so_unless_it_is_told_to_remove_it(branch, monkeypatch):
    monkeypatch.setattr(prune, "GRACE", timedelta(0))  # otherwise prune keeps an archive that was live a moment ago
    branch.run_sql("INSERT INTO authors (id, full_name) VALUES (3, 'Cy')")
    left = switch(branch, MAIN)["left"]
    branch.done("--rebuild-all")
    result = branch.done("prune", keep=1, json=True).json
    assert [one["generation"] for one in result["left_by_switch"]] == [left]
    assert "kept, as another branch needs it (see --branches)" in branch.done("prune", keep=1).out
    assert left in [one["generation"] for one in branch.done("prune", keep=1, branches=True, json=True).json["removed"]]
    branch.run_sql("INSERT INTO authors (name) VALUES ('Di')")
    result = switch(branch, BRANCH)
    assert result["brought_back"] == {}
    assert set(result["not_brought_back"]) == {"authors.born", "books.pages", "reviews"}


def test_a_table_that_no_schema_names_is_not_dropped_by_a_switch(main):
    main.run_sql("CREATE TABLE by_hand (a); INSERT INTO by_hand VALUES (1)")
    switch(main, {**MAIN, "more": {"id": "key"}, "_dropped": ["by_hand"]})
    main.run_sql("INSERT INTO authors (name) VALUES ('Cy')")
    switch(main, MAIN)
    assert main.rows("SELECT * FROM by_hand") == [(1,)]
