"""A database moves to PostgreSQL: equal content, writers during the move, and the way back."""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace

import psycopg
import pytest

from schemasync.engines.postgres import move_table
from schemasync.engines.postgres.connection import Target as Server
from schemasync.engines.postgres.sampled_rates import Rate
from schemasync.errors import Busy, Failed, Refused, SchemasyncError
from schemasync.schema import document as documents
from schemasync.sync.move.goal import Goal, MoveStep
from schemasync.sync.move.mover import plan
from schemasync.sync.move.mover import to_postgres as move
from schemasync.sync.move.undo import undo
from schemasync.sync.phases import postpone
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

from .small_database import SCHEMA, assert_equal, document, make, rows_there


@pytest.fixture
def link(tmp_path):
    link = tmp_path / "db.sqlite3"
    make(link)
    return link


@pytest.fixture
def goal(postgres_database):
    return Goal("pg", Server.of(postgres_database.params))


def test_all_rows_are_there_and_the_file_takes_no_writes(link, goal, postgres_database):
    report = move(target(link), goal, document())
    assert (report.result, dict(report.rows)["parent"]) == ("moved", 190)
    assert_equal(link, postgres_database)
    with closing(sqlite3.connect(link)) as connection, pytest.raises(sqlite3.OperationalError, match="moved to pg"):
        connection.execute("INSERT INTO tag VALUES ('new', 'new')")
    with postgres_database.connect() as connection:
        connection.execute("INSERT INTO parent (name) VALUES ('after')")
        assert connection.execute("SELECT id FROM parent WHERE name = 'after'").fetchone() == (201,)
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute("INSERT INTO child (id, parent) VALUES (9999, 7777)")
        valid = connection.execute("SELECT bool_and(convalidated) FROM pg_constraint WHERE contype = 'f'").fetchone()
        assert valid == (True,)
        assert connection.execute("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal").fetchone() == (0,)
    assert move(target(link), goal, document()).result == "current"


def test_a_plan_changes_nothing_anywhere(link, goal, postgres_database):
    before = link.read_bytes()
    found = plan(target(link), goal, document())
    assert len(found.plan.tables) == len(SCHEMA)
    assert link.read_bytes() == before
    assert set(found.bytes) >= set(SCHEMA)
    assert found.estimate is not None
    assert found.estimate.tables == ("child", "parent", "tag")
    assert found.estimate.rows == 500 + 190 + 3
    assert found.estimate.pause_ms == 10 + 2
    assert min(found.estimate.scan, found.estimate.copy, found.estimate.indexes, found.estimate.compare) > 0
    with postgres_database.connect() as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        ).fetchone() == (0,)


def test_an_estimate_is_by_the_first_rows_of_the_largest_tables(link, goal, monkeypatch):
    monkeypatch.setattr("schemasync.engines.postgres.sampled_rates.SAMPLE", 100)
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.executemany("INSERT INTO tag VALUES (?, 'x' || ?)", [(f"t{n}", n) for n in range(3000)])
    found = plan(target(link), goal, document()).estimate
    assert (found.tables[0], found.rows) == ("child", 202)  # `tag` cannot be split into parts for the estimate
    assert Rate(100, 1.0, 1.0, 2.0).scaled(10_000) == Rate(10_000, 100.0, 200.0, 200.0)


@pytest.mark.parametrize("few", [500, 0])
def test_every_acknowledged_write_is_on_postgres(link, goal, postgres_database, monkeypatch, few):
    """With keys in the statement, and with so many keys that they need a table."""
    monkeypatch.setattr("schemasync.engines.postgres.replay.FEW", few)
    stop, written, failed = threading.Event(), [], []

    def write(number):
        with closing(sqlite3.connect(link, timeout=10, isolation_level=None)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            count = 0
            while not stop.is_set():
                count += 1
                name = f"w{number}-{count}"
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    key = connection.execute("INSERT INTO parent (name) VALUES (?)", (name,)).lastrowid
                    connection.execute("INSERT INTO child (parent, amount) VALUES (?, ?)", (key, count))
                    connection.execute("UPDATE parent SET note = ? WHERE id = ?", (name, count % 150 + 1))
                    connection.execute("INSERT OR REPLACE INTO pair VALUES (?, 'r', ?)", (number, bytes([count % 256])))
                    connection.execute("INSERT INTO keyless VALUES (?, ?)", (count, name))
                    connection.execute("DELETE FROM parent WHERE id = ?", (151 + count % 40,))
                    connection.execute("UPDATE tag SET code = code || '.' WHERE code LIKE 'a%' AND length(code) < 50")
                    connection.execute("COMMIT")
                    written.append(name)
                except sqlite3.OperationalError as error:
                    failed.append(str(error))
                    return
                time.sleep(0.002)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    try:
        report = move(target(link), goal, document())
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert report.keys > 0
    assert len(failed) == 3, failed
    assert all("moved to pg" in one for one in failed), failed
    assert_equal(link, postgres_database)
    names = {name for _, name, _ in rows_there(postgres_database, "parent")}
    assert set(written) <= names


def test_writers_do_not_wait_for_many_tables_that_were_written_a_little(tmp_path, goal, postgres_database):
    """Each table with a new row takes some statements under the lock: 25 tables need more time than --max-pause."""
    link, many = tmp_path / "many.sqlite3", {f"t{n}": {"id": "INTEGER PRIMARY KEY"} for n in range(25)}
    wanted, left, rounds = documents.read(json.dumps(many).encode()), [], []
    sync(target(link), wanted)

    def write(when, step):
        if (when, step) == ("after", MoveStep.ROUND):
            rounds.append(25 if len(rounds) < 6 else 0)
            if rounds[-1]:
                with closing(sqlite3.connect(link)) as connection, connection:
                    for table in many:
                        connection.execute(f"INSERT INTO {table} DEFAULT VALUES")
        elif (when, step) == ("before", MoveStep.COMPLETE):
            left.append(rounds[-1])

    brief = replace(goal, limits=Limits(max_pause=0.05), observer=write)
    assert move(target(link), brief, wanted).result == "moved"
    assert left == [0]
    assert len(rows_there(postgres_database, "t24")) == 6


def test_back_to_the_file_if_nothing_was_written_there(link, goal, postgres_database):
    move(target(link), goal, document())
    assert undo(target(link), goal, document()).result == "undone"
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.execute("INSERT INTO tag VALUES ('back', 'again')")
    with postgres_database.connect() as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("INSERT INTO tag VALUES ('there', 'lost')")


@pytest.mark.parametrize("sql", ["INSERT INTO tag VALUES ('there', 'only')", "SELECT nextval('parent_id_seq')"])
def test_writes_there_keep_it_from_going_back_unless_they_are_to_be_left(link, goal, postgres_database, sql):
    move(target(link), goal, document())
    with postgres_database.connect() as connection:
        connection.execute(sql)
        with pytest.raises(Refused) as refusal:
            undo(target(link), goal, document())
        assert [one.code for one in refusal.value.problems] == ["writes-left-behind"]
        connection.execute("INSERT INTO tag VALUES ('goes', 'on')")  # the file is live as before
        left = undo(target(link), goal, document(), leave_writes=True).left
        assert left["tag"] >= 1
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("INSERT INTO tag VALUES ('no', 'more')")
    with pytest.raises(Refused, match="undone"):  # a further move does not drop its rows
        move(target(link), goal, document())
    with postgres_database.connect() as connection:
        assert move_table.read(connection).state == "undone"


def test_a_plan_tries_the_statements_and_a_refused_one_is_said_with_its_table(link, goal, postgres_database):
    tree = {**SCHEMA, "tag": {**SCHEMA["tag"], "label": {"type": "TEXT COLLATE NOCASE", "postgres": "no_such_type"}}}
    with pytest.raises(SchemasyncError, match="no_such_type") as failure:
        plan(target(link), goal, documents.read(json.dumps(tree).encode()))
    assert [one.code for one in failure.value.problems] == ["postgres-error"]
    assert failure.value.problems[0].facts["table"] == "tag"


def test_values_are_judged_by_what_a_definition_by_hand_means_there(tmp_path, goal, postgres_database):
    link, tree = (
        tmp_path / "own.sqlite3",
        {"t": {"id": "INTEGER PRIMARY KEY", "n": {"type": "INTEGER", "postgres": "text"}}},
    )
    sync(target(link), documents.read(json.dumps(tree).encode()))
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.execute("INSERT INTO t VALUES (1, 7)")
    with pytest.raises(Refused) as refusal:
        plan(target(link), goal, documents.read(json.dumps(tree).encode()))
    assert refusal.value.problems[0].facts["fault"] == "not-text"
    tree["t"]["n"]["on_move"] = "clean"

    def write(when, step):
        if (when, step) == ("before", MoveStep.INDEXES):
            with closing(sqlite3.connect(link)) as connection, connection:
                connection.execute("INSERT INTO t VALUES (2, 8)")

    assert (
        move(target(link), replace(goal, observer=write), documents.read(json.dumps(tree).encode())).result == "moved"
    )
    assert rows_there(postgres_database, "t") == [(1, "7"), (2, "8")]


def test_a_postponed_move_keeps_up_until_it_is_called(link, goal, postgres_database):
    one = target(link)
    done = []
    late = replace(goal, limits=Limits(postpone=True))
    thread = threading.Thread(target=lambda: done.append(move(target(link), late, document())))
    thread.start()
    deadline = time.monotonic() + 30
    while not postpone.is_waiting(one):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.execute("INSERT INTO parent (name) VALUES ('late'), ('gone')")
        connection.execute("DELETE FROM parent WHERE name = 'gone'")
        connection.execute("INSERT INTO child (parent) VALUES (1)")
        connection.execute("INSERT INTO tag VALUES ('while', 'it waits')")
    while ("while", "it waits") not in rows_there(postgres_database, "tag"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert thread.is_alive()
    postpone.call(one)
    thread.join(30)
    assert [report.result for report in done] == ["moved"]
    assert_equal(link, postgres_database)
    assert next_ids(postgres_database) == (203, 502)


def next_ids(database):
    """Return the ids that PostgreSQL assigns to a new parent and a new child."""
    with database.connect() as connection:
        (parent,) = connection.execute("INSERT INTO parent (name) VALUES ('next') RETURNING id").fetchone()
        (child,) = connection.execute("INSERT INTO child (parent) VALUES (1) RETURNING id").fetchone()
    return parent, child


def writes_before_the_second_round(link, *statements):
    """Return an observer that runs the statements before the second round; the first one follows the copy."""
    rounds = itertools.count(1)

    def observer(when, step):
        if (when, step) == ("before", MoveStep.ROUND) and next(rounds) == 2:
            with closing(sqlite3.connect(link)) as connection, connection:
                for statement in statements:
                    connection.execute(statement)

    return observer


def test_ids_go_on_past_what_was_written_before_the_last_round(link, goal, postgres_database):
    observer = writes_before_the_second_round(
        link, "INSERT INTO parent (name) VALUES ('late')", "INSERT INTO child (parent) VALUES (1)"
    )
    assert move(target(link), replace(goal, observer=observer), document()).result == "moved"
    assert ("late",) in {(name,) for _, name, _ in rows_there(postgres_database, "parent")}
    assert_equal(link, postgres_database)
    assert next_ids(postgres_database) == (202, 502)


def test_unique_values_that_two_rows_swap_meanwhile_arrive(link, goal, postgres_database):
    swaps = [(1, "aside"), (2, "p0"), (1, "p1")]
    observer = writes_before_the_second_round(
        link, *(f"UPDATE parent SET name = '{name}' WHERE id = {number}" for number, name in swaps)
    )
    assert move(target(link), replace(goal, observer=observer), document()).result == "moved"
    assert {(1, "p1", None), (2, "p0", None)} < set(rows_there(postgres_database, "parent"))
    assert_equal(link, postgres_database)


@pytest.fixture
def owner(postgres_database):
    """The DATABASES entry of a role that owns the database, and has no other privilege."""
    name = f"owner_of_{postgres_database.name}"
    with postgres_database.connect() as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
        connection.execute(f'ALTER DATABASE "{postgres_database.name}" OWNER TO {name}')
        connection.execute(f"ALTER SCHEMA public OWNER TO {name}")
    yield {**postgres_database.params, "USER": name, "PASSWORD": "secret"}
    with postgres_database.connect() as connection:
        connection.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER")
        connection.execute(f"DROP ROLE {name}")


def test_whoever_owns_the_database_and_has_no_other_right_moves_and_goes_back(link, owner, postgres_database):
    goal = Goal("pg", Server.of(owner))
    assert move(target(link), goal, document()).result == "moved"
    assert_equal(link, postgres_database)
    assert undo(target(link), goal, document()).result == "undone"
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.execute("INSERT INTO tag VALUES ('it', 'is live')")


@pytest.mark.parametrize(
    ("damage", "table"),
    [
        ("UPDATE tag SET label = 'B' WHERE code = 'A'", "tag"),
        ("DELETE FROM pair WHERE b = 'y'", "pair"),
        ("INSERT INTO keyless VALUES (1, 'same')", "keyless"),
        ("UPDATE child SET amount = amount + 0.5 WHERE id = 7", "child"),
    ],
)
def test_a_row_that_differs_there_ends_the_move(link, goal, postgres_database, damage, table):
    def observer(when, step):
        if (when, step) == ("after", MoveStep.INDEXES):
            with postgres_database.connect() as connection:
                connection.execute("SELECT set_config('schemasync.move', 'on', false)")
                connection.execute(damage)

    with pytest.raises(Failed) as failure:
        move(target(link), replace(goal, observer=observer), document())
    (problem,) = failure.value.problems
    assert (str(problem.code), list(problem.facts["tables"])) == ("verify-differs", [table])
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.execute("INSERT INTO tag VALUES ('it', 'is live')")
    assert move(target(link), goal, document()).result == "moved"
    assert_equal(link, postgres_database)


def test_two_moves_to_one_schema_do_not_drop_what_the_other_has_made(link, goal, postgres_database, tmp_path):
    make(tmp_path / "other.sqlite3")
    refused = []

    def second(when, step):
        if (when, step) == ("before", MoveStep.COMPLETE):
            with pytest.raises(Busy) as failure:
                move(target(tmp_path / "other.sqlite3", wait=0.2), goal, document())
            refused.append([one.code for one in failure.value.problems])

    assert move(target(link), replace(goal, observer=second), document()).result == "moved"
    assert refused == [["move-at-work"]]
    assert_equal(link, postgres_database)


@pytest.mark.parametrize("value", ["'a' || char(0)", "x'ff'"])
def test_a_value_that_is_written_after_the_scan_and_does_not_fit_ends_the_move(link, goal, postgres_database, value):
    def observer(when, step):
        if (when, step) == ("before", MoveStep.RECORD):
            with closing(sqlite3.connect(link)) as connection, connection:
                connection.execute(f"INSERT INTO tag VALUES ('late', {value})")

    with pytest.raises(SchemasyncError) as failure:
        move(target(link), replace(goal, observer=observer), document())
    assert [one.code for one in failure.value.problems] == ["postgres-values"]
    with closing(sqlite3.connect(link)) as connection, connection:
        connection.execute("UPDATE tag SET label = 'fixed' WHERE code = 'late'")
    assert move(target(link), goal, document()).result == "moved"
    assert_equal(link, postgres_database)


def test_a_reader_of_postgres_does_not_make_a_move_that_is_done_fail(link, goal, postgres_database):
    with postgres_database.connect() as reader:

        def observer(when, step):
            if (when, step) == ("before", MoveStep.UNFENCE):
                reader.execute("BEGIN")
                reader.execute("SELECT * FROM parent")

        hasty = replace(goal, server=replace(goal.server, lock_timeout=0.2), observer=observer)
        assert move(target(link), hasty, document()).result == "moved"
        with postgres_database.connect() as writer:
            writer.execute("INSERT INTO parent (name) VALUES ('after')")
        reader.execute("COMMIT")
        move(target(link), goal, document())
        assert reader.execute("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal").fetchone() == (0,)


def test_an_undoing_that_fails_leaves_postgresql_open(link, goal, postgres_database):
    assert move(target(link), goal, document()).result == "moved"

    def observer(when, step):
        if (when, step) == ("after", MoveStep.CLOSE):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undo(target(link), replace(goal, observer=observer), document())
    with postgres_database.connect() as connection:
        connection.execute("INSERT INTO parent (name) VALUES ('after it failed')")
        connection.execute("DELETE FROM parent WHERE name = 'after it failed'")
    with closing(sqlite3.connect(link)) as connection, pytest.raises(sqlite3.Error, match="has moved to pg"):
        connection.execute("INSERT INTO parent (name) VALUES ('here')")


def test_a_row_with_null_in_its_key_that_is_written_meanwhile_ends_the_move(tmp_path, goal, postgres_database):
    tree = {"tag": {"code": "TEXT PRIMARY KEY", "label": "TEXT"}}
    link = made_of(tmp_path, tree, "INSERT INTO tag VALUES ('a', 'A')")
    observer = writes_before_the_second_round(link, "INSERT INTO tag VALUES (NULL, 'precious')")
    with pytest.raises(Failed, match="NULL in the primary key"):
        move(target(link), replace(goal, observer=observer), documents.read(json.dumps(tree).encode()))


def test_a_table_whose_name_is_an_alias_elsewhere_keeps_its_rows(tmp_path, goal, postgres_database):
    tree = {"k": {"x": "REAL PRIMARY KEY", "v": "TEXT"}}
    link = made_of(tmp_path, tree, *(f"INSERT INTO k VALUES ({number}.5, 'p')" for number in range(10)))
    observer = writes_before_the_second_round(link, "INSERT INTO k VALUES (100.5, 'late')")
    document = documents.read(json.dumps(tree).encode())
    assert move(target(link), replace(goal, observer=observer), document).result == "moved"
    assert len(rows_there(postgres_database, "k")) == 11


def made_of(folder, tree, *statements):
    link = folder / "own.sqlite3"
    sync(target(link), documents.read(json.dumps(tree).encode()))
    with closing(sqlite3.connect(link)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return link
