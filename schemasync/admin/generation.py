"""The page of one generation: its schema, its changes, its differences from the live one, and its build."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from .. import conf, databases
from ..diff.changes import AddIndex
from ..diff.side_by_side import Names, Pair, changed, side_by_side
from ..errors import NeedsPerson, SchemasyncError
from ..history.action import HistoryAction
from ..history.lineage import Lineage, is_in_place
from ..history.row import HistoryRow
from ..history.rows import MadeByHand, schema_of, steps_of
from ..management.local_time import local_time
from ..models import SchemaVersion
from ..orm.baseline import baseline
from ..orm.models import modelled
from ..plan.model import Action, CarriedStep, Create, Plan, Step, Strategy
from ..schema import write
from ..schema.model import Schema
from ..schema.spelling import Texts, respelled, texts
from ..schema.text import short
from ..sync.inspection import written_schema
from ..sync.preview import statements
from ..texts import span
from .history_rows import changes_of, light, run_facts, story
from .pages import Pages
from .selected_database import SelectedDatabase

MOST, ALL = 40, 1_000_000  # tables that are shown line by line, unless all are requested
FURTHEST = 60  # generations: beyond it, a rename is shown as a drop and a new column
MADE = (HistoryAction.SYNC, HistoryAction.ALTER)  # actions that change tables
COLUMNS = ("id", *(field for field in HistoryRow.__dataclass_fields__ if field not in ("id", "sqlite_version")))


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two generations side by side; `left` is shown as the older one. `pairs`: tables and views that differ; if there
    are many, `more` has the names of the rest. `same`: the number of equal tables and views. `whole`: also show equal
    lines."""

    left: str
    right: str
    pairs: tuple[Pair, ...]
    same: int
    more: tuple[str, ...] = ()
    whole: bool = False

    @property
    def has_same_lines(self) -> bool:
        """True if a table that differs has lines that are the same."""
        return any(len(pair.changes) < len(pair.lines) for pair in self.pairs)


def generation(admin: Pages, request: HttpRequest, selected: SelectedDatabase, key: str) -> HttpResponse:
    """The page of a history row."""
    row = _row(selected, key)
    if not _is_whole(row):
        raise Http404
    listed = light(SchemaVersion.objects.using(selected.alias)).get(pk=row.id)
    before, newest = _before(selected, row), _newest(selected)
    live, shown = newest.generation, Shown(bool(request.GET.get("all")), bool(request.GET.get("lines")))
    known = _texts(selected, {row.generation, live, *([before.generation] if before is not None else [])})
    context = {
        "row": row,
        "pk": row.id,
        "when": local_time(row.applied_at),
        "action": listed.get_action_display(),
        "story": story(listed),
        "changes": [change["text"] for change in changes_of(listed)] if row.action in MADE else [],
        "version": short(row.version),
        "took": span(row.duration_ms),
        "waited": span(row.pause_ms),
        "is_live": row.generation == live,
        "file": selected.file_of(row.generation),
        **_steps(row.details),
        "run": run_facts(row),
        "to_previous": _to_previous(before, row, known, shown) if before is not None else None,
        "to_live": _to_live(selected, row, newest, known, shown) if not _has_tables_of(row, newest) else None,
        "schema": _text(respelled(schema_of(row), known)) if request.GET.get("schema") else None,
        "tables_in_all": len(json.loads(row.schema).get("tables", ())),
    }
    return admin.render(
        request, "generation.html", selected, _("Generation %(name)s") % {"name": row.generation}, context
    )


def _steps(plan: dict[str, Any]) -> dict[str, Any]:
    """Return the steps of the tables for the template. `has_steps` is False if all are new or kept: the changes show
    that."""
    tables = plan.get("tables", ())
    actions = {table["action"] for table in tables}
    return {
        "plan": plan,
        "tables": [table for table in tables if table["action"] != Action.KEEP],
        "kept": sum(table["action"] == Action.KEEP for table in tables),
        "has_steps": bool(actions - {Action.KEEP, Action.CREATE}),
        "has_rewritten": bool(actions & {Action.REWRITE, Action.DERIVE}),
    }


def schema_json(admin: Pages, request: HttpRequest, selected: SelectedDatabase, pk: int) -> HttpResponse:
    """Return the schema as a schema.json, as a download."""
    row = _row(selected, pk)
    found, comment = respelled(schema_of(row), _texts(selected, {row.generation})), f"version {row.version}"
    text = baseline(found, modelled(selected.alias), comment, {}) if conf.is_enabled() else _text(found, comment)
    response = HttpResponse(text, content_type="application/json")
    name = f"schema-{short(row.version)}.json"
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename="".join(name.split()))
    return response


def sql(admin: Pages, request: HttpRequest, selected: SelectedDatabase, pk: int) -> HttpResponse:
    """Show the statements that built the generation, as `plan --sql` printed them."""
    row = _row(selected, pk)
    before = _before(selected, row)
    known = _texts(selected, {row.generation})
    found = row.details.get("sql") or []
    if row.action == HistoryAction.SYNC and not found:
        found = statements(respelled(_plan(row, before), known))
    title = _("SQL of %(name)s") % {"name": row.generation}
    return admin.render(request, "sql.html", selected, title, {"row": row, "pk": pk, "statements": found})


def _texts(selected: SelectedDatabase, generations: set[str]) -> Texts:
    """Return the SQL of these generations as written in their files, as the history stores canonical spellings. Skip
    files that are gone or cannot be read."""
    found = []
    for generation in filter(None, map(selected.file_of, sorted(generations))):
        with suppress(SchemasyncError, FileNotFoundError):
            found.append(written_schema(databases.opener(selected.alias), generation.path))
    return texts(found)


# --- rows ---------------------------------------------------------------------------------------------------------


def _row(selected: SelectedDatabase, key: int | str) -> HistoryRow:
    """Return one row with all its columns. Raises Http404 if there is none."""
    try:
        values = SchemaVersion.objects.using(selected.alias).filter(pk=key).values(*COLUMNS).first()
    except ValueError:
        values = None
    if values is None:
        raise Http404
    return HistoryRow(**values)


def _is_whole(row: HistoryRow) -> bool:
    """False for a row that somebody changed by hand so that it is not JSON."""
    try:
        return bool(json.loads(row.plan) is not None and json.loads(row.schema))
    except ValueError:
        return False


def _newest(selected: SelectedDatabase) -> SchemaVersion:
    return light(SchemaVersion.objects.using(selected.alias)).order_by("-id")[0]


def _has_tables_of(row: HistoryRow, newest: SchemaVersion) -> bool:
    """True for a row of the live generation that was not altered since."""
    return bool(row.generation == newest.generation and row.version == newest.version)


def _before(selected: SelectedDatabase, row: HistoryRow) -> HistoryRow | None:
    """Return the newest earlier row of the previous generation: of the same generation if it was altered in place, and
    for a rollback of the generation that was live until then."""
    previous = row.generation if is_in_place(row) else row.previous
    if previous is None:
        return None
    made = SchemaVersion.objects.using(selected.alias).filter(generation=previous, pk__lt=row.id).order_by("-id")
    values = made.values(*COLUMNS).first()
    return HistoryRow(**values) if values else None


# --- side by side -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """The options of the page: show all tables that differ, and show their equal lines."""

    all_tables: bool
    whole_tables: bool


def _to_previous(before: HistoryRow, row: HistoryRow, known: Texts, shown: Shown) -> SideBySide:
    names = _names(steps_of(row, before)) if row.details.get("tables") else {}
    return _side_by_side(before, row, names, known, shown)


def _to_live(
    selected: SelectedDatabase, row: HistoryRow, newest: SchemaVersion, known: Texts, shown: Shown
) -> SideBySide:
    """Compare with the live generation. Renames are known if one of the two is a descendant of the other."""
    live = _row(selected, newest.pk)
    try:
        lineage = _lineage(selected, row, live)
        is_ancestor = row.id in {one.id for one in lineage.line(live.generation)}
        names: Names = (
            dict(lineage.names(row, live.generation, changed=True))
            if is_ancestor
            else _names(lineage.steps(row.generation, live.generation))
        )
    except (KeyError, ValueError, NeedsPerson):  # too far apart, not related, or changed by hand
        names = {}
    return _side_by_side(row, live, names, known, shown)


def _lineage(selected: SelectedDatabase, *wanted: HistoryRow) -> Lineage:
    """Return the history of these generations, with at most `FURTHEST` whole rows for each: rows are large, and may be
    many."""
    names = ("id", "generation", "previous", "action")
    known = SchemaVersion.objects.using(selected.alias).order_by("id").values_list(*names)
    small = Lineage([replace(wanted[0], id=i, generation=g, previous=p, action=a, plan="{}") for i, g, p, a in known])
    needed = {name for row in wanted for name in islice(small.ancestors(row.generation), FURTHEST)}
    rows = SchemaVersion.objects.using(selected.alias).filter(generation__in=needed).order_by("id").values(*COLUMNS)
    return Lineage([HistoryRow(**values) for values in rows])


def _names(steps: tuple[Step | MadeByHand, ...]) -> Names:
    return {
        step.old.name: (step.new.name, {feed.source: feed.column for feed in step.feeds if feed.source})
        for step in steps
        if isinstance(step, CarriedStep)
    }


def _side_by_side(left: HistoryRow, right: HistoryRow, names: Names, known: Texts, shown: Shown) -> SideBySide:
    pairs = side_by_side(respelled(schema_of(left), known), respelled(schema_of(right), known), names)
    differing, most = changed(pairs), ALL if shown.all_tables else MOST
    more = tuple(pair.name for pair in differing[most:])
    same = len(pairs) - len(differing)
    names_of = (left.generation, right.generation)
    if left.generation == right.generation:  # the file was altered in place
        names_of = (f"{left.generation} ({short(left.version)})", f"{right.generation} ({short(right.version)})")
    return SideBySide(*names_of, differing[:most], same, more, shown.whole_tables)


# --- texts --------------------------------------------------------------------------------------------------------


def _text(schema: Schema, comment: str = "") -> str:
    return write.write(schema, comment)


def _plan(row: HistoryRow, before: HistoryRow | None) -> Plan:
    """Return the part of the plan that its statements need."""
    new = schema_of(row)
    if before is None:
        born = tuple(Create(table) for table in new.tables)
        return _of(row, Schema(), new, Strategy.FRESH, born)
    strategy = Strategy(row.details.get("strategy", Strategy.CLONE))
    steps = (_with_indexes(step) for step in steps_of(row, before) if not isinstance(step, MadeByHand))
    return _of(row, schema_of(before), new, strategy, tuple(steps))


def _of(row: HistoryRow, old: Schema, new: Schema, strategy: Strategy, steps: tuple[Step, ...]) -> Plan:
    return Plan(None, None, row.version, old, new, strategy, "", steps, (), frozenset())


def _with_indexes(step: Step) -> Step:
    """Return the step of a kept table with its new indexes as changes: the history stores changes only as text."""
    if not isinstance(step, CarriedStep):
        return step
    got = (AddIndex(step.name, index) for index in step.new.indexes if index not in step.old.indexes)
    return replace(step, changes=tuple(got))
