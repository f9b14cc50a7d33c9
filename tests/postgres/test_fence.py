"""Tables on PostgreSQL that are closed to writers, and the record of a move."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from schemasync.engines.postgres import fence, move_table
from schemasync.engines.postgres.connection import Target
from schemasync.engines.postgres.move_table import MoveRecord, MoveState

WRITES = (
    "INSERT INTO person VALUES (2)",
    "UPDATE person SET id = 3",
    "DELETE FROM person",
    "TRUNCATE person",
    "COPY person FROM STDIN",
    'INSERT INTO "Odd ""name" VALUES (1)',
)


@pytest.fixture
def connection(postgres_database):
    with Target.of(postgres_database.params).connection() as connection:
        connection.execute(
            'CREATE TABLE person (id int); INSERT INTO person VALUES (1); CREATE TABLE "Odd ""name" (id int)'
        )
        yield connection


def close(connection):
    fence.close(connection, ["person", 'Odd "name'], "Open the file. It's live.")


def refusals(database):
    """Return how many of the writing statements the fence refuses."""
    count = 0
    for sql in WRITES:
        with database.connect() as other:
            try:
                with other.cursor() as cursor:
                    if sql.startswith("COPY"):
                        with cursor.copy(sql) as copy:
                            copy.write_row((5,))
                    else:
                        cursor.execute(sql)
            except psycopg.errors.ReadOnlySqlTransaction as error:
                assert "is not live" in str(error)
                assert error.diag.message_hint == "Open the file. It's live."
                count += 1
    return count


def test_a_closed_table_refuses_whatever_writes_and_can_be_read(postgres_database, connection):
    close(connection)
    assert refusals(postgres_database) == len(WRITES)
    with postgres_database.connect() as other:
        assert other.execute("SELECT id FROM person").fetchall() == [(1,)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):  # the move must opt out first
            connection.execute("DELETE FROM person")
        fence.identify(connection)
        connection.execute("INSERT INTO person VALUES (7)")


@pytest.mark.parametrize("finish", [fence.open_up, fence.remove])
def test_opened_again_it_takes_writes_and_closes_anew(postgres_database, connection, finish):
    close(connection)
    finish(connection)
    assert refusals(postgres_database) == 0
    close(connection)
    assert refusals(postgres_database) == len(WRITES)
    fence.remove(connection)
    assert not fence.has_function(connection)
    assert fence.fenced_tables(connection) == []


def test_a_reader_does_not_keep_closed_tables_from_being_opened(postgres_database, connection):
    close(connection)
    with postgres_database.connect() as reader, reader.transaction():
        reader.execute("SELECT * FROM person")
        fence.open_up(connection)
        with postgres_database.connect() as writer:
            writer.execute("INSERT INTO person VALUES (6)")


def test_closing_waits_for_a_writer_so_that_nothing_is_written_after_it(postgres_database, connection):
    with postgres_database.connect() as writer:
        closed = threading.Event()

        def work():
            close(connection)
            closed.set()

        with writer.transaction():
            writer.execute("INSERT INTO person VALUES (8)")
            thread = threading.Thread(target=work)
            thread.start()
            time.sleep(0.3)
            assert not closed.is_set()
        thread.join(10)
        assert closed.is_set()
    assert connection.execute("SELECT count(*) FROM person").fetchone() == (2,)


def test_what_a_move_has_made_goes_and_nothing_else(postgres_database, connection):
    with postgres_database.connect() as other:
        other.execute("CREATE SCHEMA app; SET search_path = app, public; CREATE TABLE app.mine (id int)")
        other.execute("CREATE VIEW app.seen AS SELECT * FROM app.mine")
        made = MoveRecord(MoveState.BUILDING, "db.sqlite3", ("mine", "person"), ("seen",))
        move_table.begin(other, made)  # the move has not created person yet, and public has a person
        assert move_table.read(other) == made
        move_table.clear(other, made)
        assert move_table.read(other) is None
        assert other.execute("SELECT to_regclass('app.mine'), to_regclass('public.person')").fetchone() == (
            None,
            "person",
        )
