"""Run the real product on a database with features: adopt, sync in one way, roll back; then determine the fate of each
feature."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemasync.errors import SchemasyncError
from schemasync.schema import document, write
from schemasync.schema.names import fold
from schemasync.sync.adopt import adopt
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rollback import rollback
from schemasync.sync.run.target import target as target_of
from schemasync.sync.runner import sync
from schemasync.testing.content import Content, Dump, dump, rows_of
from tests.oracle.check import everything

from .features import Feature
from .opened import opened, opener

UNTOUCHED, ALTERED, REWRITTEN, CHANGED = "untouched", "altered", "rewritten", "changed"
WAYS = (UNTOUCHED, ALTERED, REWRITTEN, CHANGED)

KEPT, REBUILT, LOST = "kept", "kept, rebuilt", "lost"
NO_WORD = "no word"
"""schema.json cannot express the feature, so no plan changes it."""

BESIDE = "beside_all"  # a table without any of the features, which is rewritten each time
ADDED = "one_more"
PROPERTIES = ("page_size", "encoding", "auto_vacuum", "application_id", "user_version")


@dataclass(frozen=True)
class State:
    """The state of a database: its objects with their SQL and all rows, the faults that SQLite finds, and its
    properties."""

    content: Dump
    faults: frozenset[str]
    properties: tuple[object, ...]


def outcomes(
    features: Sequence[Feature], way: str, folder: Path, first: str = "", options: SyncOptions | None = None
) -> dict[str, str]:
    """Return the outcome of this way by the name of each feature. One database has all features, so a refusal is one of
    all."""
    target = target_of(folder / "db.sqlite3", opener=opener(), wait=5.0, actor="preserve")
    link = target.layout.link
    _make(features, link, first)
    begin = state(link)
    before = {feature.name: _answers(link, (*feature.asks, *feature.rebuilt)) for feature in features}
    tree = json.loads(write.write(adopt(target, None).schema))
    assert state(link) == begin, "the adoption changed something"
    on_disk = everything(target)
    wanted = document.read(json.dumps(_changed(tree, features, way)).encode())
    try:
        report = sync(target, wanted, options)
    except SchemasyncError as error:
        assert everything(target) == on_disk, "a refusal changed something"
        return dict.fromkeys(before, _refusal(error))
    assert report.result == "synced"
    after = state(link)
    assert after.faults <= begin.faults
    assert after.properties == begin.properties
    if way != CHANGED:
        actions = {fold(name): str(table["action"]) for name, table in report.tables.items()}
        touched = _touched(features, way)
        assert {actions[name] for name in touched - {fold(BESIDE)}} <= {
            {ALTERED: "alter", REWRITTEN: "rewrite"}.get(way)
        }
        _check_same(begin.content, after.content, touched, way)
    found = {feature.name: _outcome(feature, way, before[feature.name], link) for feature in features}
    assert sync(target, wanted).result == "current"
    for there, what in ((begin, "the way back"), (after, "the way forward again")):
        assert rollback(target, None, lambda ahead: True) is not None
        assert state(link) == there, f"{what} lost something"
    return found


def state(path: Path) -> State:
    with closing(opened(path)) as connection:
        faults = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        faults += map(str, connection.execute("PRAGMA foreign_key_check"))
        properties = tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PROPERTIES)
        return State(dump(connection), frozenset(faults), properties)


def _make(features: Sequence[Feature], path: Path, first: str) -> None:
    with closing(opened(path)) as connection:
        connection.executescript(first)
        connection.executescript(f"CREATE TABLE {BESIDE} (id INTEGER PRIMARY KEY, a TEXT)")
        connection.executescript(f"INSERT INTO {BESIDE} VALUES (1, 'x')")
        for feature in features:
            connection.executescript(feature.sql)


def _refusal(error: SchemasyncError) -> str:
    codes = {str(problem.facts.get("code", problem.code)) for problem in error.problems}
    return f"refused ({', '.join(sorted(codes))})"


# --- schema.json --------------------------------------------------------------------------------------------------


def _changed(tree: dict[str, Any], features: Iterable[Feature], way: str) -> dict[str, Any]:
    """Return the schema.json of an adopted database, changed in this way."""
    tree[BESIDE]["b"] = {"type": "TEXT", "fill": "upper(a)"}
    for feature in features:
        if way == CHANGED:
            assert feature.change is not None
            _merge(tree, feature.change)
        elif way != UNTOUCHED:
            for name in feature.tables_of():
                tree[name][ADDED] = "TEXT" if way == ALTERED else {"type": "INTEGER", "fill": "7"}
    return tree


def _merge(tree: dict[str, Any], change: Any) -> None:
    """Apply a merge patch: https://www.rfc-editor.org/rfc/rfc7396"""
    for key, value in change.items():
        if value == "null":  # the word stands for null, as in tests/cases
            tree.pop(key, None)
        elif isinstance(value, dict) and isinstance(tree.get(key), dict):
            _merge(tree[key], value)
        else:
            tree[key] = value


# --- outcomes -----------------------------------------------------------------------------------------------------


def _touched(features: Iterable[Feature], way: str) -> set[str]:
    """Return the folded names of the tables that the plan alters or rewrites."""
    names = [name for feature in features for name in feature.tables_of()] if way != UNTOUCHED else []
    return {fold(BESIDE), *map(fold, names)}


def _check_same(before: Dump, after: Dump, touched: set[str], way: str) -> None:
    """Assert that every row is unchanged, and every text of sqlite_schema except those of touched tables."""
    texts = set(_texts(before, touched, way))
    assert texts == set(_texts(after, touched, way)), "a text of sqlite_schema changed"
    assert after.tables.keys() == before.tables.keys()
    for name, content in before.tables.items():
        assert _as_before(after.tables[name], content.columns) == content, f"rows of {name} changed"


def _texts(content: Dump, touched: set[str], way: str) -> Iterator[tuple[str, str, str, str | None]]:
    """Yield the objects whose text is compared: all but touched tables, and the indexes of rewritten ones."""
    for item in content.objects:
        kind, name, table, _ = item
        if not (kind == "table" and fold(name) in touched) and not (
            kind == "index" and fold(table) in touched and (way == REWRITTEN or fold(table) == fold(BESIDE))
        ):
            yield item


def _as_before(content: Content, columns: tuple[str, ...]) -> Content:
    """Return the content without the columns that were appended."""
    rows = tuple((rowid, values[: len(columns)]) for rowid, values in content.rows)
    return Content(content.columns[: len(columns)], rows)


def _outcome(feature: Feature, way: str, before: list[Any], path: Path) -> str:
    if way == CHANGED:
        for (sql, wanted), found in zip(feature.wanted.items(), _answers(path, feature.wanted), strict=True):
            assert _is_wanted(found, wanted), f"{sql}: {found}"
        return CHANGED
    now = _answers(path, (*feature.asks, *feature.rebuilt))
    if now == before:
        return KEPT
    return REBUILT if now[: len(feature.asks)] == before[: len(feature.asks)] else LOST


def _is_wanted(found: object, wanted: object) -> bool:
    if isinstance(wanted, str):
        return wanted in str(found)
    assert isinstance(wanted, list)
    with closing(opened(":memory:")) as scratch:
        return found == [rows_of(scratch, f"SELECT {row}")[0] for row in wanted]


def _answers(path: Path, statements: Iterable[str]) -> list[Any]:
    """Return the rows or the error of each statement; all run in turn on one copy of the file."""
    with closing(opened(path)) as source, closing(opened(":memory:")) as copy:
        source.backup(copy)
        return [_answer(copy, sql) for sql in statements]


def _answer(connection: sqlite3.Connection, sql: str) -> list[tuple[str, ...]] | str:
    try:
        return rows_of(connection, sql)
    except sqlite3.Error as error:
        return str(error)
