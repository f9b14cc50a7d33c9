"""Every case of tests/cases, rolled back with its rows: values that were not written in between are as before, or the
rollback is refused."""

import tempfile
from collections import Counter
from pathlib import Path

import pytest

from schemasync.diff.hint_keys import Rows
from schemasync.errors import Code, SchemasyncError
from schemasync.history.lineage import Lineage
from schemasync.history.rows import hints_of
from schemasync.history.way_back import way_back
from schemasync.schema.names import fold
from schemasync.sync.keep_writes import KeepWritesOptions, keep_writes
from schemasync.sync.run.reading import reading
from schemasync.sync.run.target import target as target_of
from schemasync.sync.runner import sync
from tests.oracle import cases, check

MEMORY = Path("/dev/shm")
CASES = [case for case in cases.load() if any(step.refused is None for step in case.steps)]
IN_THE_GATE = 40  # one in this many cases
RUNS = [
    pytest.param(case, id=f"{case.place}: {case.name}", marks=[pytest.mark.slow] * (number % IN_THE_GATE != 0))
    for number, case in enumerate(CASES)
]


@pytest.fixture
def folder(tmp_path):
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="schemasync-cases-") as name:
        yield Path(name)


@pytest.mark.parametrize("case", RUNS)
def test_what_was_not_written_since_comes_back_or_is_refused(case, folder):
    target = target_of(folder / "db.sqlite3", wait=5.0, actor="cases")
    check._begin(case, target)
    check.write(target, case.rows)
    for step in case.steps:
        check.write(target, step.rows, step.by_hand)
        if step.refused is not None:
            continue
        before = check.contents(target)
        if sync(target, step.document, step.options).result == "synced":
            lead_back(target, before)
            return


def lead_back(target, before):
    after, made = check.contents(target), rows_made(target)
    if is_led_back(target, before, made):
        is_led_back(target, after, set())


def rows_made(target):
    """Return the tables into which the last sync wrote rows of schema.json."""
    with reading(target) as now:
        return {key.table for key in hints_of(now.newest) if isinstance(key, Rows)}


def is_led_back(target, wanted, made):
    """Roll back with the rows. Return False if it is refused; otherwise assert that columns that no sync changed have
    the wanted values. Values that a sync converted stay as they are today."""
    there = check.contents(target)
    with reading(target) as now:
        way = way_back(Lineage(now.rows), now.newest.previous, now.newest.generation)
    try:
        done = keep_writes(target, None, KeepWritesOptions(), lambda ahead: True)
    except SchemasyncError as error:
        codes = {problem.code for problem in error.problems}
        assert codes <= {Code.CANNOT_KEEP_WRITES, Code.HAZARD, Code.CANNOT_FOLLOW_WRITES, Code.SQLITE_REFUSES}, str(
            error
        )
        assert check.contents(target) == there
        return False
    found = check.contents(target)
    assert found.header == wanted.header
    assert set(map(fold, found.tables)) == set(map(fold, wanted.tables))
    archived = {(one.table, one.column) for one in done.ahead.columns}
    for name, table in wanted.tables.items():
        same = way.same.get(name, ("", {}))[1]
        stays = [c for c in table.columns if name not in way.names or c in same or (name, c) in archived]
        rows = values(found.tables[name], stays)
        lacking = Counter(values(table, stays)) - Counter(rows)
        assert not lacking, name
        assert len(rows) == len(table.rows) or fold(name) in made, name
    return True


def values(content, columns):
    places = [content.columns.index(name) for name in columns]
    return [tuple(row[place] for place in places) for _, row in content.rows]
