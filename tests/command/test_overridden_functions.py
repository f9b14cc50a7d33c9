"""An application may override SQLite's own functions: the queries of schemasync do not use the overrides."""

import sqlite3

import pytest
from django.db.backends.signals import connection_created


@pytest.fixture
def overriding():
    """Connect a receiver that overrides functions for case-insensitive search beyond ASCII, as projects do."""

    def receiver(connection, **kwargs):
        raw = connection.connection
        if isinstance(raw, sqlite3.Connection):
            raw.create_function("like", 2, lambda pattern, text: pattern.strip("%") in (text or ""))
            raw.create_function("like", 3, lambda pattern, text, escape: pattern.strip("%") in (text or ""))
            raw.create_function("lower", 1, lambda text: text and text.lower(), deterministic=True)
            raw.create_function("upper", 1, lambda text: text and text.upper(), deterministic=True)

    connection_created.connect(receiver, weak=False)
    yield
    connection_created.disconnect(receiver)


@pytest.mark.parametrize("options", [{}, {"block_writers": True}, {"rebuild_all": True}])
def test_a_site_that_replaces_like_and_lower_is_adopted_changed_and_swapped_back(project, overriding, options):
    project.schema.unlink()
    project.run_sql(
        "CREATE TABLE Ämter (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT); CREATE TABLE plain (a, b);"
        "CREATE TABLE stelle (id INTEGER PRIMARY KEY, amt INTEGER REFERENCES Ämter);"
        "INSERT INTO Ämter (name) VALUES ('x'), ('y'); INSERT INTO plain VALUES (1, 2); INSERT INTO stelle VALUES (1, 2)"
    )
    project.done("adopt")
    project.run_sql("CREATE TABLE Übrige (a, b)")
    text = project.schema.read_text().replace('"name": "TEXT"', '"name": "TEXT DEFAULT \'-\'"')
    project.write(text)
    project.done(verify="full", **options)
    project.run_sql("INSERT INTO Ämter (name) VALUES ('z')")
    project.done("rollback", interactive=False)
    assert project.rows("SELECT count(*) FROM Ämter") == [(2,)]
    project.done("rollback", interactive=False)
    assert project.rows("SELECT max(id), count(*) FROM Ämter") == [(3, 3)]
    names = [name for (name,) in project.rows("SELECT name FROM sqlite_schema")]
    assert not [name for name in names if name.startswith(("_schemasync", "schemasync:"))]
