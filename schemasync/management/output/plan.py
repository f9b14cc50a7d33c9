"""What a sync would do, as text and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, NotRequired, TypedDict

from ...diff.changes import ChangeJson
from ...diff.changes import as_json as change_json
from ...diff.hazards import HazardJson
from ...errors import ErrorResult, Problem, ProblemJson
from ...plan.model import Action, Plan, Strategy
from ...schema.mixins import MixedIn
from ...schema.text import count, short
from ...sync.check import Checked
from ...sync.preview import InPlaceOutlook, Outlook, TableOutlook
from ...texts import size, span
from .shared import ForeignJson, Lines, changes, foreign, foreign_json, hazards, paragraph
from .terminal import Page, table


class DiskJson(TypedDict):
    """Bytes on the disk; null if they were not read."""

    needed: int | None
    """The space that the new file may need."""
    archives: int | None
    live: int | None


class InPlaceJson(TypedDict):
    """What an alteration of the live file would take."""

    seconds: float | None
    """For how long writers would wait, estimated from the first rows; null if it is not known."""


class TableOutlookJson(TypedDict):
    """The step for a table, and its size."""

    action: Action
    rows: int
    bytes: int | None
    """Null if SQLite does not know it."""
    why: str
    """The first change that writes the rows of the table again, in a phrase; empty if they stay."""


class PartJson(TypedDict):
    """Something that a mixin makes."""

    kind: str
    """`column`, `index`, `trigger`, `view`, `table`, or another part of a table, as in a key of schema.json."""
    name: str
    """Its text if it has no name."""


class MixinJson(TypedDict):
    """What one mixin of schema.json makes for one table, whether it changes or not."""

    mixin: str
    table: str
    """Empty for a mixin in the `_use` at the top."""
    parts: list[PartJson]


class PlanJson(TypedDict):
    """What `manage.py schemasync plan --json` prints; after an error, too."""

    result: Literal["planned", "current"] | ErrorResult
    version: str | None
    """Of schema.json; null if it could not be read."""
    previous: str | None
    """The version that is live."""
    generation: str | None
    """The generation that is live."""
    strategy: Strategy | None
    """How the new file would start: as a copy of the old one, or empty; in-place if the live file would be altered, or
    only its history would record the version. Null if nothing would be done."""
    reason: str
    """Why this strategy."""
    changes: list[ChangeJson]
    tables: dict[str, TableOutlookJson]
    disk: DiskJson
    mixins: list[MixinJson]
    in_place: InPlaceJson | None
    """Null if an alteration of the live file is not possible, or if nobody asked for it and the file has less than 1
    GB."""
    hazards: list[HazardJson]
    foreign: list[ForeignJson]
    """Objects that schema.json does not name, and that would be carried along."""
    pending_migrations: list[str]
    """Migrations of MIGRATED_APPS that would run on the new file."""
    sql: NotRequired[list[str]]
    """The statements; only with `--sql`."""
    errors: list[ProblemJson]


def lines(seen: Outlook, page: Page) -> Lines:
    """What a sync would do, and why."""
    plan, live = seen.plan, seen.live
    if plan is None:
        generation = live.generation if live is not None else "the database"
        lines = [f"{generation} is current: version {short(seen.version)}, nothing to do"]
        lines += hazards(seen.hazards, page)
        return lines + foreign(seen.decision.foreign, page)
    heading = page.style.MIGRATE_HEADING
    before = f"version {short(plan.base_version)}" if plan.base_version else "no database yet"
    lines = [f"{before} -> version {short(plan.version)}", heading("changes:" if plan.changes else "changes: none")]
    lines += changes(plan.changes, page)
    if mixins := _mixins(seen.mixins, page):
        lines += [heading("mixins:"), *mixins]
    if tables := _tables(seen.tables, page):
        lines += [heading("tables:"), *tables]
    lines += [
        f"{heading('strategy:')} {plan.strategy}; {plan.reason}",
        f"{heading('disk:')} {size(seen.disk_needed)} needed for {_what_needs(plan)}; archives hold "
        f"{size(seen.disk_archives)}, the live file {size(seen.file_bytes)}",
    ]
    lines += _in_place(seen, page)
    if seen.hazards:
        lines += [heading("hazards:"), *hazards(seen.hazards, page)]
    return lines + foreign(seen.decision.foreign, page)


def _mixins(found: Sequence[MixedIn], page: Page) -> Lines:
    """What each mixin makes: one line for the tables in which that is the same."""
    tables: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for one in found:
        tables.setdefault((one.mixin, tuple(_parts(one))), []).append(one.table)
    lines = []
    for (mixin, parts), names in tables.items():
        where = f" in {names[0]}" if len(names) == 1 and names[0] else f" in {len(names)} tables" if names[0] else ""
        lines.append(f"  {mixin}{where}: {', '.join(parts)}")
        if page.detail and len(names) > 1:
            lines += paragraph("    ", names, page)
    return lines


def _parts(made: MixedIn) -> Iterator[str]:
    """The parts in words: columns by their names alone, as most are; the name of the table as in schema.json."""
    for kind, name in made.parts:
        shown = name.replace(made.table, "{table}") if made.table and kind not in ("column", "check") else name
        yield shown if kind == "column" else f"{kind} {shown}"


def _in_place(seen: Outlook, page: Page) -> Lines:
    """How long writers would wait for an alteration of the live file, and how to ask for it."""
    possible, plan = seen.in_place, seen.plan
    if possible is None or plan is None:
        return []
    heading = page.style.MIGRATE_HEADING("in place:")
    about = "" if possible.seconds is None else f"about {span(max(1, round(possible.seconds * 1000)))}"
    waits = f"writers would wait {about or 'for a time that is not known'}"
    if plan.strategy is not Strategy.IN_PLACE:
        option = f" --max-pause {_longer(possible)}" if possible.is_too_long else ""
        return [f"{heading} possible without a copy; {waits}: manage.py schemasync --in-place{option}"]
    limit = "" if possible.max_pause is None else f"; --max-pause allows {span(round(possible.max_pause * 1000))}"
    lines = [f"{heading} {waits}{limit}"]
    if possible.is_too_long:
        more = f"manage.py schemasync --in-place --max-pause {_longer(possible)}"
        lines.append(f"  so it would be rolled back. To allow more: {more}")
        lines.append("  or, in a new file while writers go on: manage.py schemasync")
    return lines


def _longer(possible: InPlaceOutlook) -> int:
    """Milliseconds that should be enough, twice the estimate."""
    return math.ceil((possible.seconds or 0) * 2) * 1000


def _in_place_json(possible: InPlaceOutlook | None) -> InPlaceJson | None:
    if possible is None:
        return None
    return {"seconds": None if possible.seconds is None else round(possible.seconds, 3)}


def _what_needs(plan: Plan) -> str:
    return "new indexes" if plan.strategy is Strategy.IN_PLACE else "the new file"


def _tables(found: Sequence[TableOutlook], page: Page) -> Lines:
    """What happens to existing rows; kept tables are counted together, new ones have no rows."""
    there = [item for item in found if item.action is not Action.CREATE]
    kept = [item for item in there if item.action is Action.KEEP]
    shown = there if page.detail else [item for item in there if item.action is not Action.KEEP]
    rows = [[item.table, str(item.action), f"{item.rows:,}", _bytes([item]), item.why] for item in shown]
    if kept and not page.detail:
        others = count(len(kept), "other table" if rows else "table")
        rows.append([others, str(Action.KEEP), f"{sum(item.rows for item in kept):,}", _bytes(kept), ""])
    if not rows:
        return []
    titles = ("table", "action", "rows", "size", "because of")
    shown_columns = len(titles) if any(item.why for item in shown) else len(titles) - 1
    rows = [row[:shown_columns] for row in rows]
    return [f"  {line.rstrip()}" for line in table(titles[:shown_columns], rows, page, right=(2, 3))]


def _bytes(items: Sequence[TableOutlook]) -> str:
    known = [item.bytes for item in items if item.bytes is not None]
    return size(sum(known)) if known else "?"


def after_adoption(seen: Checked, page: Page) -> Lines:
    """The part of a plan that is known before the database is adopted."""
    if not seen.changes:
        return ["schema.json and the database agree; after an adoption, a sync would change nothing"]
    return ["after an adoption, a sync would change:", *changes(seen.changes, page)]


def migrations(names: Sequence[str], page: Page) -> Lines:
    """The migrations of MIGRATED_APPS that would run."""
    return paragraph("migrations to run: ", names, page)


def before_adoption_json(seen: Checked, pending: Sequence[str]) -> PlanJson:
    """The JSON object for a file that is adopted by the command that would run the plan."""
    return {
        "result": "planned",
        "version": seen.version,
        "previous": seen.live_version,
        "generation": None,
        "strategy": None,
        "reason": seen.how_to_adopt,
        "changes": [change_json(change) for change in seen.changes],
        "tables": {},
        "disk": {"needed": None, "archives": None, "live": None},
        "mixins": [],
        "in_place": None,
        "hazards": [],
        "foreign": foreign_json(seen.foreign),
        "pending_migrations": list(pending),
        "errors": [],
    }


def statements(found: Sequence[str], *, is_in_place: bool = False) -> Lines:
    """Statements for people to read."""
    if not found:
        return ["-- nothing to do"]
    where = "the live file" if is_in_place else "the new file; the live one is attached as old, and only read"
    return [f"-- runs in {where}", *(f"{s};" for s in found)]


def as_json(
    seen: Outlook, statements: Sequence[str] | None, errors: Sequence[Problem] = (), pending: Sequence[str] = ()
) -> PlanJson:
    """The JSON object. `errors`: the hazards that stop a sync; `pending`: migrations of MIGRATED_APPS."""
    plan, live = seen.plan, seen.live
    data: PlanJson = {
        "result": "current" if plan is None else "refused" if plan.blocking else "planned",
        "version": seen.version,
        "previous": live.version if live else None,
        "generation": live.generation if live else None,
        "strategy": plan.strategy if plan else None,
        "reason": plan.reason if plan else "",
        "changes": [change_json(change) for change in plan.changes] if plan else [],
        "tables": {item.table: _table_json(item) for item in seen.tables},
        "disk": {"needed": seen.disk_needed, "archives": seen.disk_archives, "live": seen.file_bytes},
        "mixins": [_mixin_json(one) for one in seen.mixins],
        "in_place": _in_place_json(seen.in_place),
        "hazards": [hazard.as_json() for hazard in seen.hazards],
        "foreign": foreign_json(seen.decision.foreign),
        "pending_migrations": list(pending),
        "errors": [one.as_json() for one in errors],
    }
    if statements is not None:
        data["sql"] = list(statements)
    return data


def _mixin_json(made: MixedIn) -> MixinJson:
    parts: list[PartJson] = [{"kind": kind, "name": name} for kind, name in made.parts]
    return {"mixin": made.mixin, "table": made.table, "parts": parts}


def _table_json(item: TableOutlook) -> TableOutlookJson:
    return {"action": item.action, "rows": item.rows, "bytes": item.bytes, "why": item.why}
