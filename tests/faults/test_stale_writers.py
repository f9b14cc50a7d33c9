"""Programs that keep a connection open across a swap: every write fails with an error, and none seems to succeed.
It is never an IntegrityError, which code may expect and ignore."""

import pytest

from schemasync.sync.adopt import adopt
from schemasync.sync.rollback import rollback
from schemasync.sync.runner import sync
from tests.crash.databases import WRITE, dump, fence_of, first, notes, read, whole
from tests.crash.processes import Child, Stranger, child, sqlite

FENCE = "OperationalError: no such table: main.schemasync: superseded, open the database again"

TABLES = {
    "plain": {"id": "INTEGER PRIMARY KEY", "v": "TEXT UNIQUE", "n": "INTEGER NOT NULL DEFAULT 0"},
    "strictly": {"id": "INTEGER PRIMARY KEY", "v": "TEXT UNIQUE", "_strict": True},
    "without": {"k": "TEXT PRIMARY KEY", "v": "TEXT UNIQUE", "_without_rowid": True},
    'od"d name': {"id": "INTEGER PRIMARY KEY", "v": "TEXT"},
    "parent": {"id": "INTEGER PRIMARY KEY"},
    "kid": {"id": "INTEGER PRIMARY KEY", "up": "INTEGER REFERENCES parent(id) ON DELETE CASCADE"},
    "logged": {
        "id": "INTEGER PRIMARY KEY",
        "v": "TEXT",
        "_triggers": {"log_it": "AFTER INSERT ON logged BEGIN INSERT INTO log VALUES (new.v); END"},
    },
    "log": {"v": "TEXT"},
    "text": {"_virtual": "fts5(body)"},
    "_views": {
        "seen": {
            "select": "SELECT id, v FROM plain",
            "triggers": {"write_through": "INSTEAD OF INSERT ON seen BEGIN INSERT INTO plain (v) VALUES (new.v); END"},
        }
    },
}

STATEMENTS = {
    "insert": "INSERT INTO plain (v) VALUES ('new')",
    "insert or ignore": "INSERT OR IGNORE INTO plain (id, v) VALUES (1, 'a')",
    "insert or replace": "INSERT OR REPLACE INTO plain (id, v) VALUES (1, 'b')",
    "insert or fail": "INSERT OR FAIL INTO plain (id, v) VALUES (1, 'a')",
    "insert or abort": "INSERT OR ABORT INTO plain (id, v) VALUES (1, 'a')",
    "insert or rollback": "INSERT OR ROLLBACK INTO plain (id, v) VALUES (1, 'a')",
    "replace": "REPLACE INTO plain (id, v) VALUES (1, 'c')",
    "insert default values": "INSERT INTO plain DEFAULT VALUES",
    "insert select": "INSERT INTO plain (v) SELECT 'x' || v FROM plain",
    "insert nothing": "INSERT INTO plain (v) SELECT v FROM plain WHERE 0",
    "insert returning": "INSERT INTO plain (v) VALUES ('r') RETURNING id",
    "upsert do nothing": "INSERT INTO plain (id, v) VALUES (1, 'a') ON CONFLICT DO NOTHING",
    "upsert do update": "INSERT INTO plain (id, v) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET n = n + 1",
    "insert that would violate": "INSERT INTO plain (v) VALUES ('a')",
    "update": "UPDATE plain SET n = 5",
    "update or ignore": "UPDATE OR IGNORE plain SET v = 'a'",
    "update or replace": "UPDATE OR REPLACE plain SET v = 'a'",
    "update of nothing": "UPDATE plain SET n = 5 WHERE id = 999",
    "update from": "UPDATE plain SET n = 9 FROM parent WHERE parent.id = plain.id",
    "update returning": "UPDATE plain SET n = 5 RETURNING id",
    "delete": "DELETE FROM plain WHERE id = 1",
    "delete of everything": "DELETE FROM plain",
    "delete of nothing": "DELETE FROM plain WHERE id = 999",
    "strict insert": "INSERT INTO strictly (v) VALUES ('new')",
    "strict delete": "DELETE FROM strictly",
    "without rowid insert": "INSERT INTO without VALUES ('k2', 'v2')",
    "without rowid replace": "REPLACE INTO without VALUES ('k', 'other')",
    "without rowid upsert": "INSERT INTO without VALUES ('k', 'x') ON CONFLICT (k) DO UPDATE SET v = 'x'",
    "without rowid update": "UPDATE without SET v = 'w'",
    "without rowid delete": "DELETE FROM without",
    "odd name": 'INSERT INTO "od""d name" (v) VALUES (1)',
    "cascade": "DELETE FROM parent",
    "through a trigger": "INSERT INTO logged (v) VALUES ('l')",
    "through a view": "INSERT INTO seen (v) VALUES ('s')",
    "our own history": "DELETE FROM _schema_versions",
    "with": "WITH x(v) AS (SELECT 'w') INSERT INTO plain (v) SELECT v FROM x",
    "rename": "ALTER TABLE plain RENAME TO other",
    "drop column": "ALTER TABLE plain DROP COLUMN n",
}
"""The writes that a stale program may try. The last two fail because SQLite itself runs the triggers for them."""


@pytest.fixture(scope="session")
def before(memory):
    database = first(memory / "stale")
    database.sync(TABLES)
    database.run(
        "INSERT INTO plain VALUES (1, 'a', 0), (2, 'b', 0); INSERT INTO strictly VALUES (1, 'a');"
        "INSERT INTO without VALUES ('k', 'v'); INSERT INTO parent VALUES (1); INSERT INTO kid VALUES (1, 1);"
        "INSERT INTO \"od\"\"d name\" VALUES (1, 'x'); INSERT INTO text VALUES ('some words')"
    )
    return database


@pytest.fixture
def database(before, tmp_path):
    return before.copy(tmp_path / "w")


AFTER = {**TABLES, "plain": {**TABLES["plain"], "extra": "TEXT"}}


def test_every_write_of_a_stale_connection_fails_with_the_message(database):
    """The connections were open and had read before the swap. Each runs statements prepared before and after it."""
    with Stranger() as stranger:
        stranger.open("a", database.link)
        stranger.execute("a", "SELECT count(*) FROM plain")
        stranger.execute("a", "PRAGMA foreign_keys=ON")
        for sql in STATEMENTS.values():
            stranger.execute("a", "BEGIN")
            answer = stranger.execute("a", sql)  # before the swap it works, or violates a constraint
            assert not isinstance(answer, str) or answer.startswith("IntegrityError"), (sql, answer)
            stranger.execute("a", "ROLLBACK")
        database.sync(AFTER)
        old = database.files()[0]
        kept = dump(old)
        wrong = {name: stranger.execute("a", sql) for name, sql in STATEMENTS.items()}
        allowed = {"drop column"}  # SQLite parses the triggers for it, and fails with an error of its own
        assert {name: answer for name, answer in wrong.items() if not is_fence(answer)}.keys() <= allowed
        assert all(str(answer).startswith("OperationalError") for answer in wrong.values()), wrong
        assert dump(old) == kept
        assert whole(old)


def is_fence(answer):
    return isinstance(answer, str) and answer.startswith("OperationalError") and "schemasync: superseded" in answer


@pytest.mark.parametrize("begin", ["BEGIN", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "SAVEPOINT s"])
def test_a_transaction_that_begins_afterwards_writes_nothing(database, begin):
    with Stranger() as stranger:
        stranger.open("a", database.link)
        stranger.execute("a", "SELECT count(*) FROM plain")
        database.sync(AFTER)
        assert stranger.execute("a", begin) == []
        assert is_fence(stranger.execute("a", STATEMENTS["insert"]))
        assert is_fence(stranger.execute("a", STATEMENTS["insert or ignore"]))
        stranger.execute("a", "COMMIT")
    assert dump(database.files()[0])["rows"]["plain"] == [(1, "a", 0), (2, "b", 0)]


def test_a_transaction_that_read_before_the_swap_cannot_write_after_it(database):
    with Stranger() as stranger:
        stranger.open("a", database.link)
        stranger.execute("a", "BEGIN")
        stranger.execute("a", "SELECT count(*) FROM plain")
        database.sync(AFTER)
        answer = stranger.execute("a", STATEMENTS["insert"])
        assert answer.startswith("OperationalError"), answer
        stranger.execute("a", "ROLLBACK")
        assert is_fence(stranger.execute("a", STATEMENTS["insert"]))


@pytest.mark.slow(but=["trusted_schema=OFF", "locking_mode=EXCLUSIVE", "recursive_triggers=ON"])
@pytest.mark.parametrize(
    "pragma",
    [
        "foreign_keys=ON",
        "recursive_triggers=ON",
        "trusted_schema=OFF",
        "defer_foreign_keys=ON",
        "ignore_check_constraints=ON",
        "synchronous=OFF",
        "locking_mode=EXCLUSIVE",
        "legacy_alter_table=ON",
        "cell_size_check=ON",
        "reverse_unordered_selects=ON",
    ],
)
def test_settings_of_a_connection_do_not_open_the_fence(database, pragma):
    with Stranger() as stranger:
        stranger.open("a", database.link)
        stranger.execute("a", "SELECT count(*) FROM plain")
        database.sync(AFTER)
        stranger.execute("a", f"PRAGMA {pragma}")
        for name in ("insert", "insert or ignore", "update of nothing", "delete of everything", "replace"):
            assert is_fence(stranger.execute("a", STATEMENTS[name])), (pragma, name)


def test_attached_under_another_name_it_is_closed_as_well(database):
    with Stranger() as stranger:
        stranger.open("a", database.link)
        database.sync(AFTER)
        stranger.execute("a", "ATTACH ? AS other", str(database.files()[0]))
        assert is_fence(stranger.execute("a", "INSERT INTO other.plain (v) VALUES ('x')"))


def test_the_message_names_what_to_do(database):
    with Stranger() as stranger:
        stranger.open("a", database.link)
        database.sync(AFTER)
        assert stranger.execute("a", STATEMENTS["insert"]) == FENCE
        stranger.open("b", database.link)
        assert stranger.execute("b", STATEMENTS["insert"]) == []


def test_reading_goes_on_with_every_statement(database):
    with Stranger() as stranger:
        stranger.open("a", database.link)
        database.sync(AFTER)
        assert stranger.execute("a", "SELECT v FROM plain ORDER BY id") == [("a",), ("b",)]
        assert stranger.execute("a", "SELECT body FROM text WHERE text MATCH 'words'") == [("some words",)]
        assert stranger.execute("a", "SELECT count(*) FROM kid JOIN parent ON parent.id = kid.up") == [(1,)]


def test_a_transaction_that_is_open_when_the_fence_goes_in_is_waited_for_and_kept(database):
    """The transaction has written and not yet committed. The run waits for it, and copies its rows."""
    with Stranger() as stranger:
        stranger.open("a", database.link)
        stranger.execute("a", "BEGIN IMMEDIATE")
        stranger.execute("a", "INSERT INTO plain (v) VALUES ('in flight')")
        running = Child(lambda: sync(database.target(wait=20.0), read(AFTER)).result)
        assert stranger.execute("a", "INSERT INTO plain (v) VALUES ('in flight too')") == []
        assert stranger.execute("a", "COMMIT") == []
        assert running.ended().result() == "synced"
    assert {"in flight", "in flight too"} <= {row[1] for row in dump(database.link)["rows"]["plain"]}


def test_the_old_plain_file_of_an_adoption_is_closed_in_both_journal_modes(prepare, tmp_path):
    """An idle connection still has the old file open, which has no name any more, and must not write to it."""
    for journal in ("adopt_wal", "adopt_journal"):
        database = prepare(journal).copy(tmp_path / journal)
        with Stranger() as stranger:
            stranger.open("read", database.link)
            stranger.execute("read", "SELECT count(*) FROM ledger")
            stranger.open("fresh", database.link)
            child(lambda database=database: adopt(database.target(), None)).result()
            for name in ("read", "fresh"):
                assert is_fence(stranger.execute(name, WRITE, "stale")), journal
            stranger.open("new", database.link)
            assert stranger.execute("new", WRITE, "new") == []
            # SQLite would apply its log to a file that somebody puts there later
            assert [name for name in database.names()[""] if name.startswith(f"{database.link.name}-")] == [], journal
        assert notes(database.link) >= {"new"}
        assert "stale" not in notes(database.link)


def test_after_a_swap_back_the_file_that_was_left_is_closed_and_the_other_is_open(prepare, tmp_path):
    database = prepare("fresh").copy(tmp_path / "w")
    with Stranger() as stranger:
        stranger.open("second", database.link)
        stranger.open("first", database.files()[0])
        assert stranger.execute("second", WRITE, "set aside") == []
        assert is_fence(stranger.execute("first", WRITE, "no"))
        child(lambda: rollback(database.target(), None, lambda ahead: True)).result()
        assert is_fence(stranger.execute("second", WRITE, "no"))
        # SQLite caches the schema until it reads again: that is safe, and the message is still right
        stranger.execute("first", "SELECT count(*) FROM ledger")
        assert stranger.execute("first", WRITE, "open again") == []
    assert "open again" in notes(database.link)
    assert "set aside" in notes(database.files()[1])
    child(lambda: rollback(database.target(), None, lambda ahead: True)).result()
    assert "set aside" in notes(database.link)
    assert fence_of(database.files()[0]).swap > 1


def test_what_a_fence_lets_through_is_what_the_documentation_says(database):
    """A stale foreign connection can still CREATE, DROP, ADD COLUMN, VACUUM, set user_version, write virtual tables."""
    database.sync(AFTER)
    with sqlite(database.files()[0]) as connection:
        connection.execute("CREATE TABLE passes (x)")
        connection.execute("DROP TABLE log")
        connection.execute("ALTER TABLE parent ADD COLUMN passes")
        connection.execute("PRAGMA user_version=7")
        connection.execute("INSERT INTO text VALUES ('passes')")
        connection.execute("VACUUM")
    assert fence_of(database.files()[0]) is not None
    assert database.recovered() == ()
