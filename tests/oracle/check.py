"""The oracle: the properties of every sync, whatever it changes.

After a successful sync, the live file has the schema of a newly built database and the expected rows, and no object of
the run. A second run reports current. The file before is closed to a writer that kept it open. A rollback restores its
whole content, and a second rollback the whole new content. A refusal changes no byte.
"""

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.inspect import inspect
from schemasync.engines.sqlite.validate import build
from schemasync.errors import Refused
from schemasync.schema.names import fold, quote
from schemasync.schema.subset import differing, differing_exactly, ours
from schemasync.sync import check, preview
from schemasync.sync.adopt import adopt
from schemasync.sync.rollback import rollback
from schemasync.sync.run.target import target as target_of
from schemasync.sync.runner import sync
from schemasync.testing.content import Content, dump, rows_of

from .cases import ANYTHING

_LIMITS = {"wait": 5.0, "actor": "cases"}


def run(case, strategy, folder):
    """Run one case in an empty folder."""
    target = target_of(folder / "db.sqlite3", **_LIMITS)
    known = _begin(case, target)
    write(target, case.rows)
    for step in case.steps:
        known = _step(step, strategy, target, known)


def _begin(case, target):
    """Make the old database. Return the schema whose objects belong to schema.json."""
    if case.sql is None:
        sync(target, case.old)
        return case.old.schema
    link = target.layout.link
    with closing(sqlite3.connect(link)) as connection:
        connection.executescript(case.sql)
        before = dump(connection)
    adopted = adopt(target, case.old)
    assert contents(target) == before, "adoption lost something"
    return adopted.schema


def _step(step, strategy, target, known):
    write(target, step.rows, step.by_hand)
    options = replace(step.options, rebuild_all=strategy == "fresh")
    if step.refused is not None:
        _check_refusal(step, options, target)
        return known
    if step.current:
        _check_current(step, step.options, target)
        return known
    _check_sync(step, options, target, known, strategy)
    return step.document.schema


# --- a refusal ----------------------------------------------------------------------------------------------------


def _check_refusal(step, options, target):
    # a run that began to build had a change log in the live file, so its pages may be in another order
    look_at = contents if step.late or step.error is not Refused else everything
    before = look_at(target)
    with pytest.raises(step.error) as caught:
        sync(target, step.document, options)
    said = [
        (problem.facts if problem.code == "hazard" else {}) | {"text": str(problem)} for problem in _problems(caught)
    ]
    codes = [facts.get("code", str(problem.code)) for facts, problem in zip(said, _problems(caught), strict=True)]
    shown = str(caught.value)
    assert sorted(codes) == sorted(refusal.code for refusal in step.refused), shown
    for refusal in step.refused:
        fits = [facts for facts, code in zip(said, codes, strict=True) if code == refusal.code]
        assert any(_answers(facts, refusal.facts) for facts in fits), f"{refusal.facts} is not said in:\n{shown}"
    for text in step.says:
        assert text in shown
    assert look_at(target) == before, "a refusal changed something"


def _problems(caught):
    return caught.value.problems


def _answers(facts, wanted):
    column = f"{facts.get('table')}.{facts['column']}" if facts.get("column") else facts.get("table")
    have = {"column": column, "rows": facts.get("rows"), "keys": facts.get("keys")}
    return all(have[key] == (list(map(str, value)) if key == "keys" else value) for key, value in wanted.items())


def _check_current(step, options, target):
    before = everything(target)
    assert sync(target, step.document, options).result == "current"
    assert preview.outlook(target, step.document, options).plan is None
    assert everything(target) == before, "a run that says current changed something"


# --- a sync -------------------------------------------------------------------------------------------------------


def _check_sync(step, options, target, known, strategy):
    before, faults_before = contents(target), faults(target)
    on_disk = everything(target)
    ahead = preview.outlook(target, step.document, options)
    assert everything(target) == on_disk, "plan changed something"
    with closing(sqlite3.connect(target.layout.link, isolation_level=None)) as stale:
        stale.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        report = sync(target, step.document, options)
        assert report.result == "synced"
        assert report.strategy == strategy
        assert ahead.plan is not None
        _check_actions(step, strategy, ahead, report)
        _check_fenced(stale)
    _check_structure(step, target, report.tables, before)
    after = contents(target)
    _check_rows(step, before, after)
    _check_asks(step, target)
    _check_report(step, report, strategy)
    assert not faults(target) - faults_before, "integrity_check or foreign_key_check got worse"
    _check_current(step, step.options, target)
    assert not check.check(target, step.document).differs(strict=False)
    _check_way_back(target, before, after, step.document.hints.rows)


def _check_actions(step, strategy, ahead, report):
    """Check that each table got the action of the plan, or was rewritten for a reason that only its rows show."""
    done = {name: str(table["action"]) for name, table in report.tables.items()}
    late = {note.partition(":")[0] for note in report.notes if ": rewritten, as" in note}
    assert {item.table: str(item.action) for item in ahead.tables} == {
        name: "alter" if name in late else action for name, action in done.items()
    }
    if strategy == "clone":
        assert step.does.items() <= done.items()


def _check_structure(step, target, tables, before):
    """Check that the objects of schema.json read as in a newly built database, except for the order of columns in
    tables that are not rewritten, and that foreign objects are there."""
    with closing(Opener().memory()) as built, closing(sqlite3.connect(target.layout.link)) as live:
        build(built, step.document.schema)
        meant = inspect(built).schema
        found = inspect(live)
        there = ours(found.schema, step.document.schema)
        assert not differing(meant, there)
        stands = {name for name, table in tables.items() if table["action"] in ("keep", "alter")}
        assert differing_exactly(meant, there) <= stands
        assert meant == step.document.schema
        left = live.execute(
            "SELECT type, name FROM sqlite_schema WHERE name || coalesce(sql, '') LIKE '%#_schemasync#_%' ESCAPE '#'"
        )
        assert left.fetchall() == [], "the machinery left something behind"
    foreign = {" ".join(item.key) for item in found.foreign(step.document.schema.object_names())}
    assert foreign == set(step.foreign), "objects that schema.json does not name"
    assert contents(target).header == before.header


def _check_rows(step, before, after):
    """Check the expected rows of each table, with the columns in the order of schema.json. A table without expected
    rows must have its old rows, or none if it is new."""
    spoken = {fold(name) for name in step.expect}
    for name in after.tables:
        if fold(name) in spoken:
            continue
        old = before.table(name)
        assert _shown(after.tables[name]) == (_shown(old) if old else []), f"{name} is not as it was"
    for name, lines in step.expect.items():
        if lines == ANYTHING:
            continue
        content = after.table(name) or (Content((), ()) if name == "sqlite_sequence" else None)
        assert content is not None, f"{name} is missing"
        content = _in_order_of(step.document.schema.table(name), content)
        assert _shown(content) == _expected(lines, content), name


def _in_order_of(table, content):
    """Return the content with its columns in the order of the schema, or unchanged if the schema lacks the table."""
    if table is None or table.virtual is not None:
        return content
    places = {fold(name): number for number, name in enumerate(content.columns)}
    order = [places[fold(column.name)] for column in table.columns]
    rows = [(rowid, tuple(values[number] for number in order)) for rowid, values in content.rows]
    return Content(tuple(content.columns[number] for number in order), tuple(rows))


def _expected(lines, content):
    """Return the expected rows. If the table has row ids, lines without one get 1, 2, 3 by their place."""
    with closing(sqlite3.connect(":memory:")) as connection:
        values = [rows_of(connection, f"SELECT {line.values}")[0] for line in lines]
    has_rowid = any(rowid is not None for rowid, _ in content.rows)
    rows = [
        (line.rowid if line.rowid is not None else number, value) if has_rowid else (None, value)
        for number, (line, value) in enumerate(zip(lines, values, strict=True), 1)
    ]
    return _shown(Content(content.columns, tuple(sorted(rows, key=lambda row: (row[0] or 0, row[1])))))


def _shown(content):
    """Return rows as lines of a case, so that a failed comparison reads like one."""
    return [(f"{rowid}: " if rowid is not None else "") + ", ".join(values) for rowid, values in content.rows]


def _check_asks(step, target):
    with closing(sqlite3.connect(target.layout.link)) as live:
        for sql, lines in step.asks.items():
            wanted = [rows_of(live, f"SELECT {line.values}")[0] for line in lines]
            assert rows_of(live, sql) == wanted, sql


def _check_report(step, report, strategy):
    """Check the hazards and notes. A fresh file has no hazard column-order, and no notes on reasons for rewrites."""
    is_anew = strategy == "fresh"
    if step.hazards is not None:
        wanted = [code for code in step.hazards if not (is_anew and code == "column-order")]
        assert sorted(hazard.code for hazard in report.hazards) == sorted(wanted)
    for text in [text for text in step.notes if not (is_anew and ": rewritten, as" in text)]:
        assert any(text in note for note in [*report.notes, *(hazard.message for hazard in report.hazards)]), report


def _check_fenced(stale):
    """Check that each write on a connection that kept the old file open fails."""
    tables = stale.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'").fetchall()
    for (name,) in tables:
        if name.startswith(("sqlite_", "_schemasync_")):
            continue
        columns = [row[1] for row in stale.execute(f"PRAGMA table_xinfo({quote(name)})") if row[6] == 0]
        for write_of in ("INSERT INTO {0} DEFAULT VALUES", "UPDATE {0} SET {1} = {1}", "DELETE FROM {0}"):
            with pytest.raises(sqlite3.OperationalError, match="superseded"):
                stale.execute(write_of.format(quote(name), quote(columns[0])))


def _check_way_back(target, before, after, named=()):
    synced = target.layout.live()
    for there in (before, after):
        with closing(sqlite3.connect(target.layout.link, isolation_level=None)) as stale:
            stale.execute("SELECT count(*) FROM sqlite_schema").fetchall()
            assert rollback(target, None, partial(_nothing_written, named)) is not None
            _check_fenced(stale)
        assert contents(target) == there, "the way back, or forward again, lost something"
    assert target.layout.live() == synced


def _nothing_written(named, ahead):
    """Check the preview of a rollback, and confirm it: no rows are set aside, except for those that the run itself
    wrote into the `named` tables."""
    written = [row_diffs for row_diffs in ahead.tallies if row_diffs.added or row_diffs.changed or row_diffs.removed]
    assert [row_diffs for row_diffs in written if not row_diffs.note and row_diffs.table not in named] == []
    return True


# --- content of files ---------------------------------------------------------------------------------------------


def contents(target):
    """Return the content of the live database as a value."""
    with closing(sqlite3.connect(target.layout.link)) as connection:
        return dump(connection)


def faults(target):
    """Return the faults that integrity_check and foreign_key_check find in the live database."""
    with closing(sqlite3.connect(target.layout.link)) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        try:
            dangling = len(connection.execute("PRAGMA foreign_key_check").fetchall())
        except sqlite3.OperationalError as error:
            dangling = 0
            found.append(str(error))
        return {*found, *(f"dangling {number}" for number in range(dangling))} - {"ok"}


def everything(target):
    """Return the digest or link target of every file of the database, by name. No connection may be open."""
    link, folder = target.layout.link, target.layout.folder
    files = [*link.parent.iterdir(), *(folder.iterdir() if folder.is_dir() else ())]
    return {path.name: _held(path) for path in files if not path.is_dir()} | {"link": link.is_symlink()}


def _held(path):
    return str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()


# --- writes by the application ------------------------------------------------------------------------------------


def write(target, rows, sql=""):
    """Insert rows and run SQL like an application that does not enforce foreign keys, so old data may violate them."""
    if rows or sql:
        with closing(sqlite3.connect(target.layout.link)) as connection:
            put(connection, rows, sql)


def put(connection, rows, sql=""):
    """Insert the rows of a case, then run the SQL."""
    for table, lines in rows.items():
        found = connection.execute(f"PRAGMA table_xinfo({quote(table)})").fetchall()
        columns = [quote(row[1]) for row in found if row[6] == 0]
        for line in lines:
            names = columns if line.rowid is None else ["rowid", *columns]
            values = line.values if line.rowid is None else f"{line.rowid}, {line.values}"
            connection.execute(f"INSERT INTO {quote(table)} ({', '.join(names)}) VALUES ({values})")
    connection.commit()
    connection.executescript(sql)
    connection.commit()
