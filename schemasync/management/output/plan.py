"""The plan of a sync, as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ...actions.plan import AfterAdoption, Planned
from ...plan.model import Action, Plan, Strategy
from ...schema.mixins import MixedIn
from ...schema.text import count, short
from ...sync.preview import InPlaceOutlook, Outlook, TableOutlook
from ...texts import size, span
from .shared import Lines, changes, foreign, hazards, paragraph, problem
from .terminal import Page, table


def lines(planned: Planned, page: Page) -> Lines:
    """Return the plan of a sync, with its reasons; or its statements, for people to read."""
    if planned.statements is not None:
        return _statements(planned.statements, is_in_place=planned.is_in_place)
    return [*_outlook(planned.outlook, page), *_migrations(planned.pending, page)]


def _outlook(seen: Outlook, page: Page) -> Lines:
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
    if seen.unmet:
        lines += [heading("required:"), *(line for one in seen.unmet for line in problem(one).splitlines())]
    return lines + foreign(seen.decision.foreign, page)


def what_stops(planned: Planned) -> str:
    """Return the reasons why a sync would be refused, in one line."""
    unmet = len(planned.outlook.unmet)
    hazards = len(planned.blocking) - unmet
    phrases = [count(hazards, "hazard")] if hazards else []
    phrases += [count(unmet, "requirement that is not met", "requirements that are not met")] if unmet else []
    verb = "stops" if len(planned.blocking) == 1 else "stop"
    return f"{' and '.join(phrases)} {verb} a sync; nothing was written"


def _mixins(found: Sequence[MixedIn], page: Page) -> Lines:
    """Return the parts that each mixin makes: one line for all tables with the same parts."""
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
    """Yield the parts as text: columns by name alone, as most parts are columns; the table's name as `{table}`, as in
    schema.json."""
    for kind, name in made.parts:
        shown = name.replace(made.table, "{table}") if made.table and kind not in ("column", "check") else name
        yield shown if kind == "column" else f"{kind} {shown}"


def _in_place(seen: Outlook, page: Page) -> Lines:
    """Return the time that writers would wait for an alteration of the live file, and the command for it."""
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
    """Return twice the estimate in milliseconds, rounded up to a second, as a sufficient limit."""
    return math.ceil((possible.seconds or 0) * 2) * 1000


def _what_needs(plan: Plan) -> str:
    return "new indexes" if plan.strategy is Strategy.IN_PLACE else "the new file"


def _tables(found: Sequence[TableOutlook], page: Page) -> Lines:
    """Return the steps of existing tables; kept tables are counted together, new tables are left out as they have no
    rows."""
    there = [item for item in found if item.action is not Action.CREATE]
    kept = [item for item in there if item.action is Action.KEEP]
    shown = there if page.detail else [item for item in there if item.action is not Action.KEEP]
    rows = [[item.table, str(item.action), _rows([item]), _bytes([item]), item.why] for item in shown]
    if kept and not page.detail:
        others = count(len(kept), "other table" if rows else "table")
        rows.append([others, str(Action.KEEP), _rows(kept), _bytes(kept), ""])
    if not rows:
        return []
    titles = ("table", "action", "rows", "size", "because of")
    shown_columns = len(titles) if any(item.why for item in shown) else len(titles) - 1
    rows = [row[:shown_columns] for row in rows]
    return [f"  {line.rstrip()}" for line in table(titles[:shown_columns], rows, page, right=(2, 3))]


def _rows(items: Sequence[TableOutlook]) -> str:
    known = [item.rows for item in items if item.rows is not None]
    return " + ".join([f"{sum(known):,}"] * bool(known) + ["?"] * (len(known) < len(items)))


def _bytes(items: Sequence[TableOutlook]) -> str:
    known = [item.bytes for item in items if item.bytes is not None]
    return size(sum(known)) if known else "?"


def after_adoption(found: AfterAdoption, page: Page) -> Lines:
    """Return the part of a plan that is known before the database is adopted."""
    pending = _migrations(found.pending, page)
    if not found.checked.changes:
        return ["schema.json and the database agree; after an adoption, a sync would change nothing", *pending]
    return ["after an adoption, a sync would change:", *changes(found.checked.changes, page), *pending]


def _migrations(names: Sequence[str], page: Page) -> Lines:
    """Return the migrations of MIGRATED_APPS that would run."""
    return paragraph("migrations to run: ", names, page)


def _statements(found: Sequence[str], *, is_in_place: bool) -> Lines:
    if not found:
        return ["-- nothing to do"]
    where = "the live file" if is_in_place else "the new file; the live one is attached as old, and only read"
    return [f"-- runs in {where}", *(f"{s};" for s in found)]
