"""Copies changes of virtual tables that store their content in shadow tables, while writers go on.

Shadow tables cannot have triggers: with all five of FTS5 logged, the writer crashed, and a defensive connection could
no longer open the file. So they are compared, and differing rows are copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....diff.hazards import HazardCode
from ....errors import Code, Failed, Problem
from ....plan.model import CarriedStep, Plan
from ....schema.names import fold, quote
from ..connection import Connection
from ..mapping import identity
from ..objects import objects, shadow_tables
from ..rebuild.external_content import external_indexes, is_whole
from ..rebuild.unchanged import copy_shadow, hidden_rowid, shadows
from ..rebuild.virtual import option, rebuild_external, refill_again, rewritten
from .key_mapping import impossible

# Limits in bytes for comparing, and for indexing text again, so that writers wait 250 ms at most. Measured on a busy
# machine: 6 MB compared in 120 ms, 250 KB indexed in 70 ms and compared with their index in 50 ms.
BUDGET = 8 * 1024 * 1024
REFILL_BUDGET = 256 * 1024


def obstacles(connection: Connection, plan: Plan) -> Iterator[Problem]:
    """Yield a problem for virtual tables of the live file that are too large to handle under the write lock."""
    if _size(connection, sorted(shadow_tables(connection)), BUDGET) > BUDGET:
        yield impossible(
            "the content of virtual tables is compared while writers wait, and is larger than"
            f" {BUDGET // 1024 // 1024} MB",
            "",
        )
    again = sorted(set(_read_anew(connection, plan)))
    if _size(connection, again, REFILL_BUDGET) > REFILL_BUDGET:
        yield impossible(
            f"the text of {', '.join(again)} is indexed again while writers wait, and is larger than"
            f" {REFILL_BUDGET // 1024} KB",
            "",
        )


def follow(connection: Connection, plan: Plan) -> None:
    """Make the stored content of virtual tables equal to that in the attached old file."""
    for old, new in shadows(connection, plan):
        _copy_differences(connection, old, new)
    refill_again(connection, plan)


def follow_all(connection: Connection, plan: Plan, *, written: bool) -> None:
    """Also rebuild the indexes over the text of other tables, if rows were `written` since they were built."""
    follow(connection, plan)
    if written:
        rebuild_external(connection, plan)


def check_whole(connection: Connection, plan: Plan) -> None:
    """Raise Failed if a full-text index of the live file that is read again lost part of its content during the run.

    An index that was incomplete when the run was planned is rebuilt because --allow-drop names it, and is not checked
    again.
    """
    allowed = {fold(h.table) for h in plan.hazards if h.code is HazardCode.ROWS_DROPPED and not h.column}
    asked = (i for i in external_indexes(connection, plan) if i.needs_all and fold(i.name) not in allowed)
    lacking = [index for index in asked if not is_whole(connection, index)]
    if lacking:
        raise Failed(
            Problem(
                Code.CHANGED_DURING_RUN,
                f'the full-text index "{index.name}" no longer holds all of its content: the application '
                "kept rows or text out of it during the run",
                "Nothing was changed. Run it again: the plan reports how to fix it.",
                {"table": index.name},
            )
            for index in lacking
        )


def _copy_differences(connection: Connection, old: str, new: str) -> None:
    """Make the rows of a shadow table equal to those of the attached old one, matched by primary key."""
    key = [quote(name) for (name,) in connection.execute("SELECT name FROM pragma_table_info(?) WHERE pk", (new,))]
    rowid = hidden_rowid(connection, new)
    columns = [*([rowid] if rowid is not None else []), *identity(connection, "main", new)]
    if not key:
        copy_shadow(connection, old, new)
        return
    source, target = f"old.{quote(old)} AS o", f"main.{quote(new)}"
    same = " AND ".join(f"n.{name} = o.{name}" for name in key)
    one, other = (", ".join(f"typeof({row}.{name}), {row}.{name}" for name in columns) for row in "on")
    connection.execute(
        f"DELETE FROM {target} AS n WHERE NOT EXISTS (SELECT 1 FROM {source} WHERE {same})"  # deleted rows
    )
    connection.execute(
        f"INSERT OR REPLACE INTO {target} ({', '.join(columns)})"
        f" SELECT {', '.join(f'o.{name}' for name in columns)} FROM {source} LEFT JOIN {target} AS n ON {same}"
        f" WHERE ({one}) IS NOT ({other})"
    )


def _read_anew(connection: Connection, plan: Plan) -> Iterator[str]:
    """Yield the tables and views of the live file whose text is indexed again."""
    for step, virtual in rewritten(connection, plan, "main"):
        if option(virtual, "content") is None:
            yield step.old.name
    there = {fold(o.name): o.name for o in objects(connection)}
    for index in external_indexes(connection, plan):
        content = index.after.content if index.is_rebuilt else None
        source = plan.step(content) if content else None
        name = source.old.name if isinstance(source, CarriedStep) else content
        if name and fold(name) in there:
            yield there[fold(name)]


def _size(connection: Connection, names: Iterable[str], limit: int) -> int:
    """Estimate the size in bytes of all rows of these tables. Stops counting beyond the limit."""
    total = 0
    for name in names:
        columns = [f"coalesce(length({column}), 0)" for column in identity(connection, "main", name)] or ["0"]
        total += int(connection.execute(f"SELECT total({' + '.join(columns)} + 8) FROM {quote(name)}").fetchone()[0])
        if total > limit:
            break
    return total
