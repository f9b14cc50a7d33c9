"""The database of every case of tests/cases, with every column masked that can be: the copy is whole, has the same
shape and no old text, or it is refused with a code."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from schemasync.engines.sqlite.rebuild.external_content import arguments
from schemasync.errors import Code, SchemasyncError
from schemasync.masking.masker import MaskKind
from schemasync.masking.rules import Rules, Whole
from schemasync.schema.names import fold
from schemasync.sync.masked_snapshot import masked_snapshot
from schemasync.sync.run.reading import reading
from schemasync.sync.run.target import target as target_of
from schemasync.testing.content import dump
from tests.oracle import cases, check

MEMORY = Path("/dev/shm")
IN_THE_GATE = 60  # one in this many cases
RUNS = [
    pytest.param(case, id=f"{case.place}: {case.name}", marks=[pytest.mark.slow] * (number % IN_THE_GATE != 0))
    for number, case in enumerate(cases.load())
]
CODES = {Code.BAD_MASK, Code.MASK_FAILED, Code.NO_ROWID_NAME}
LONG = 7  # letters: shorter texts may be in a file by accident


@pytest.fixture
def folder(tmp_path):
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="schemasync-cases-") as name:
        yield Path(name)


@pytest.mark.parametrize("case", RUNS)
def test_every_column_that_can_be_is_masked(case, folder):
    target, copy = target_of(folder / "db.sqlite3", wait=5.0, actor="cases"), folder / "copy.sqlite3"
    check._begin(case, target)
    check.write(target, case.rows)
    check.write(target, case.steps[0].rows, case.steps[0].by_hand)
    rules = masked(target, copy)
    if rules is None:
        assert [path.name for path in folder.glob("copy*")] == []
        return
    with reading(target) as now:
        generated = {t.name for t in now.inspect().schema.tables if any(c.generated is not None for c in t.columns)}
    before = check.contents(target)
    with closing(sqlite3.connect(copy)) as connection:
        connection.create_collation("german", lambda one, other: (one > other) - (one < other))
        after = dump(connection)
    assert after.objects == before.objects
    assert after.header == before.header
    assert not check.faults(target_of(copy)) - check.faults(target)
    for name, table in before.tables.items():
        if name not in generated:
            assert_alike(name, table, after.tables.get(name), rules)
    left = copy.read_bytes()
    schema = " ".join(filter(None, (sql for *_, sql in before.objects)))
    for text in old_texts(before, rules):
        assert text in schema or text.encode() not in left, text


def masked(target, copy):
    """Make a copy that masks as many columns as possible; return the rules, or None if no copy can be made."""
    with reading(target) as now:
        rules = all_columns(now.inspect().schema)
    for _ in range(20):
        try:
            masked_snapshot(target, copy, rules)
            return rules
        except SchemasyncError as error:
            assert {problem.code for problem in error.problems} <= CODES, str(error)
            fewer = without(rules, error.problems)
            if fewer == rules:
                return None
            rules = fewer
    raise AssertionError("each attempt has fewer columns")


def all_columns(schema):
    columns, whole = {}, {}
    for table in schema.tables:
        if table.virtual is None:
            columns[table.name] = {c.name: MaskKind.TEXT for c in table.columns if c.generated is None}
        elif (found := arguments(table.virtual)) is not None and not found.content:
            whole[table.name] = Whole.EMPTY if found.content == "" else Whole.KEEP
    return Rules(columns, whole)


def without(rules, problems):
    """Return the rules without the columns that the problems name; a table named without a column is kept unmasked."""
    columns = {table: dict(kinds) for table, kinds in rules.columns.items()}
    whole = dict(rules.whole)
    for problem in problems:
        table, column = problem.facts.get("table"), problem.facts.get("column")
        known = next((name for name in columns if fold(name) == fold(table or "")), None)
        if known is not None and column:
            columns[known].pop(column, None)
        elif known is not None and problem.code is Code.MASK_FAILED:
            columns[known] = {}
    return Rules(columns, whole)


def assert_alike(name, before, after, rules):
    if after is None or rules.whole_of(name) is Whole.EMPTY:
        assert name == "sqlite_sequence" or not after.rows
        return
    assert after.columns == before.columns
    assert len(after.rows) == len(before.rows), name
    if rules.of(name):
        key = "same row ids, and NULLs where they were"
        assert sorted(shape(row) for row in after.rows) == sorted(shape(row) for row in before.rows), key
    elif name not in ("sqlite_sequence",) and rules.whole_of(name) is None and not is_virtual(name, rules):
        assert after.rows == before.rows, name


def is_virtual(name, rules):
    return not any(fold(table) == fold(name) for table in rules.columns)


def shape(row):
    rowid, values = row
    return str(rowid), [(value == "NULL", value[:1] if value[:1] in "'x" else "") for value in values]


def old_texts(before, rules):
    """Return the long texts of masked columns, except those that an unmasked column contains."""
    texts, kept = set(), set()
    for name, table in before.tables.items():
        kinds = rules.of(name)
        for _, values in table.rows:
            for column, value in zip(table.columns, values, strict=True):
                if value.startswith("'") and value[1:-1].isalpha() and len(value) > LONG + 1:
                    (texts if fold(column) in kinds else kept).add(value[1:-1])
    return {text for text in texts if not any(text in other for other in kept)}
