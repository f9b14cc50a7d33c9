"""Results as text for people, and as JSON for machines: the same facts."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...diff.changes import AddView, Change, CreateTable, describe
from ...diff.changes import as_json as change_json
from ...diff.dropped import repair_hint
from ...diff.hazards import Hazard
from ...engines.sqlite.history_table import HistoryRow
from ...engines.sqlite.uncompiled import LeftOut
from ...engines.sqlite.unknown_names import Unknown
from ...errors import Code, Problem, SchemasyncError
from ...history.action import HistoryAction
from ...history.rows import Followed, moment
from ...orm.export import Exported
from ...orm.migrate import NONE_KEPT, KeptApps
from ...orm.migrate_risks import MigrateRisk
from ...plan.model import Action
from ...schema.text import count, short
from ...sync.look import Checked, Entry, Inspected, Outlook, TableOutlook
from ...sync.prune import Archive, Pruned
from ...sync.rollback import Preview, RolledBack
from ...sync.rollback import as_json as prospect_json
from ...sync.run.report import Report, as_row_json
from ..brief import nothing_to_do
from .terminal import Page, crop, size, span, table

Lines = list[str]
Json = dict[str, Any]
Objects = Sequence[tuple[str, str]]

FEW = 3  # new tables of which each is worth a phrase; more are counted


# --- sync -------------------------------------------------------------------------------------------------------


def report(done: Report, page: Page) -> Lines:
    """What a sync came to."""
    if done.result == "current":
        lines = [nothing_to_do(done.generation or "", done.version)]
    elif done.previous is None:
        lines = [f"{done.generation} is live: a new database, version {short(done.version)}"]
    else:
        lines = [
            f"{done.generation} is live: version {short(done.previous)} -> {short(done.version)}, "
            f"{count(done.rows, 'row')} written in {done.duration_ms / 1000:.2f} s, "
            f"writers waited {span(done.pause_ms)}"
        ]
    if page.detail:
        lines += [f"  {describe(change)}" for change in done.changes]
    elif done.changes:
        lines.append(f"  {gist([change_json(change) for change in done.changes], page.width - 2)}")
    lines += hazards([hazard for hazard in done.hazards if not hazard.blocking], page)
    lines += [f"  note: {text}" for text in done.notes]
    if page.detail:
        lines += foreign(done.foreign, page)
        lines += [f"  {beside_writers(done.followed)}"] if done.followed else []
    if done.result != "current" and done.previous is not None:
        lines.append("To undo it: manage.py schemasync rollback")
    return lines


def gist(changes: Sequence[Mapping[str, Any]], width: int) -> str:
    """What changed, in one line: as many phrases as fit, and how many more there are."""
    phrases = _phrases(changes)
    shown: list[str] = []
    for phrase in phrases:
        if len(_line([*shown, phrase], len(phrases))) <= width:
            shown.append(phrase)
    return crop(_line(shown or phrases[:1], len(phrases)), width)


def _line(shown: Sequence[str], total: int) -> str:
    more = f"; and {total - len(shown)} more" if total > len(shown) else ""
    return "; ".join(shown) + more


def _phrases(changes: Sequence[Mapping[str, Any]]) -> list[str]:
    born = {
        kind: [change["text"] for change in changes if change["change"] == kind]
        for kind in (CreateTable.__name__, AddView.__name__)
    }
    many = {kind for kind, texts in born.items() if len(texts) > FEW}
    counted = [count(len(born[kind]), "new table" if kind == CreateTable.__name__ else "new view") for kind in many]
    return sorted(counted) + [change["text"] for change in changes if change["change"] not in many]


def hazards(found: Sequence[Hazard], page: Page) -> Lines:
    """A line each, and a line for the mend."""
    lines = []
    for hazard in found:
        word = page.style.ERROR("STOPS") if hazard.blocking else "note"
        lines.append(f"  {word} [{hazard.code}] {hazard.message}")
        lines += [f"    {line}" for line in hazard.hint.splitlines()]
    return lines


# --- errors -----------------------------------------------------------------------------------------------------


def problem(one: Problem) -> str:
    """What is true, and what to do next, indented."""
    return "\n  ".join([f"[{one.code}] {one.message}", *one.hint.splitlines()])


def failed_json(
    error: SchemasyncError, action: str, version: str | None = None, live: HistoryRow | None = None
) -> Json:
    """The object that stands on stdout where an action ended in an error; that of a sync and of a plan has every key.

    `version` is that of schema.json, `live` what the database is, None where they are not known.
    """
    told: Json = {"result": error.result, "errors": [one.as_json() for one in error.problems]}
    known = {
        "version": version,
        "previous": live.version if live else None,
        "generation": live.generation if live else None,
        "hazards": [dict(one.facts) for one in error.problems if one.code is Code.HAZARD],
    }
    match action:
        case "sync":
            return {**Report(error.result, "").as_json(), **known, **told}
        case "plan":
            return {**_NO_PLAN, **known, **told}
        case _:
            return told


# --- plan -------------------------------------------------------------------------------------------------------


def outlook(seen: Outlook, page: Page) -> Lines:
    """What a sync would do, and why."""
    plan, live = seen.plan, seen.live
    if plan is None:
        generation = live.generation if live is not None else "the database"
        lines = [f"{generation} is current: version {short(seen.version)}, nothing to do"]
        return lines + foreign(seen.decision.foreign, page)
    heading = page.style.MIGRATE_HEADING
    before = f"version {short(plan.base_version)}" if plan.base_version else "no database yet"
    lines = [f"{before} -> version {short(plan.version)}", heading("changes:" if plan.changes else "changes: none")]
    lines += changes(plan.changes, page)
    if tables := _tables(seen.tables, page):
        lines += [heading("tables:"), *tables]
    lines += [
        f"{heading('strategy:')} {plan.strategy}; {plan.reason}",
        f"{heading('disk:')} {size(seen.disk_needed)} needed for the new file; archives hold "
        f"{size(seen.disk_archives)}, the live file {size(seen.file_bytes)}",
    ]
    if plan.hazards:
        lines += [heading("hazards:"), *hazards(plan.hazards, page)]
    return lines + foreign(seen.decision.foreign, page)


def changes(found: Sequence[Change], page: Page) -> Lines:
    """A line each; many new tables in one paragraph."""
    new = [change.table.name for change in found if isinstance(change, CreateTable)]
    lines = []
    if len(new) > FEW:
        lines = paragraph(f"  {count(len(new), 'new table')}: ", new, page)
        found = [change for change in found if not isinstance(change, CreateTable)]
    return lines + [f"  {describe(change)}" for change in found]


def _tables(found: Sequence[TableOutlook], page: Page) -> Lines:
    """What happens to the rows that are there; kept tables are counted together, new ones have none."""
    there = [item for item in found if item.action is not Action.CREATE]
    kept = [item for item in there if item.action is Action.KEEP]
    shown = there if page.detail else [item for item in there if item.action is not Action.KEEP]
    rows = [[item.table, str(item.action), f"{item.rows:,}", _bytes([item])] for item in shown]
    if kept and not page.detail:
        others = count(len(kept), "other table" if rows else "table")
        rows.append([others, str(Action.KEEP), f"{sum(item.rows for item in kept):,}", _bytes(kept)])
    if not rows:
        return []
    return [f"  {line}" for line in table(("table", "action", "rows", "size"), rows, page, right=(2, 3))]


def _bytes(items: Sequence[TableOutlook]) -> str:
    known = [item.bytes for item in items if item.bytes is not None]
    return size(sum(known)) if known else "?"


def after_adoption(seen: Checked, page: Page) -> Lines:
    """What a plan can say of a database that must be adopted first."""
    if not seen.changes:
        return ["schema.json and the database agree; once it is taken over, a sync would change nothing"]
    return ["once it is taken over, a sync would change:", *changes(seen.changes, page)]


def sql(statements: Sequence[str]) -> Lines:
    """Statements for people to read."""
    if not statements:
        return ["-- nothing to do"]
    return ["-- runs in the new file; the live one is attached as old, and only read", *(f"{s};" for s in statements)]


_NO_PLAN: Json = {
    "result": None,
    "version": None,
    "previous": None,
    "generation": None,
    "strategy": None,
    "reason": "",
    "changes": [],
    "tables": {},
    "disk": {"needed": None, "archives": None, "live": None},
    "hazards": [],
    "foreign": [],
}
"""What a plan's object says where there is none."""


def outlook_json(seen: Outlook, statements: Sequence[str] | None) -> Json:
    """The same for machines."""
    plan, live = seen.plan, seen.live
    blocking = plan.blocking if plan else ()
    data: Json = {
        **_NO_PLAN,
        "result": "current" if plan is None else "refused" if blocking else "planned",
        "version": seen.version,
        "previous": live.version if live else None,
        "generation": live.generation if live else None,
        "strategy": str(plan.strategy) if plan else None,
        "reason": plan.reason if plan else "",
        "changes": [change_json(change) for change in plan.changes] if plan else [],
        "tables": {item.table: _table_json(item) for item in seen.tables},
        "disk": {"needed": seen.disk_needed, "archives": seen.disk_archives, "live": seen.file_bytes},
        "hazards": [hazard.as_json() for hazard in plan.hazards] if plan else [],
        "foreign": foreign_json(seen.decision.foreign),
    }
    if statements is not None:
        data["sql"] = list(statements)
    return {**data, "errors": []}


def _table_json(item: TableOutlook) -> Json:
    return {"action": str(item.action), "rows": item.rows, "bytes": item.bytes}


# --- check ------------------------------------------------------------------------------------------------------


def checked(seen: Checked, page: Page, *, strict: bool) -> Lines:
    """What differs between schema.json and the database."""
    if seen.differs(strict=strict):
        return details(seen, page)
    return [f"schema.json and the database agree: version {short(seen.version)}", *details(seen, page)]


def details(seen: Checked, page: Page) -> Lines:
    """The same without the verdict."""
    lines = []
    if not seen.is_empty:
        if seen.drift:
            lines.append("changed by hand: " + ", ".join(seen.drift))
        lines += changes(seen.changes, page)
    if seen.live_version and seen.live_version != seen.version and not seen.changes:
        lines.append(f"schema.json is version {short(seen.version)}, live is {short(seen.live_version)}")
    lines += foreign(seen.foreign, page) + unknown_names(seen.unknown, page)
    lines += [f"a sync would be refused [{problem.code}]: {problem.message}" for problem in seen.refused]
    lines += [f"never run on this database: {name}" for name in seen.unapplied]
    return lines + paragraph("hints that do not act again, and may be deleted: ", seen.spent, page)


def difference(seen: Checked) -> Lines:
    """Why a check ends with 1, and what to do next."""
    differ = "schema.json and the database differ"
    if seen.is_empty:
        return ["there is no database yet", "To make it: manage.py schemasync"]
    if seen.generation is None and not seen.unapplied:
        return [differ, "Take the database over first: manage.py schemasync adopt"]
    if seen.unapplied:
        return [*_unapplied(seen), *([differ] if seen.changes or seen.live_version != seen.version else [])]
    if seen.drift and seen.live_version == seen.version:
        return [differ, repair_hint(seen.losses), "To keep it, take it into schema.json."]
    if not seen.changes and seen.live_version == seen.version:
        unnamed = "the database has objects that schema.json does not name"
        return [unnamed, "Name them in schema.json, drop them, or check without --strict."]
    return [differ, "To see what a sync would do: manage.py schemasync plan"]


def _unapplied(seen: Checked) -> Lines:
    names, how = count(len(seen.unapplied), "data migration", "data migrations"), "To see what may be done: "
    action = " adopt" if seen.generation is None else " plan"
    return [f"this database never ran {names}: {', '.join(seen.unapplied)}", f"{how}manage.py schemasync{action}"]


def checked_json(
    seen: Checked,
    *,
    strict: bool,
    models: Json | None = None,
    kept: KeptApps = NONE_KEPT,
    migrate_risks: Sequence[MigrateRisk] = (),
) -> Json:
    """The same for machines; `models`: how they and schema.json compare, where that was looked at. `kept`: what
    is not in order with apps that keep their migrations."""
    differs = seen.differs(strict=strict) or bool(kept) or (models is not None and models["result"] == "differs")
    return {
        "result": "differs" if differs else "agrees",
        "version": seen.version,
        "live": seen.live_version,
        "generation": seen.generation,
        "models": models,
        "changes": [change_json(change) for change in seen.changes],
        "drift": list(seen.drift),
        "foreign": foreign_json(seen.foreign),
        "unknown_names": unknown_json(seen.unknown),
        "refused": [problem.as_json() for problem in seen.refused],
        "applied_hints": list(seen.spent),
        "data_migrations_never_run": list(seen.unapplied),
        "pending_migrations": list(kept.waiting),
        "missing_tables": list(kept.missing),
        "migrate_risks": [one.as_json() for one in migrate_risks],
        "errors": [],
    }


def foreign(objects: Objects, page: Page) -> Lines:
    named = [f"{kind} {name}" for kind, name in objects]
    return paragraph("carried along, as schema.json does not name it: ", named, page)


def foreign_json(objects: Objects) -> list[dict[str, str]]:
    return [{"type": kind, "name": name} for kind, name in objects]


def paragraph(head: str, names: Sequence[str], page: Page) -> Lines:
    """Names in lines of the page's width; none is broken, so that each can be searched for. None, no line."""
    if not names:
        return []
    indent = " " * (len(head) - len(head.lstrip()) + 2)
    text = ", ".join(names)
    return textwrap.wrap(
        text, page.width, initial_indent=head, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


# --- history ----------------------------------------------------------------------------------------------------


def history(entries: Sequence[Entry], page: Page) -> Lines:
    """Generations, the newest first: a line of figures, and a line of who and what."""
    headings = ("", "generation", "when (UTC)", "action", "size", "took", "pause")
    figures = table(headings, [_figures(entry) for entry in entries], page, right=(4, 5, 6))
    lines = [figures[0]]
    for entry, line in zip(entries, figures[1:], strict=True):
        lines.append(page.style.SUCCESS(line) if entry.is_live else line)
        lines += [f"      {text}" for text in _story(entry, page)]
    return lines


def beside_writers(how: Followed) -> str:
    """How a run followed the writers beside it."""
    write_overhead = f"; a write took {how.write_overhead:.1f} times as long" if how.write_overhead is not None else ""
    return f"{count(how.keys, 'row')} written meanwhile, followed in {count(how.rounds, 'round')}{write_overhead}"


def _figures(entry: Entry) -> list[str]:
    row = entry.row
    return [
        "live" if entry.is_live else "" if entry.is_there else "gone",
        row.generation,
        moment(row.applied_at),
        row.action,
        size(entry.bytes) if entry.is_there else "-",
        span(row.duration_ms),
        span(row.pause_ms),
    ]


def _story(entry: Entry, page: Page) -> Lines:
    row = entry.row
    who = row.actor or "someone"
    if row.rows:
        who += f", {count(row.rows, 'row')} written"
    if page.detail:
        who += f", by SQLite {row.sqlite_version}" if row.sqlite_version else ""
        beside = [beside_writers(entry.followed)] if entry.followed else []
        return [who, *beside, *(change["text"] for change in entry.changes)]
    match row.action:
        case HistoryAction.RESTORE:
            what = f"a backup of {row.previous} was restored into this file"
        case HistoryAction.ROLLBACK:
            what = f"back from {row.previous}"
        case HistoryAction.ADOPT:
            what = "taken over as it was"
        case _:
            what = gist(entry.changes, page.width - len(who) - 8) or "no change of shape"
    return [f"{who}: {what}"]


def history_json(entries: Sequence[Entry]) -> Json:
    """The same for machines."""
    generations = [
        {
            **as_row_json(entry.row),
            "bytes": entry.bytes,
            "live": entry.is_live,
            "file_missing": not entry.is_there,
            "changes": list(entry.changes),
            "replay": entry.followed and asdict(entry.followed),
        }
        for entry in entries
    ]
    return {"result": "listed", "generations": generations, "errors": []}


# --- export -----------------------------------------------------------------------------------------------------


def exported(found: Exported, result: str, path: Path, page: Page) -> Lines:
    """What the models say that schema.json did not."""
    told = {"current": f"{path} says what the models say", "differs": f"{path} does not say what the models say:"}
    lines = [told.get(result, f"wrote {path}:")]
    lines += [f"  {describe(change)}" for change in found.changes]
    lines += [f"  {table}: another model owns it" for table in found.relabelled]
    lines += [f"  {table}: its model owns it from now on" for table in found.claimed]
    lines += [f"  {table}: left to the migrations of its app" for table in found.moved_out]
    told_of = found.changes or found.relabelled or found.released or found.claimed or found.moved_out
    if result != "current" and not told_of:
        lines.append("  hints only")
    lines += [f"  {table}: its author's now, as no model makes it any more" for table in found.released]
    if found.untold and page.detail:
        lines.append(f"  left to its author, as it has no _model: {', '.join(found.untold)}")
    return lines


def data_left(names: Iterable[str]) -> Lines:
    """Migrations of others that carry data, and were never run where there was no database yet."""
    told = list(names)
    if not told:
        return []
    apps = ", ".join(sorted({name.partition(".")[0] for name in told}))
    return [
        f"a database that is made from schema.json does not run these migrations, which fill tables: {', '.join(told)}",
        f'  where that matters, let the app keep its migrations: SCHEMASYNC["MIGRATED_APPS"], one of {apps}',
    ]


def exported_json(found: Exported, result: str, path: Path) -> Json:
    """The same for machines."""
    return {
        "result": result,
        "file": str(path),
        "changes": [change_json(change) for change in found.changes],
        "model_changed": list(found.relabelled),
        "released": list(found.released),
        "moved_out": list(found.moved_out),
        "not_expressed": list(found.untold),
        "claimed": list(found.claimed),
        "notes": list(found.notes),
        "errors": [],
    }


# --- rollback ---------------------------------------------------------------------------------------------------


def preview(ahead: Preview, page: Page) -> Lines:
    """What a rollback would do."""
    lines = [
        f"back from {ahead.live.generation} to {ahead.to.generation} "
        f"(version {short(ahead.to.version)}, live from {moment(ahead.to.applied_at)} UTC)"
    ]
    here, there = ahead.live.generation, ahead.to.generation
    if not ahead.written:
        return [*lines, "nothing was written since: no row differs" if ahead.is_since else "no row differs"]
    rows = [
        [item.table, f"{item.added:,}", f"{item.changed:,}", f"{item.removed:,}", item.note]
        if item.comparable
        else [item.table, "?", "?", "?", f"not comparable: {item.note}"]
        for item in ahead.written
    ]
    if all(item.comparable and not (item.added or item.changed or item.removed) for item in ahead.written):
        what = f"no difference was found, but not every column was compared; {here} stays whole:"
        headings = ("table", "added", "changed", "removed", "")
    elif ahead.is_since:
        what = f"written since, and set aside whole in {here}, to which you can go back:"
        headings = ("table", "added", "changed", "removed", "")
    else:
        what = f"{here} and {there} differ; {here} stays whole, and you can go back to it:"
        number, other = here.partition("-")[0], there.partition("-")[0]
        headings = ("table", f"only in {number}", "differ", f"only in {other}", "")
    lines += [what, *(f"  {line}" for line in table(headings, rows, page, right=(1, 2, 3)))]
    if any(item.not_compared for item in ahead.written):
        lines.append("Rows that differ only in columns that are not compared are not counted.")
    return lines


def planned_json(ahead: Preview) -> Json:
    """A rollback that was only looked at."""
    return {
        "result": "planned",
        "version": ahead.to.version,
        "previous": ahead.live.version,
        "generation": ahead.generation.name,
        "differences": prospect_json(ahead),
        "errors": [],
    }


def restored(done: RolledBack) -> Lines:
    """What a rollback came to."""
    ahead = done.preview
    return [
        f"{ahead.generation.name} is live again: version {short(ahead.to.version)}, "
        f"writers waited {span(done.pause_ms)}",
        f"To undo it: manage.py schemasync rollback {ahead.live.generation}",
    ]


def restored_json(done: RolledBack) -> Json:
    """The same for machines."""
    times = {"duration_ms": done.duration_ms, "pause_ms": done.pause_ms}
    return {**planned_json(done.preview), "result": "rolled_back", **times, "errors": []}


# --- the other actions ------------------------------------------------------------------------------------------


def left_out(seen: Inspected) -> Lines:
    """What a folder of scripts holds that no schema does: for people to know."""
    lines = [f"left out, as a schema holds no rows: {count(n, 'row')} of {name}" for name, n in seen.rows.items()]
    return lines + [f"left out, as it undoes another: {name}" for name in seen.left_out]


def unknown_names(unknown: Unknown, page: Page) -> Lines:
    """Functions, collations and modules that the database uses and this process does not know."""
    if not unknown:
        return []
    return [
        *paragraph("used by the database, and not known to this process: ", str(unknown).split(", "), page),
        "  what uses it is carried along, and is not written again until it is registered (docs/coming-over.md)",
    ]


def not_created(left_out: Sequence[LeftOut], page: Page) -> Lines:
    """What a schema that was read from a database does not name."""
    named = [f"{one.type} {one.name} ({one.error})" for one in left_out]
    return paragraph("left out of schema.json, as SQLite does not compile it here: ", named, page)


def not_created_json(left_out: Sequence[LeftOut]) -> list[dict[str, str]]:
    return [{"type": one.type, "name": one.name, "error": one.error} for one in left_out]


def unknown_json(unknown: Unknown) -> dict[str, list[str]]:
    return {
        "functions": sorted(unknown.functions),
        "collations": sorted(unknown.collations),
        "modules": sorted(unknown.modules),
    }


def refused_later(faults: Sequence[str]) -> Lines:
    """What must be mended by hand in a schema that was read from a database."""
    return [f"to be mended before a sync: {fault}" for fault in faults]


def inspected_json(seen: Inspected, schema: Json, output: Path | None, faults: Sequence[str]) -> Json:
    """A schema that was read, and what was not."""
    return {
        "result": "inspected",
        "version": seen.version,
        "schema": schema,
        "rows": seen.rows,
        "left_out": list(seen.left_out),
        "not_created": not_created_json(seen.not_created),
        "unknown_names": unknown_json(seen.unknown),
        "problems": list(faults),
        "output": str(output) if output else None,
        "errors": [],
    }


def pruned(done: Pruned, *, dry_run: bool) -> Lines:
    """Which archives went, and which stayed."""
    verb = "would remove" if dry_run else "removed"
    lines = [f"{verb} {_archive(archive)}" for archive in done.gone] or ["nothing to remove"]
    lines += [f"left for now, live until a moment ago: {_archive(archive)}" for archive in done.young]
    lines += [f"kept, newer than all that the history names: {_archive(archive)}" for archive in done.unknown]
    return [*lines, f"kept: {', '.join(a.generation.name for a in done.kept) or 'none'}"]


def _archive(archive: Archive) -> str:
    return f"{archive.generation.name} ({size(archive.bytes)})"


def pruned_json(done: Pruned, *, dry_run: bool) -> Json:
    """The same for machines."""

    def one(archive: Archive) -> Json:
        at = archive.at.isoformat() if archive.at else None
        return {"generation": archive.generation.name, "bytes": archive.bytes, "superseded_at": at}

    return {
        "result": "planned" if dry_run else "pruned",
        "removed": [one(a) for a in done.gone],
        "kept": [one(a) for a in done.kept],
        "too_recent": [one(a) for a in done.young],
        "not_in_history": [one(a) for a in done.unknown],
        "errors": [],
    }
