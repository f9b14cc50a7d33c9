"""Databases with functions, collations and modules that only their application registers."""

import json
import sqlite3
from contextlib import closing

import pytest

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.table_sizes import known_rows
from schemasync.engines.sqlite.unknown_names import run_with_stand_ins
from schemasync.errors import Code, Refused
from schemasync.files.disk import Disk, DiskStep
from schemasync.sync.adopt import adopt
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.live.oracle import read

ROWS = "INSERT INTO books VALUES (1, 'The Hobbit', 'x'), (2, 'Emma', 'y')"
SCRIPT = """
CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT, isbn TEXT);
CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT COLLATE unicase UNIQUE);
CREATE TABLE notes (id INTEGER PRIMARY KEY, t TEXT CHECK (slug(t) <> ''));
CREATE TABLE labels (name TEXT NOT NULL PRIMARY KEY COLLATE unicase, n INTEGER) WITHOUT ROWID;
CREATE TABLE other (id INTEGER PRIMARY KEY, a TEXT);
CREATE INDEX by_sort ON books (title_sort(title));
CREATE VIEW sorted_books AS SELECT id, title_sort(title) AS s FROM books;
CREATE VIEW over_sorted AS SELECT s FROM sorted_books;
CREATE VIEW broken_view AS SELECT a FROM nowhere;
CREATE TRIGGER on_book AFTER INSERT ON books BEGIN UPDATE books SET isbn = slug(NEW.title) WHERE id = NEW.id; END;
INSERT INTO tags VALUES (1, 'One'), (2, 'Two');
INSERT INTO notes VALUES (1, 'a b');
INSERT INTO labels VALUES ('A', 1), ('b', 2);
INSERT INTO other VALUES (1, 'q');
"""
KEPT = {
    ("index", "by_sort"), ("view", "sorted_books"), ("view", "over_sorted"), ("view", "broken_view"),
    ("trigger", "on_book"),
}  # fmt: skip


def application(path):
    """Return a connection with everything that the application registers."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.create_function("title_sort", 1, lambda text: text and text.removeprefix("The "), deterministic=True)
    connection.create_function("slug", 1, lambda text: text and text.lower().replace(" ", "-"), deterministic=True)
    connection.create_collation("unicase", lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))
    return connection


@pytest.fixture
def library(project):
    """A project with a plain file of such an application, and no schema.json."""
    with closing(application(project.link)) as connection:
        connection.executescript(SCRIPT + ROWS)
    project.schema.unlink()
    return project


@pytest.fixture
def adopted(library):
    library.done("adopt")
    return library


def written(project):
    return json.loads("\n".join(project.schema.read_text().splitlines()[1:]))


def change(project, table, column, definition):
    found = written(project)
    found[table][column] = definition
    project.write(found)


def texts(project):
    names = ", ".join(f"'{name}'" for _, name in KEPT)
    return project.rows(f"SELECT type, name, sql FROM sqlite_schema WHERE name IN ({names}) ORDER BY name")


def test_adopt_takes_in_what_can_be_created_and_says_what_it_left_out_and_why(library):
    found = library.done("adopt", json=True).json
    assert {(one["type"], one["name"]) for one in found["not_created"]} == KEPT
    assert found["unknown_names"] == {"functions": ["slug", "title_sort"], "collations": ["unicase"], "modules": []}
    schema = written(library)
    assert "_views" not in schema
    assert "_triggers" not in schema["books"]
    assert "_indexes" not in schema["books"]
    assert schema["tags"]["name"] == "TEXT UNIQUE COLLATE UNICASE"
    assert "slug" in schema["notes"]["t"]


def test_adopt_says_it_to_people(library):
    out = library.done("adopt").out
    assert "function slug, function title_sort, collation unicase" in " ".join(out.split())
    assert "view broken_view (no such table: main.nowhere)" in " ".join(out.split())


@pytest.mark.parametrize("options", [{}, {"block_writers": True}, {"verify": "full"}])
@pytest.mark.parametrize("table", ["other", "books"])
def test_a_table_changes_and_everything_that_uses_an_unknown_name_comes_along(adopted, table, options):
    before = texts(adopted)
    if table == "books":
        adopted.run_sql("DROP INDEX by_sort")  # this process cannot compute the values of that index
        before = [row for row in before if row[1] != "by_sort"]
    change(adopted, table, "more", "TEXT DEFAULT 'm'")
    adopted.done(**options)
    assert texts(adopted) == before
    with closing(application(adopted.link)) as connection:
        assert connection.execute(f"SELECT DISTINCT more FROM {table}").fetchall() == [("m",)]
        connection.execute("INSERT INTO books (id, title) VALUES (3, 'The Cat')")
        assert connection.execute("SELECT isbn FROM books WHERE id = 3").fetchall() == [("the-cat",)]
        assert connection.execute("SELECT count(*) FROM over_sorted WHERE s = 'Cat'").fetchone() == (1,)
        assert connection.execute("SELECT id FROM tags WHERE name = 'ONE'").fetchall() == [(1,)]
        assert connection.execute("SELECT n FROM labels ORDER BY name").fetchall() == [(1,), (2,)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize(
    ("table", "name"), [("books", "function title_sort"), ("notes", "function slug"), ("tags", "collation unicase")]
)
def test_only_a_table_that_must_be_written_again_and_needs_the_name_is_refused(adopted, table, name):
    live = adopted.live()
    change(adopted, table, "more", "TEXT UNIQUE")
    ended = adopted.call()
    assert ended.code == 3
    assert f"This process does not know the {name}" in ended.err
    assert adopted.live() == live
    assert "sync would be refused" in adopted.call("check").out


def test_a_renamed_column_is_followed_where_unknown_functions_read_it(adopted):
    found = written(adopted)
    found["books"] = {
        ("headline" if key == "title" else key): ({"type": value, "was": ["title"]} if key == "title" else value)
        for key, value in found["books"].items()
    }
    adopted.run_sql("DROP VIEW over_sorted; DROP VIEW sorted_books")
    adopted.write(found)
    adopted.done()
    sql = dict(adopted.rows("SELECT name, sql FROM sqlite_schema"))
    assert 'title_sort("headline")' in sql["by_sort"]
    with closing(application(adopted.link)) as connection:
        connection.execute("INSERT INTO books (id, headline) VALUES (3, 'The Cat')")
        assert connection.execute("SELECT isbn FROM books WHERE id = 3").fetchall() == [("the-cat",)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_what_was_taken_in_and_is_taken_out_of_schema_json_is_not_dropped(library):
    """The adoption named the view and the trigger, as it does where the functions are known."""
    library.write(
        {
            "books": {
                "id": "INTEGER PRIMARY KEY",
                "title": "TEXT",
                "isbn": "TEXT",
                "_indexes": [{"name": "by_sort", "columns": ["title_sort(title)"]}],
                "_triggers": {
                    "on_book": "AFTER INSERT ON books BEGIN UPDATE books SET isbn = slug(NEW.title) "
                    "WHERE id = NEW.id; END"
                },
            },
            "other": {"id": "INTEGER PRIMARY KEY", "a": "TEXT"},
            "_views": {"sorted_books": "SELECT id, title_sort(title) AS s FROM books"},
        }
    )
    library.done("adopt")
    before = texts(library)
    library.write(
        {
            "books": {"id": "INTEGER PRIMARY KEY", "title": "TEXT", "isbn": "TEXT"},
            "other": {"id": "INTEGER PRIMARY KEY", "a": "TEXT", "b": "TEXT"},
        }
    )
    library.done()
    assert texts(library) == before
    library.done("check")


def test_a_row_that_cannot_be_followed_ends_the_run_and_stays(library):
    base = {"tags": {"id": "INTEGER PRIMARY KEY", "name": "TEXT COLLATE unicase UNIQUE"}, "other": {"id": "INTEGER"}}
    library.run_sql("DROP TABLE other; CREATE TABLE other (id INTEGER)")
    adopt(target(library.link), read(base))
    wanted = read({**base, "other": {"id": "INTEGER", "a": "TEXT"}})
    with closing(application(library.link)) as connection:

        def writes(at, label):
            if (at, label) == ("after", DiskStep.BUILD_REFILL):
                connection.execute("INSERT INTO tags VALUES (3, 'Three')")

        with pytest.raises(Refused) as refused:
            sync(target(library.link, disk=Disk(writes)), wanted)
    assert refused.value.problems[0].code == Code.CANNOT_FOLLOW_WRITES
    assert "unicase" in refused.value.problems[0].hint
    assert library.rows("SELECT count(*) FROM tags") == [(3,)]
    assert sync(target(library.link), wanted, SyncOptions(block_writers=True)).result == "synced"
    assert library.rows("SELECT count(*) FROM tags") == [(3,)]


def test_a_verification_says_what_it_could_not_check(adopted):
    ended = adopted.call(verify="full")
    assert ended.code == 4
    assert "[verify-impossible] integrity_check" in ended.err
    assert "notes: not checked: unknown function: slug()" in ended.err
    assert "[verify-differs]" not in ended.err


def test_a_fresh_file_needs_every_name(adopted):
    ended = adopted.call(rebuild_all=True)
    assert ended.code == 3
    assert "This process does not know" in ended.err


@pytest.fixture
def sorted_otherwise(library):
    """A project with rows in the order of the application's collation, which is not byte order, and an index in that
    order."""
    with closing(application(library.link)) as connection:
        connection.executescript(
            "INSERT INTO labels VALUES ('C', 3), ('d', 4); INSERT INTO tags VALUES (3, 'three'), (4, 'Four');"
            "CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT COLLATE unicase); CREATE INDEX by_kind ON kinds (name);"
            "INSERT INTO kinds (name) VALUES ('b'), ('A'), ('C')"
        )
    library.done("adopt")
    return library


def test_a_plan_counts_the_rows_of_every_table(sorted_otherwise):
    change(sorted_otherwise, "other", "more", "TEXT")
    found = sorted_otherwise.done("plan", json=True).json["tables"]
    rows = {name: step["rows"] for name, step in found.items()}
    assert rows == {"books": 2, "tags": 4, "notes": 1, "labels": 4, "other": 1, "kinds": 3}


def test_a_table_is_renamed_beside_an_index_whose_collation_is_unknown(sorted_otherwise):
    found = written(sorted_otherwise)
    found["others"] = {"_was": ["other"], **found.pop("other")}
    sorted_otherwise.write(found)
    sorted_otherwise.done()
    assert sorted_otherwise.rows("SELECT a FROM others") == [("q",)]
    with closing(application(sorted_otherwise.link)) as connection:
        query = "SELECT name FROM kinds INDEXED BY by_kind WHERE name > '' ORDER BY name"
        assert connection.execute(query).fetchall() == [("A",), ("b",), ("C",)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_backup_is_made_checked_and_restored_without_the_names(sorted_otherwise):
    sorted_otherwise.done("backup")
    sorted_otherwise.done("drill")
    with closing(application(sorted_otherwise.link)) as connection:
        connection.execute("DELETE FROM labels")
    sorted_otherwise.done("restore", interactive=False)
    with closing(application(sorted_otherwise.link)) as connection:
        assert connection.execute("SELECT n FROM labels ORDER BY name").fetchall() == [(1,), (2,), (3,), (4,)]


@pytest.mark.parametrize("table", ["notes", "labels", "tags"])
def test_a_damaged_page_of_a_table_that_uses_an_unknown_name_is_found_by_a_backup(sorted_otherwise, table):
    with closing(sqlite3.connect(sorted_otherwise.link)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with sorted_otherwise.link.open("r+b") as file:
        file.seek((page - 1) * size + 1)
        file.write(b"\x0f\xf0")  # the header of a free block, which no query reads
    ended = sorted_otherwise.call("backup")
    assert ended.code == 4
    assert "[backup-damaged]" in ended.err


def test_a_compact_copy_says_which_name_it_needs(adopted):
    ended = adopted.call("snapshot", adopted.folder / "copy.sqlite3")
    assert ended.code == 4
    assert "This process does not know the collation unicase" in ended.err
    assert 'SCHEMASYNC["CONNECT"]' in ended.err


def test_rollback_and_eject_go_by_such_a_schema(adopted):
    change(adopted, "other", "more", "TEXT")
    adopted.done()
    with closing(application(adopted.link)) as connection:
        connection.execute("INSERT INTO tags VALUES (3, 'Three')")
        connection.execute("INSERT INTO notes VALUES (2, 'c')")
    adopted.done("rollback", interactive=False)
    assert adopted.rows("SELECT count(*) FROM tags") == [(2,)]
    adopted.done("rollback", interactive=False)
    assert adopted.rows("SELECT count(*) FROM tags") == [(3,)]


def test_a_misspelt_function_is_refused_still(adopted):
    found = written(adopted)
    found["_views"] = {"v": "SELECT lenght(a) FROM other"}
    adopted.write(found)
    ended = adopted.call()
    assert ended.code == 3
    assert "no such function: lenght" in ended.err


def test_inspect_leaves_out_the_same_and_says_so(library):
    output = library.folder / "found.json"
    ended = library.done("inspect", library.link, output=output)
    assert "left out of schema.json" in ended.err
    assert "_views" not in json.loads(output.read_text())


# --- modules ------------------------------------------------------------------------------------------------------

VECTORS = """
CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE emb_chunks (chunk_id INTEGER PRIMARY KEY, data BLOB);
CREATE TABLE emb_rowids (rowid INTEGER PRIMARY KEY, chunk_id INTEGER);
CREATE TABLE embassies (id INTEGER PRIMARY KEY);
INSERT INTO items VALUES (1, 'a');
INSERT INTO emb_chunks VALUES (1, x'00ff');
INSERT INTO emb_rowids VALUES (1, 1);
PRAGMA writable_schema=ON;
INSERT INTO sqlite_schema VALUES ('table', 'emb', 'emb', 0, 'CREATE VIRTUAL TABLE emb USING vectors9(e float[3])');
PRAGMA writable_schema=RESET;
CREATE VIEW near AS SELECT * FROM emb;
"""


@pytest.fixture
def vectors(project):
    """A project with a virtual table of a module that this process does not know, and the tables of its content."""
    with closing(sqlite3.connect(project.link, isolation_level=None)) as connection:
        connection.executescript(VECTORS)
    project.schema.unlink()
    project.done("adopt")
    return project


def test_a_virtual_table_of_an_unknown_module_and_its_content_are_left_out_and_carried(vectors):
    found = written(vectors)
    assert set(found) == {"items", "embassies"}
    change(vectors, "items", "more", "TEXT")
    vectors.done()
    assert vectors.rows("SELECT data FROM emb_chunks") == [(b"\x00\xff",)]
    names = {name for (name,) in vectors.rows("SELECT name FROM sqlite_schema")}
    assert {"emb", "emb_chunks", "emb_rowids", "near"} <= names
    assert not [name for name in names if name.startswith("_schemasync")]


def test_a_fresh_file_needs_every_module(vectors):
    for words in (("plan",), ()):
        ended = vectors.call(*words, rebuild_all=True)
        assert ended.code == 3
        assert 'virtual table "emb" would be created anew, and SQLite refuses: no such module: vectors9' in ended.err
        assert 'SCHEMASYNC["EXTENSIONS"]' in ended.err
    assert len(vectors.generations()) == 1


def test_the_rows_of_a_virtual_table_of_an_unknown_module_are_not_counted(vectors):
    with closing(sqlite3.connect(vectors.link)) as connection:
        assert known_rows(connection, "emb") is None
        assert known_rows(connection, "emb_chunks") == 1


def test_no_trigger_is_put_on_the_content_of_a_virtual_table_whose_module_is_unknown(vectors):
    change(vectors, "items", "more", "TEXT")
    vectors.done()
    archive = vectors.archive / vectors.generations()[0]
    owners = {table for (table,) in vectors.rows("SELECT tbl_name FROM sqlite_schema WHERE type = 'trigger'", archive)}
    assert owners - {"_schema_versions"} == {"items", "embassies"}


def test_a_table_beside_such_a_virtual_table_can_be_renamed_once_no_view_reads_it(vectors):
    found = written(vectors)
    found["things"] = {"_was": ["items"], **found.pop("items")}
    vectors.write(found)
    vectors.done()
    assert vectors.rows("SELECT name FROM things") == [("a",)]
    assert "near" in {name for (name,) in vectors.rows("SELECT name FROM sqlite_schema")}


def test_stand_ins_are_gone_when_the_query_has_run():
    """Otherwise the connection would accept SQL that it cannot run, and take a broken trigger for a good one."""
    with closing(Opener().memory()) as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
        assert run_with_stand_ins(connection, "SELECT count(slug(a)), max(a COLLATE german) FROM t") == [(0, None)]
        for query, error in (
            ("SELECT slug('x')", "no such function: slug"),
            ("SELECT 1 WHERE 'x' = 'y' COLLATE german", "no such collation sequence: german"),
        ):
            with pytest.raises(sqlite3.OperationalError, match=error):
                connection.execute(query)
