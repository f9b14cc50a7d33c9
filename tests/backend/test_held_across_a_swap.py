"""Parts of a connection that Django and its users keep while the database is swapped: cursors, transactions,
settings."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager

import pytest
from django.db import IntegrityError, ProgrammingError, connections, models, transaction
from django.db.utils import OperationalError

from schemasync.backends.superseded import Superseded
from schemasync.engines.sqlite.connection_settings import PRAGMAS
from schemasync.engines.sqlite.fence import Fence, lower_fence, raise_fence
from schemasync.engines.sqlite.transactions import transaction as transaction_of
from schemasync.files.disk import DiskStep
from schemasync.sync.rollback import rollback
from schemasync.sync.run.target import target
from tests.live.ledger import ACCOUNTS

from .following import INSERT, keys, run, swap, wrapper

USING = "followed"
COUNT = "SELECT count(*) FROM moves"
FTS_INSERT = "INSERT INTO words (word) VALUES (%s)"


@contextmanager
def opened(link, django_db_blocker, **options):
    with django_db_blocker.unblock():
        connection = wrapper(link, **options)
        connections[USING] = connection
        try:
            yield connection
        finally:
            connection.close()
            del connections[USING]


@pytest.fixture
def deferred(link, django_db_blocker):
    with opened(link, django_db_blocker, transaction_mode="DEFERRED") as connection:
        yield connection


@pytest.fixture
def words(link):
    """A table of FTS5, which cannot have triggers: only the backend keeps writers out of a superseded one."""
    plain(link, "CREATE VIRTUAL TABLE words USING fts5 (word)")
    return lambda: {word for (word,) in plain(link, "SELECT word FROM words")}


def plain(link, sql, *values):
    with closing(sqlite3.connect(link, isolation_level=None)) as connection:
        return connection.execute(sql, values).fetchall()


def swap_back(link):
    rollback(target(link, wait=5.0), None, lambda ahead: True)


def between_fence_and_link(link, db, work, version=1):
    """Swap, and run `work` in a thread that starts when the old file is fenced and the link has not yet moved."""

    def worker():
        connections[USING] = db
        work()

    with ThreadPoolExecutor(1) as pool:
        begun = []

        def observer(when, label):
            if (when, label) == ("after", DiskStep.CUTOVER_FENCE):
                db.inc_thread_sharing()
                begun.append(pool.submit(worker))
                wait(begun, 0.2)
                assert not begun[0].done() or begun[0].exception(), "it waits for the link"

        swap(link, version, observer)
        begun[0].result(5)


# --- cursors -----------------------------------------------------------------------------------------------------


def test_a_cursor_that_is_kept_reads_and_writes_the_live_file(link, db):
    cursor = db.cursor()
    cursor.execute(INSERT, ["one"])
    for version in (1, 2):
        swap(link, version)
        plain(link, INSERT.replace("%s", "?"), f"of another {version}")
        if version == 2:
            run(db, "SELECT 1")  # another cursor makes the connection follow the link first
        assert cursor.execute(COUNT).fetchone() == (1 + 2 * version - 1,)
        cursor.execute(INSERT, [f"kept {version}"])
        assert cursor.rowcount == 1
    with transaction.atomic(using=USING):
        cursor.execute(INSERT, ["in a transaction"])
    cursor.executemany(INSERT, [["many 1"], ["many 2"]])
    assert cursor.rowcount == 2
    cursor.executescript("INSERT INTO moves (key, account, amount) VALUES ('script', 1, 0)")
    assert keys(link) == {
        *("one", "of another 1", "of another 2", "kept 1", "kept 2"),
        *("in a transaction", "many 1", "many 2", "script"),
    }


def test_an_executescript_of_a_kept_cursor_runs_on_the_live_file(link, db):
    cursor = db.cursor()
    swap(link)
    cursor.executescript("INSERT INTO moves (key, account, amount) VALUES ('script', 1, 0)")
    assert keys(link) == {"script"}


@pytest.mark.parametrize("mode", [None, "DEFERRED"])
def test_what_is_rolled_back_through_a_kept_cursor_is_gone(link, django_db_blocker, mode):
    """The file of the cursor is live again: the transaction must run on the connection on which it began."""
    with opened(link, django_db_blocker, **({"transaction_mode": mode} if mode else {})) as db:
        run(db, INSERT, "kept")
        swap(link)
        swap_back(link)
        swap(link, 2)
        cursor = db.cursor()
        cursor.execute("SELECT 1")
        for _ in range(2):
            swap_back(link)
            run(db, "SELECT 1")
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=USING):
            cursor.execute("UPDATE moves SET key = 'changed'")
            1 / 0  # noqa: B018
        assert "changed" not in keys(link)


def test_a_swap_there_and_back_delays_no_write(link, db):
    run(db, INSERT, "before")
    cursor = db.cursor()
    swap(link)
    swap_back(link)
    cursor.execute(INSERT, ["after"])
    assert keys(link) == {"before", "after"}


def test_a_write_that_waits_goes_on_where_the_file_is_opened_again(link, db):
    """The fence is lowered while the write waits, as by a link that moves to another file and back."""
    run(db, INSERT, "before")
    with closing(sqlite3.connect(link, isolation_level=None)) as other, ThreadPoolExecutor(1) as pool:
        with transaction_of(other):
            raise_fence(other, Fence(99, "0099-000000000000", "now"))
        db.inc_thread_sharing()
        waiting = pool.submit(run, db, INSERT, "waited")
        wait([waiting], 0.2)
        assert not waiting.done()
        with transaction_of(other):
            lower_fence(other)
        waiting.result(5)
    assert keys(link) == {"before", "waited"}


def test_a_closed_cursor_stays_closed(link, db):
    with db.cursor() as cursor:
        cursor.execute("SELECT 1")
    swap(link)
    with pytest.raises(ProgrammingError, match="closed cursor"):
        cursor.execute("SELECT 1")


def test_a_cursor_of_a_connection_that_was_closed_fails_as_with_django(link, db):
    cursor = db.cursor()
    db.close()
    for sql in ("SELECT 1", INSERT):
        with pytest.raises(ProgrammingError, match="closed database"):
            cursor.execute(sql)
    run(db, "SELECT 1")
    with pytest.raises(ProgrammingError, match="closed database"):
        cursor.execute("SELECT 1")


def test_a_cursor_from_before_a_swap_is_not_stale_after_close(link, db):
    cursor = db.cursor()
    swap(link)
    run(db, "SELECT 1")
    db.close()
    swap(link, 2)
    plain(link, INSERT.replace("%s", "?"), "new")
    assert cursor.execute(COUNT).fetchone() == (1,)


def test_an_iterator_reads_to_its_end_while_its_loop_writes_to_the_new_file(link, db):
    with django_model("accounts", balance=models.IntegerField()) as account:
        seen = []
        for one in account.objects.using(USING).order_by("id").iterator(chunk_size=2):
            if len(seen) == 3:
                swap(link)
            seen.append(one.id)
            account.objects.using(USING).filter(id=one.id).update(balance=1000 + one.id)
    assert seen == list(range(ACCOUNTS))
    assert plain(link, "SELECT count(*) FROM accounts WHERE balance = 1000 + id") == [(ACCOUNTS,)]


@contextmanager
def django_model(table, **fields):
    from django.apps import apps

    meta = type("Meta", (), {"app_label": "held", "db_table": table, "managed": False})
    try:
        yield type("Held", (models.Model,), {"__module__": __name__, "Meta": meta, **fields})
    finally:
        apps.all_models["held"].clear()
        apps.clear_cache()


def test_an_execute_wrapper_sees_each_statement_once(link, db):
    seen = []

    def wrapped(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    run(db, "SELECT 1")
    with db.execute_wrapper(wrapped):
        between_fence_and_link(link, db, lambda: run(db, INSERT, "one"))
    assert seen == [INSERT]
    assert keys(link) == {"one"}


def test_a_hook_on_commit_sees_the_live_file(link, db):
    seen = []

    def hook():
        swap(link)
        plain(link, INSERT.replace("%s", "?"), "new")
        seen.extend(run(db, COUNT))

    with transaction.atomic(using=USING, durable=True):
        run(db, INSERT, "one")
        transaction.on_commit(hook, using=USING)
    assert seen == [(2,)]


def test_several_rows_that_meet_the_fence_go_on_where_they_stopped(link, db):
    cursor = db.cursor()
    swapped = []

    def rows():
        for number in range(6):
            if number == 3:
                swapped.append(swap(link))
            yield [f"row {number}"]

    cursor.executemany(INSERT, rows())
    assert swapped
    assert keys(link) == {f"row {number}" for number in range(6)}
    assert plain(link, COUNT) == [(6,)]
    assert cursor.rowcount == -1, "not known"
    cursor.executemany(INSERT, [["last"]])
    assert cursor.rowcount == 1


# --- transactions ------------------------------------------------------------------------------------------------


def test_with_autocommit_off_reads_and_writes_go_to_the_live_file(link, db):
    transaction.set_autocommit(False, using=USING)
    run(db, INSERT, "one")
    transaction.commit(using=USING)
    swap(link)
    plain(link, INSERT.replace("%s", "?"), "of another")
    assert run(db, COUNT) == [(2,)]
    run(db, INSERT, "rolled back")
    transaction.rollback(using=USING)
    swap(link, 2)
    run(db, INSERT, "two")
    transaction.commit(using=USING)
    swap(link, 3)
    with transaction.atomic(using=USING):  # a savepoint begins the transaction
        run(db, INSERT, "three")
    transaction.commit(using=USING)
    assert keys(link) == {"one", "of another", "two", "three"}


def test_with_autocommit_off_a_write_that_meets_the_fence_goes_to_the_new_file(link, db):
    transaction.set_autocommit(False, using=USING)

    def work():
        run(db, INSERT, "one")
        run(db, INSERT, "two")
        transaction.commit(using=USING)

    between_fence_and_link(link, db, work)
    assert keys(link) == {"one", "two"}


def test_a_transaction_that_was_begun_by_a_statement_is_not_torn_apart(link, db):
    cursor = db.cursor()
    cursor.execute("begin deferred")
    cursor.execute(COUNT)
    swap(link)
    with pytest.raises(Superseded):
        cursor.execute(INSERT, ["on another file than its BEGIN"])
    cursor.execute("ROLLBACK")
    cursor.execute("BEGIN")
    cursor.execute(INSERT, ["once more"])
    cursor.execute("COMMIT")
    assert keys(link) == {"once more"}


def test_a_deferred_transaction_whose_first_statement_meets_a_swap_runs_on_the_new_file(link, deferred):
    with transaction.atomic(using=USING):
        swap(link)
        run(deferred, INSERT, "first")
    with transaction.atomic(using=USING):
        swap(link, 2)
        assert run(deferred, COUNT) == [(1,)]
        run(deferred, INSERT, "second")
    with transaction.atomic(using=USING):
        swap(link, 3)
        with transaction.atomic(using=USING):
            run(deferred, INSERT, "in a savepoint")
    assert keys(link) == {"first", "second", "in a savepoint"}


def test_several_rows_as_the_first_statement_of_a_deferred_transaction_run_once(link, deferred):
    with transaction.atomic(using=USING):
        swap(link)
        deferred.cursor().executemany(INSERT, [["one"], ["two"]])
    assert keys(link) == {"one", "two"}


def test_a_deferred_transaction_that_writes_first_waits_for_another_writer(link, deferred):
    """As with Django's own backend. A transaction that had read first would fail at once, as its snapshot is old."""
    with transaction.atomic(using=USING):
        plain(link, INSERT.replace("%s", "?"), "of another")
        run(deferred, INSERT, "mine")
    assert keys(link) == {"of another", "mine"}


def test_threads_that_share_a_connection_follow_together(link, db):
    db.inc_thread_sharing()
    cursors = [db.cursor() for _ in range(4)]
    turn = threading.Lock()  # sqlite3 requires a lock: https://docs.python.org/3/library/sqlite3.html#sqlite3.connect

    def work(number):
        for count in range(40):
            with turn:
                cursors[number].execute(INSERT, [f"{number}-{count}"])

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work, number) for number in range(4)]
        swap(link)
        for one in working:
            one.result()
    assert keys(link) == {f"{number}-{count}" for number in range(4) for count in range(40)}


# --- virtual tables ----------------------------------------------------------------------------------------------


def test_executemany_without_rows_does_nothing_in_a_file_with_a_virtual_table(db, words):
    db.cursor().executemany(INSERT, [])


def test_a_write_to_a_virtual_table_by_a_kept_cursor_is_in_the_live_file(link, db, words):
    cursor = db.cursor()
    cursor.execute(FTS_INSERT, ["one"])
    swap(link)
    cursor.execute(FTS_INSERT, ["two"])
    swap(link, 2)
    run(db, "SELECT 1")
    cursor.execute(FTS_INSERT, ["three"])
    cursor.executemany(FTS_INSERT, [["four"], ["five"]])
    assert words() == {"one", "two", "three", "four", "five"}


@pytest.mark.parametrize("how", ["autocommit", "many", "off", "atomic", "begin"])
def test_a_write_to_a_virtual_table_of_a_fenced_file_goes_to_the_new_one(link, db, words, how):
    run(db, FTS_INSERT, "before")
    if how == "off":
        transaction.set_autocommit(False, using=USING)

    def work():
        with db.cursor() as cursor:
            if how == "begin":
                cursor.execute("begin")
            if how == "many":
                cursor.executemany(FTS_INSERT, [["met the fence"], ["met it too"]])
            elif how == "atomic":
                with transaction.atomic(using=USING):
                    cursor.execute(FTS_INSERT, ["met the fence"])
            else:
                cursor.execute(FTS_INSERT, ["met the fence"])
            if how == "begin":
                cursor.execute("commit")
        if how == "off":
            transaction.commit(using=USING)

    between_fence_and_link(link, db, work)
    assert words() == {"before", "met the fence", *(["met it too"] if how == "many" else [])}


@pytest.mark.parametrize("nested", [False, True])
def test_a_deferred_write_to_a_virtual_table_goes_to_the_new_file(link, deferred, words, nested):
    def work():
        with transaction.atomic(using=USING):
            if nested:
                with transaction.atomic(using=USING):
                    run(deferred, FTS_INSERT, "met the fence")
            else:
                run(deferred, FTS_INSERT, "met the fence")

    between_fence_and_link(link, deferred, work)
    assert words() == {"met the fence"}


def test_several_rows_into_a_virtual_table_are_undone_where_a_swap_came_before_them(link, deferred, words):
    def work():
        with transaction.atomic(using=USING):
            deferred.cursor().executemany(FTS_INSERT, [["one"], ["two"]])

    with pytest.raises(Superseded):
        between_fence_and_link(link, deferred, work)
    assert words() == set()
    work()
    assert words() == {"one", "two"}


def test_a_query_is_explained_beside_a_writer_where_there_are_virtual_tables(link, django_db_blocker, words):
    """EXPLAIN writes to none of these tables, so it needs no lock."""
    with opened(link, django_db_blocker, timeout=0.1) as db, closing(sqlite3.connect(link)) as writer:
        writer.execute("INSERT INTO words (word) VALUES ('not committed')")
        assert run(db, "EXPLAIN QUERY PLAN SELECT * FROM moves")
        with pytest.raises(OperationalError, match="no such table"):
            run(db, "UPDATE missing SET x = 1")


def test_a_failing_write_to_a_virtual_table_keeps_what_autocommit_keeps(link, db, words):
    cursor = db.cursor()
    insert = "INSERT INTO words (rowid, word) VALUES (%s, %s)"
    with pytest.raises(IntegrityError):
        cursor.executemany(insert, [[1, "one"], [2, "two"], [1, "again"], [3, "never"]])
    assert words() == {"one", "two"}
    assert not db.connection.in_transaction


# --- settings of the connection ----------------------------------------------------------------------------------

OTHERS = {
    "busy_timeout": 4321,
    "cache_size": -4567,
    "cache_spill": 0,
    "journal_size_limit": 65536,
    "locking_mode": "normal",
    "max_page_count": 99999,
    "mmap_size": 65536,
    "secure_delete": 2,
    "synchronous": 2,
    "temp_store": 2,
    "threads": 2,
    "trusted_schema": 0,
    "wal_autocheckpoint": 77,
    "analysis_limit": 321,
    "automatic_index": 0,
    "foreign_keys": 0,
}


@pytest.mark.slow(
    but=[
        "query_only",
        "foreign_keys",
        "busy_timeout",
        "synchronous",
        "recursive_triggers",
        "locking_mode",
        "cache_size",
    ]
)
@pytest.mark.parametrize("pragma", PRAGMAS)
def test_a_pragma_stays_as_it_was_set(link, db, pragma):
    wanted = OTHERS.get(pragma, 1)
    said = "FAST" if (pragma, wanted) == ("secure_delete", 2) else wanted
    run(db, f"PRAGMA {pragma}={said}")
    before = run(db, f"PRAGMA {pragma}")
    assert before == [(wanted,)]
    old = db.connection
    swap(link)
    assert run(db, f"PRAGMA {pragma}") == before
    assert db.connection is not old


def test_foreign_keys_are_still_off_inside_a_transaction_of_the_schema_editor(link, db):
    """Django rebuilds a parent table by dropping it: with foreign keys on, that would delete the rows of its
    children."""
    plain(link, "CREATE TABLE parent (id INTEGER PRIMARY KEY, a TEXT)")
    plain(link, "CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent ON DELETE CASCADE)")
    plain(link, "INSERT INTO parent VALUES (1, 'p')")
    plain(link, "INSERT INTO child VALUES (1, 1), (2, 1)")
    run(db, "SELECT 1")
    with django_model("parent", a=models.TextField(null=True)) as parent:
        editor = db.schema_editor()
        disable = db.disable_constraint_checking

        def then_a_swap_comes():
            disabled = disable()
            swap(link)
            return disabled

        db.disable_constraint_checking = then_a_swap_comes
        with editor:
            field = parent._meta.get_field("a")
            editor._remake_table(parent, alter_fields=[(field, field)])
    assert plain(link, "SELECT count(*) FROM child") == [(2,)]
    assert run(db, "PRAGMA foreign_keys") == [(1,)]


def test_constraint_checks_that_are_disabled_stay_so(link, db):
    with db.constraint_checks_disabled():
        swap(link)
        run(db, "INSERT INTO moves (key, account, amount) VALUES ('orphan', 999999, 0)")
    swap(link, 2)
    assert run(db, "PRAGMA foreign_keys") == [(1,)]
    assert keys(link) == {"orphan"}


def test_what_was_registered_on_the_raw_connection_stays_registered(link, db):
    class Longest:
        def __init__(self):
            self.found = ""

        def step(self, text):
            self.found = max(self.found, text, key=len)

        def finalize(self):
            return self.found

    asked = []
    db.ensure_connection()
    raw = db.connection
    raw.create_function("slug", 1, lambda text: "replaced")
    raw.create_function(name="slug", narg=1, func=lambda text: text.lower(), deterministic=True)
    raw.create_aggregate("longest", 1, Longest)
    raw.create_collation("backwards", lambda a, b: (a < b) - (a > b))
    raw.set_trace_callback(asked.append)
    raw.text_factory = lambda data: data.decode().upper()
    for version in (1, 2):
        swap(link, version)
        assert run(db, "SELECT slug('AbC'), longest(v) FROM (SELECT 'a' AS v UNION SELECT 'bb')") == [("ABC", "BB")]
        assert run(db, "SELECT v FROM (SELECT 'a' AS v UNION SELECT 'b') ORDER BY v COLLATE backwards") == [
            ("B",),
            ("A",),
        ]
    assert any("slug" in sql for sql in asked)
    assert db.connection is not raw


class Loading(sqlite3.Connection):
    """A connection that loads extensions as sqlite3 does, only while that is enabled, for a Python built without it."""

    is_enabled = False
    missing = ()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.loaded = []

    def enable_load_extension(self, enabled):
        self.is_enabled = enabled

    def load_extension(self, name):
        if not self.is_enabled:
            raise sqlite3.OperationalError("not authorized")
        if name in self.missing:
            raise sqlite3.OperationalError("cannot open shared object file")
        self.loaded.append(name)


@pytest.fixture
def loading(link, django_db_blocker):
    with opened(link, django_db_blocker, factory=Loading) as connection:
        connection.ensure_connection()
        yield connection


@pytest.mark.parametrize("after", [False, True])
def test_extensions_are_loaded_again_and_loading_stays_as_it_was_left(link, loading, after):
    for name in ("first", "second"):
        loading.connection.enable_load_extension(True)
        loading.connection.load_extension(name)
        loading.connection.enable_load_extension(after)
    for version in (1, 2):
        swap(link, version)
        run(loading, "SELECT 1")
        assert loading.connection.loaded == ["first", "second"]
        assert loading.connection.is_enabled is after


def test_what_can_be_carried_over_is_where_an_extension_is_gone(link, loading, monkeypatch):
    raw = loading.connection
    raw.enable_load_extension(True)
    raw.load_extension("there")
    raw.load_extension("later")
    raw.enable_load_extension(False)
    raw.create_function("slug", 1, lambda text: text.lower())
    raw.execute("PRAGMA foreign_keys=OFF")
    raw.text_factory = lambda data: data.decode().upper()
    swap(link)
    monkeypatch.setattr(Loading, "missing", ("later",))
    with pytest.raises(OperationalError, match="cannot open"):
        run(loading, "SELECT 1")
    assert loading.connection is not raw
    assert loading.connection.loaded == ["there"]
    assert run(loading, "SELECT slug('A') || 'b'") == [("AB",)]
    assert run(loading, "PRAGMA foreign_keys") == [(0,)]


def test_an_authorizer_does_not_keep_pragmas_from_being_carried_over(link, db):
    def refuses_to_write_pragmas(action, name, value, *rest):
        return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_PRAGMA and value else sqlite3.SQLITE_OK

    run(db, "PRAGMA cache_size=-1234")
    db.connection.set_authorizer(refuses_to_write_pragmas)
    swap(link)
    assert run(db, "PRAGMA cache_size") == [(-1234,)]
    with pytest.raises(Exception, match="not authorized"):
        run(db, "PRAGMA cache_size=1")


def test_connecting_again_and_again_makes_no_class_for_each_connection(link, db):
    db.ensure_connection()
    first = type(db.connection)
    swap(link)
    db.ensure_connection()
    followed = type(db.connection)
    db.close()
    db.ensure_connection()
    assert first is followed is type(db.connection)


def test_an_authorizer_goes_on_guarding(link, db):
    db.ensure_connection()
    db.connection.set_authorizer(
        lambda action, *rest: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_DELETE else sqlite3.SQLITE_OK
    )
    swap(link)
    with pytest.raises(Exception, match="not authorized"):
        run(db, "DELETE FROM moves")


def test_what_a_receiver_registers_is_that_of_the_new_connection(link, db):
    """The function may query its own connection, and that of the old file would return old rows."""
    from django.db.backends.signals import connection_created

    def receiver(sender, connection, **kwargs):
        raw = connection.connection
        raw.create_function("moves_here", 0, lambda: raw.execute(COUNT).fetchone()[0])

    connection_created.connect(receiver)
    try:
        assert run(db, "SELECT moves_here()") == [(0,)]
        for version in (1, 2):
            swap(link, version)
            run(db, INSERT, f"row {version}")
            assert run(db, "SELECT moves_here()") == [(version,)]
    finally:
        connection_created.disconnect(receiver)


def test_a_receiver_that_fails_loses_no_setting(link, db):
    from django.db.backends.signals import connection_created

    def receiver(sender, connection, **kwargs):
        raise ZeroDivisionError

    run(db, "PRAGMA foreign_keys=OFF")
    connection_created.connect(receiver)
    swap(link)
    with pytest.raises(ZeroDivisionError):
        run(db, "SELECT 1")
    connection_created.disconnect(receiver)
    assert run(db, "PRAGMA foreign_keys") == [(0,)]


def test_a_factory_of_connections_is_kept(link, django_db_blocker):
    class Mine(sqlite3.Connection):
        def greet(self):
            return "hello"

    with opened(link, django_db_blocker, factory=Mine) as db:
        db.ensure_connection()
        db.connection.create_function("one", 0, lambda: 1)
        swap(link)
        assert run(db, "SELECT one()") == [(1,)]
        assert db.connection.greet() == "hello"


def test_temporary_tables_and_attached_files_are_left_behind_and_named_in_the_log(link, db, caplog, tmp_path):
    run(db, "CREATE TEMP TABLE mine (x)")
    run(db, "ATTACH %s AS beside", str(tmp_path / "beside.sqlite3"))
    swap(link)
    run(db, "SELECT 1")
    assert 'TEMP table "mine"' in caplog.text
    assert 'the attached database "beside"' in caplog.text
    for sql in ("SELECT * FROM mine", "SELECT * FROM beside.sqlite_schema"):
        with pytest.raises(OperationalError, match="no such table"):
            run(db, sql)


# --- the raw connection ------------------------------------------------------------------------------------------


def test_a_raw_connection_is_live_after_ensure_connection(link, db):
    db.ensure_connection()
    kept = db.connection
    swap(link)
    plain(link, INSERT.replace("%s", "?"), "new")
    assert kept.execute(COUNT).fetchone() == (0,), "what is kept by hand reads old rows"
    with pytest.raises(sqlite3.OperationalError, match="schemasync: superseded"):
        kept.execute(INSERT.replace("%s", "?"), ["never"])
    db.ensure_connection()
    assert db.connection.execute(COUNT).fetchone() == (1,)


def test_a_connection_that_was_closed_in_a_transaction_fails_as_with_django(link, db):
    with pytest.raises(ProgrammingError), transaction.atomic(using=USING):
        db.close()
        swap(link)
        run(db, "SELECT 1")
    run(db, INSERT, "after")
    assert keys(link) == {"after"}
