"""Copy and verification in several processes: of one snapshot of SQLite, and without a missing part."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from itertools import pairwise

import pytest

from schemasync.engines.postgres import processes as module
from schemasync.engines.postgres.connection import Target
from schemasync.engines.postgres.processes import parts_of, started
from schemasync.engines.postgres.types import FieldKind
from schemasync.engines.postgres.verify.tables import compare_table
from schemasync.engines.sqlite.for_postgres.reading import Changes
from schemasync.errors import Code, Failed, Refused

from .moving import both

DDL = """
PRAGMA journal_mode = WAL;
CREATE TABLE large (id INTEGER PRIMARY KEY, day DATE, note TEXT);
CREATE TABLE small (name TEXT PRIMARY KEY, large INTEGER) WITHOUT ROWID;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
    INSERT INTO large (day, note) SELECT '2026-11-29', 'note ' || i FROM n;
INSERT INTO small VALUES ('a', 1), ('b', 2);
"""
FIELDS = {"large": {"day": FieldKind("DateField")}}


@pytest.fixture
def pair(postgres_database, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGE", 1000)
    with both(postgres_database, DDL, FIELDS, {"large": {"day": "null"}}, tmp_path / "db.sqlite3") as made:
        yield made


def test_processes_copy_what_was_there_when_they_began(postgres_database, pair):
    target, seen, changes = Target.of(postgres_database.params), [], Changes()
    pair.source.execute("UPDATE large SET day = 'x' WHERE id = 4000")
    with started(pair.path, target, 2) as processes:
        pair.source.execute("BEGIN IMMEDIATE")
        processes.begin()
        with closing(sqlite3.connect(pair.path, isolation_level=None)) as before:
            before.executescript("BEGIN; SELECT * FROM large")
            pair.source.execute("ROLLBACK")
            pair.source.executescript(
                "UPDATE large SET note = 'later'; DELETE FROM small; INSERT INTO large (note) VALUES ('later')"
            )
            parts = parts_of(before, pair.tables.values())
            rows = processes.copy(parts, changes, lambda table, more: seen.append((table, more)))
            assert [compare_table(before, pair.target, table).differing for table in pair.tables.values()] == [0, 0]
            proofs = processes.compare(parts)
            assert {name: (proof.rows, proof.differing) for name, proof in proofs.items()} == {
                "large": (5000, 0),
                "small": (2, 0),
            }
            pair.target.execute("UPDATE large SET note = 'x' WHERE id IN (1, 2500); DELETE FROM large WHERE id = 5000")
            pair.target.execute("INSERT INTO large (id) VALUES (-7), (6000); UPDATE small SET large = 7")
            proofs = processes.compare(parts)
    assert (proofs["large"].differing, proofs["small"].differing) == (5, 2)
    assert sorted(row.key for row in proofs["large"].samples) == ["-7", "1", "2500", "5000", "6000"]
    assert rows == {"large": 5000, "small": 2}
    assert sum(more for _, more in seen) == 5002
    assert len([one for one in parts if one.table.name == "large"]) == 5
    assert changes.columns == {("large", "day")}


def test_a_value_that_does_not_fit_is_reported_by_the_process_that_met_it(postgres_database, pair):
    pair.source.execute("UPDATE large SET note = CAST(x'ff' AS TEXT) WHERE id = 4999")
    expected = pytest.raises(Failed, match=r"large\.note: the value in the row 4999 does not fit")
    with started(pair.path, Target.of(postgres_database.params), 2) as processes, expected as raised:
        processes.copy(parts_of(pair.source, pair.tables.values()), Changes())
    assert raised.value.code == Code.POSTGRES_VALUES


def test_a_process_that_is_killed_is_an_error(postgres_database, pair):
    with started(pair.path, Target.of(postgres_database.params), 1) as processes:
        os.kill(processes._workers[0].process.pid, signal.SIGKILL)
        with pytest.raises(Failed, match="exit code -9"):
            processes.copy(parts_of(pair.source, pair.tables.values()), Changes())


def test_a_database_that_cannot_be_reached_is_refused_and_leaves_no_process(pair):
    with pytest.raises(Refused) as raised, started(pair.path, Target.of({"HOST": "localhost", "PORT": "1"}), 2):
        pytest.fail("there is nothing to copy to")
    assert raised.value.code == Code.POSTGRES_UNREACHABLE


def test_tables_of_any_size_are_whole_in_their_parts(pair):
    pair.source.execute("DELETE FROM small")
    pair.source.executescript("DELETE FROM large WHERE id NOT IN (1, 5000); UPDATE large SET id = -9000 WHERE id = 1")
    parts = [part.rows for part in parts_of(pair.source, [pair.tables["large"]])]
    ordered = sorted(parts, key=lambda part: part.first)
    assert (ordered[0].first, ordered[-1].last) == (-(2**63), 2**63 - 1)
    assert all(one.last + 1 == other.first for one, other in pairwise(ordered))
    assert [part.rows for part in parts_of(pair.source, [pair.tables["small"]])] == [None]


def test_processes_are_used_too_on_a_system_without_cpu_affinity(monkeypatch):
    """Such as macOS."""
    with_affinity = module.useful()
    monkeypatch.delattr(os, "sched_getaffinity")
    assert 1 <= with_affinity <= module.useful() <= module.MOST


def test_parts_of_a_key_of_32_bits_are_compared(postgres_database, tmp_path, monkeypatch):
    """The last part has no end: the largest row id of SQLite has 64 bits."""
    monkeypatch.setattr(module, "LARGE", 1000)
    fields = {"large": {"id": FieldKind("AutoField"), **FIELDS["large"]}}
    with (
        both(postgres_database, DDL, fields, {}, tmp_path / "db.sqlite3") as pair,
        started(pair.path, Target.of(postgres_database.params), 2) as processes,
    ):
        processes.begin()
        parts = parts_of(pair.source, pair.tables.values())
        processes.copy(parts, Changes(), lambda table, more: None)
        proofs = processes.compare(parts)
        assert (proofs["large"].rows, proofs["large"].differing) == (5000, 0)
        pair.target.execute("INSERT INTO large (id) VALUES (2147483647)")
        assert processes.compare(parts)["large"].differing == 1
