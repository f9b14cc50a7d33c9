"""Connections to PostgreSQL: their settings, and errors that name the remedy."""

from __future__ import annotations

import pytest

from schemasync.engines.postgres import driver, versions
from schemasync.engines.postgres.connection import Target
from schemasync.engines.postgres.versions import check_target
from schemasync.errors import Busy, Code, Failed, Refused


@pytest.fixture
def target(postgres_database):
    return Target.of(postgres_database.params)


def test_a_connection_shows_times_dates_durations_floats_and_bytes_in_one_way(postgres_database, target):
    with postgres_database.connect() as other:
        name = other.info.dbname
        for setting in (
            "TimeZone='Asia/Tokyo'",
            "DateStyle='German'",
            "IntervalStyle='iso_8601'",
            "bytea_output='escape'",
        ):
            other.execute(f"ALTER DATABASE {name} SET {setting}")
        other.execute(f"ALTER DATABASE {name} SET extra_float_digits=-3")
        other.execute(f"ALTER DATABASE {name} SET statement_timeout='500ms'")
    with target.connection() as connection:
        row = connection.execute(
            "SELECT timestamptz '2026-01-02 03:04:05Z'::text, date '2026-01-02'::text, interval '90s'::text,"
            " '\\x00ff'::bytea::text, (0.1::float8 + 0.2)::text, pg_sleep(0.6) IS NULL"
        ).fetchone()
    expected = ("2026-01-02 03:04:05+00", "2026-01-02", "00:01:30", "\\x00ff", "0.30000000000000004", False)
    assert row == expected


def test_no_statement_is_prepared_so_that_a_changed_type_cannot_break_a_connection(postgres_database, target):
    with target.connection() as connection, postgres_database.connect() as other:
        other.execute("CREATE TABLE a (b integer)")
        for _ in range(10):
            connection.execute("SELECT b FROM a")
        other.execute("ALTER TABLE a ALTER b TYPE bigint")
        connection.execute("SELECT b FROM a")
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_options_of_django_are_no_options_of_the_connection(postgres_database):
    with postgres_database.connect() as other:
        other.execute(f"CREATE ROLE r_{other.info.dbname}")
    entry = {**postgres_database.params, "OPTIONS": {"assume_role": f"r_{postgres_database.name}", "pool": True}}
    with Target.of(entry).connection() as connection:
        assert connection.execute("SELECT current_user").fetchone() == (f"r_{postgres_database.name}",)
    with postgres_database.connect() as other:
        other.execute(f"DROP ROLE r_{postgres_database.name}")


def test_a_server_that_is_not_there_is_refused_without_its_password():
    target = Target.of({"NAME": "a", "HOST": "localhost", "PORT": "1", "PASSWORD": "of-somebody"})
    with pytest.raises(Refused) as raised:
        target.open()
    assert raised.value.code == Code.POSTGRES_UNREACHABLE
    assert "localhost:1/a" in str(raised.value)
    assert "of-somebody" not in f"{raised.value}{target!r}{raised.value.problems[0].as_json()}"


def test_a_database_that_is_not_there_is_refused(target):
    with pytest.raises(Refused, match='"gone" does not exist') as raised:
        Target({**target.params, "dbname": "gone"}).open()
    assert raised.value.code == Code.POSTGRES_UNREACHABLE


def test_a_server_that_is_too_old_is_refused(monkeypatch, target):
    monkeypatch.setattr(versions, "MINIMUM", 99)  # there is no server of version 12 to test with
    with pytest.raises(Refused, match="99 or later is needed") as raised:
        target.open()
    assert raised.value.code == Code.POSTGRES_VERSION


def test_a_database_of_another_encoding_is_refused(postgres):
    with postgres.database("ENCODING 'LATIN1' LOCALE 'C'") as made, pytest.raises(Refused, match="--encoding=UTF8"):
        Target.of(made.params).open()


def test_a_schema_that_is_not_empty_and_an_unknown_extension_are_refused_together(target):
    with target.connection() as connection:
        check_target(connection, "here", ("citext",))
        connection.execute("CREATE EXTENSION citext")
        check_target(connection, "here", ("citext",))  # objects of extensions do not count
        connection.execute("CREATE TABLE customers (id int); CREATE VIEW people AS SELECT 1")
        with pytest.raises(Refused) as raised:
            check_target(connection, "here", ("citext", "no_such"))
    assert [problem.code for problem in raised.value.problems] == [Code.POSTGRES_NOT_EMPTY, Code.POSTGRES_EXTENSION]
    assert "customers, people" in str(raised.value)


def test_a_role_without_rights_is_refused_with_the_grant(target):
    with target.connection() as connection:
        role = f"r_{connection.info.dbname}"
        connection.execute(f"CREATE ROLE {role}")
        connection.execute("REVOKE ALL ON SCHEMA public FROM public")
        connection.execute("GRANT USAGE ON SCHEMA public TO public")
        connection.execute(f"SET ROLE {role}")
        try:
            with pytest.raises(Refused, match=f'GRANT CREATE, USAGE ON SCHEMA "public" TO "{role}"') as raised:
                check_target(connection, "here", ("citext", "postgres_fdw"))
        finally:
            connection.execute(f"RESET ROLE; DROP ROLE {role}")
    codes = [Code.POSTGRES_RIGHTS, Code.POSTGRES_EXTENSION, Code.POSTGRES_EXTENSION]
    assert [problem.code for problem in raised.value.problems] == codes


def test_a_lock_that_another_session_holds_is_waited_for_a_while(postgres_database):
    target = Target(Target.of(postgres_database.params).params, lock_timeout=0.05)
    with postgres_database.connect() as other, other.transaction():
        other.execute("CREATE TABLE a (b integer)")
        other.execute("LOCK TABLE pg_catalog.pg_description IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Busy) as raised, target.connection() as connection:
            connection.execute("COMMENT ON SCHEMA public IS 'x'")
    assert raised.value.code == Code.DATABASE_LOCKED


def test_a_connection_that_is_lost_says_that_the_live_file_is_unchanged(postgres_database, target):
    with pytest.raises(Failed) as raised, target.connection() as connection:
        with postgres_database.connect() as other:
            other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        connection.execute("SELECT 1")
    assert raised.value.code == Code.POSTGRES_LOST
    assert "still the database of the site" in str(raised.value)


def test_another_error_says_where_and_shows_no_value(target):
    with pytest.raises(Failed) as raised, target.connection() as connection:
        connection.execute("CREATE TABLE a (b integer)")
        with connection.cursor().copy("COPY a FROM STDIN") as copy:
            copy.write_row(["of somebody"])
    assert raised.value.code == Code.POSTGRES_ERROR
    assert "invalid input syntax for type integer\n" in str(raised.value)
    assert "COPY a, line 1, column b" in str(raised.value)
    assert "somebody" not in str(raised.value)


def test_without_psycopg_the_extra_is_named(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(driver.importlib, "import_module", missing)
    with pytest.raises(Refused, match=r'pip install "django-schemasync\[postgres\]"'):
        Target({}).open()
