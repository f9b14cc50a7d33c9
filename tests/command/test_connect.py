"""Functions, collations and extensions that the application registers on its connections exist on those of schemasync,
too."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.core import checks
from django.db.backends.signals import connection_created
from django.db.backends.sqlite3.base import DatabaseWrapper

from schemasync import databases
from schemasync.engines.sqlite.connection_settings import can_load_extensions

TABLES = """
CREATE TABLE books (
  id INTEGER PRIMARY KEY,
  title TEXT COLLATE german CHECK (slug(title) <> ''),
  short TEXT AS (slug(title)) STORED
);
CREATE TABLE log (id INTEGER PRIMARY KEY, what TEXT);
CREATE INDEX by_slug ON books (slug(title));
CREATE VIEW slugs AS SELECT slug(title) AS s, longest(title) AS l FROM books GROUP BY 1;
CREATE TRIGGER logged AFTER INSERT ON books BEGIN INSERT INTO log (what) VALUES (slug(NEW.title)); END;
"""
INSERT = "INSERT INTO books (title) VALUES ('The Hobbit'), ('Emma')"


def slug(text):
    return text and text.lower().replace(" ", "-")


class Longest:
    def __init__(self):
        self.found = ""

    def step(self, text):
        self.found = max(self.found, text, key=len)

    def finalize(self):
        return self.found


def register(connection):
    """Register functions and a collation on a connection of sqlite3, as such an application does."""
    connection.create_function("slug", 1, slug, deterministic=True)
    connection.create_aggregate("longest", 1, Longest)
    connection.create_collation("german", lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))


def on_created(sender, connection, **kwargs):
    register(connection.connection)


def fails(connection):
    raise ZeroDivisionError("of the application")


@pytest.fixture
def receive():
    """Return a function that connects a receiver of `connection_created` until the end of the test."""
    connected = []

    def connect(receiver, **options):
        connection_created.connect(receiver, weak=False, **options)
        connected.append((receiver, options))

    yield connect
    for receiver, options in connected:
        connection_created.disconnect(receiver, **options)


@pytest.fixture
def library(project):
    """A project with a plain file that needs the registered names, and no schema.json."""
    with closing(sqlite3.connect(project.link, isolation_level=None)) as connection:
        register(connection)
        connection.executescript(TABLES + INSERT)
    project.schema.unlink()
    return project


def evolve(library):
    """Adopt the file, and rewrite the table that needs the names. Return the JSON output of `adopt`."""
    adopted = library.call("adopt", json=True).json
    library.schema.write_text(
        library.schema.read_text("utf-8").replace('"log": {', '"log": {"at": "TEXT",').replace("<> ''", "<> 'x'"),
        "utf-8",
    )
    library.done()
    with closing(sqlite3.connect(library.link, isolation_level=None)) as connection:
        register(connection)
        assert connection.execute("SELECT short FROM books ORDER BY title").fetchall() == [("emma",), ("the-hobbit",)]
        assert connection.execute("SELECT count(*) FROM slugs").fetchone() == (2,)
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO books (title) VALUES ('X')")
        connection.execute("INSERT INTO books (title) VALUES ('A B')")
        assert connection.execute("SELECT what FROM log ORDER BY id DESC").fetchone() == ("a-b",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return adopted


def test_functions_and_collations_of_a_receiver_are_known(library, receive):
    receive(on_created)
    adopted = evolve(library)
    assert adopted["not_created"] == []
    assert adopted["unknown_names"] == {"functions": [], "collations": [], "modules": []}
    assert '"slugs"' in library.schema.read_text("utf-8")


@pytest.mark.parametrize("value", [register, f"{__name__}.register"], ids=["callable", "path"])
def test_functions_and_collations_of_connect_are_known(library, settings, value):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "CONNECT": value}
    assert evolve(library)["not_created"] == []


@pytest.mark.parametrize("value", [register, f"{__name__}.register"], ids=["callable", "path"])
def test_functions_and_collations_of_an_extension_are_known(library, settings, value):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "EXTENSIONS": [value]}
    assert evolve(library)["not_created"] == []


def test_without_them_the_names_are_unknown(library):
    adopted = library.call("adopt", json=True).json
    assert adopted["unknown_names"]["collations"] == ["german"]
    assert "slug" in adopted["unknown_names"]["functions"]


def test_a_receiver_gets_a_connection_like_those_of_the_site(project, receive):
    seen = []

    def receiver(sender, connection, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s", ["a value"])
            seen.append((sender, connection.alias, connection.vendor, cursor.fetchone()))
        connection.close()

    receive(receiver, sender=DatabaseWrapper)
    receive(on_created)
    with closing(databases.opener("other").memory()) as connection:
        assert connection.execute("SELECT slug('A B')").fetchone() == ("a-b",)
    assert seen == [(DatabaseWrapper, "other", "sqlite", ("a value",))]


@pytest.fixture
def asked(receive):
    """The list of the aliases for whose connections a receiver was called."""
    asked = []
    receive(lambda connection, **kwargs: asked.append(connection.alias))
    return asked


def open_in_memory(alias="default"):
    databases.opener(alias).memory().close()


def test_a_receiver_is_asked_once_for_all_connections_of_a_process(project, asked):
    opener = databases.opener()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(8):
            pool.submit(open_in_memory).result()
        opener.memory().close()
    assert asked == ["default"]
    open_in_memory("other")
    assert asked == ["default", "other"]


def test_a_receiver_is_asked_again_when_a_setting_changes(project, asked, settings):
    opener = databases.opener()
    opener.memory().close()
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "CONNECT": register}
    with closing(databases.opener().memory()) as connection:
        assert connection.execute("SELECT slug('A B')").fetchone() == ("a-b",)
    assert asked == ["default", "default"]


def test_a_receiver_that_comes_or_goes_is_noticed(project, receive):
    opener = databases.opener()
    opener.memory().close()
    receive(on_created)
    for one in (opener, databases.opener()):
        with closing(one.memory()) as connection:
            assert connection.execute("SELECT slug('A B')").fetchone() == ("a-b",)
    connection_created.disconnect(on_created)
    with closing(opener.memory()) as connection, pytest.raises(sqlite3.OperationalError, match="slug"):
        connection.execute("SELECT slug('A B')")


def test_a_receiver_that_fails_is_logged_once(project, receive, caplog):
    def receiver(sender, connection, **kwargs):
        raise ZeroDivisionError("of the application")

    receive(receiver)
    for _ in range(3):
        open_in_memory()
    assert [record.name for record in caplog.records] == ["django.dispatch", "schemasync"]


def test_a_function_that_asks_the_connection_of_its_receiver_works_in_every_thread(project, receive):
    def receiver(sender, connection, **kwargs):
        def one():
            with connection.cursor() as cursor:
                return cursor.execute("SELECT 1").fetchone()[0]

        connection.connection.create_function("one", 0, one)

    def ask():
        with closing(databases.opener().memory()) as connection:
            return connection.execute("SELECT one()").fetchone()

    receive(receiver)
    assert ask() == (1,)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ask).result() == (1,)


def test_a_receiver_changes_no_file_and_no_setting_of_a_run(library, receive):
    """Django projects set pragmas in such receivers. `plan` must not switch a database to a write-ahead log."""

    def receiver(sender, connection, **kwargs):
        register(connection.connection)
        with connection.cursor() as cursor:
            for pragma in ("journal_mode=WAL", "synchronous=OFF", "foreign_keys=ON", "user_version=7", "query_only=ON"):
                cursor.execute(f"PRAGMA {pragma}")
        connection.connection.set_authorizer(lambda *what: sqlite3.SQLITE_DENY)
        connection.connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 10)
        done.append(connection.alias)

    done = []
    before = library.link.read_bytes()
    library.call("inspect", str(library.link))
    receive(receiver)
    opener = databases.opener()
    with closing(opener.read(library.link)) as connection:
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (0,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    with closing(opener.write(library.link)) as connection:
        assert connection.execute("PRAGMA query_only").fetchone() == (0,)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert library.link.read_bytes() == before
    assert done == ["default"]
    evolve(library)


def test_a_receiver_that_fails_does_not_end_the_run(library, receive, caplog):
    def receiver(sender, connection, **kwargs):
        raise ZeroDivisionError("of the application")

    receive(receiver)
    receive(on_created)
    evolve(library)
    assert "receiver" in caplog.text
    assert "of the application" in caplog.text


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"CONNECT": fails}, "fails failed: ZeroDivisionError: of the application"),
        ({"CONNECT": "no_such_module.connect"}, "No module named 'no_such_module'"),
        ({"CONNECT": f"{__name__}.missing"}, '"missing"'),
        ({"EXTENSIONS": [fails]}, "fails failed: ZeroDivisionError"),
        ({"EXTENSIONS": ["no_such_module.load"]}, "No module named 'no_such_module'"),
        (
            {"EXTENSIONS": ["/no/such/library.so"]},
            "/no/such/library" if can_load_extensions() else "the sqlite3 module of this Python cannot load extensions",
        ),
        (
            {"EXTENSIONS": [lambda connection: connection.load_extension("/no/such/library.so")]},
            "/no/such/library" if can_load_extensions() else "the sqlite3 module of this Python cannot load extensions",
        ),
    ],
)
def test_what_cannot_be_registered_ends_the_run_before_it_begins(project, settings, setting, words):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, **setting}
    ended = project.call(json=True)
    assert ended.code == 3
    assert [error["code"] for error in ended.json["errors"]] == ["connect-failed"]
    assert words in ended.json["errors"][0]["message"]
    assert not project.link.exists()


def test_the_check_names_all_that_cannot_be_registered(project, settings):
    library = "/no/such/library.so"
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "CONNECT": "nowhere.at_all", "EXTENSIONS": [library, "not.there"]}
    reported = [error.msg for error in checks.run_checks() if error.id == "schemasync.E005"]
    assert len(reported) == (2 if can_load_extensions() else 3)
    assert any("nowhere" in one for one in reported)
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "CONNECT": register, "EXTENSIONS": [f"{__name__}.register"]}
    assert not [error for error in checks.run_checks() if error.id == "schemasync.E005"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("CONNECT", "connect"),
        ("CONNECT", 3),
        ("CONNECT", ""),
        ("EXTENSIONS", "vec0"),
        ("EXTENSIONS", [3]),
        ("EXTENSIONS", [""]),
    ],
)
def test_a_value_that_is_none_of_them_is_an_error(project, settings, key, value):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, key: value}
    ended = project.call()
    assert ended.code == 2
    assert f'"{key}"' in ended.error
    assert [error.id for error in checks.run_checks() if error.id.startswith("schemasync.E")] == ["schemasync.E003"]
