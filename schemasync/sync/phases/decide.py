"""Decides what a run would do, from the files, schema.json and the data, without writing."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from ...diff.compare import AddedTable, Allowed, Diff, TablePair, compare
from ...diff.dropped import losses, repair_hint
from ...diff.hazards import Hazard, HazardCode, column_order, rebuilt_indexes, written_rows
from ...diff.hint_keys import HintKey, all_hints, rows_key, table_drop, transformed
from ...engines.sqlite import dry_run, validate
from ...engines.sqlite.computed_indexes import kept_of_old
from ...engines.sqlite.connection import Opener
from ...engines.sqlite.hazards.derived import probe_derived
from ...engines.sqlite.hazards.probe import foreign_children, probe
from ...engines.sqlite.hazards.transforms import probe_transforms
from ...engines.sqlite.hazards.unreadable import Readers
from ...engines.sqlite.inspect import Inspection
from ...engines.sqlite.name_errors import Unknown
from ...engines.sqlite.reference_rows import violations
from ...engines.sqlite.selection import DerivedTable, selections
from ...engines.sqlite.uncompiled import ours_here, to_validate, unknown_to
from ...engines.sqlite.unknown_names import with_stand_ins
from ...errors import Code, Problem, Refused
from ...history.data_migrations import DataMigration
from ...history.row import HistoryRow
from ...history.rows import by_author, hints_of, models_of, moment, schema_of
from ...plan import transforms
from ...plan.lint import declarations
from ...plan.make import converting, idle_allowances, make
from ...plan.model import NeverRun, Plan, Strategy
from ...schema.document import Document
from ...schema.model import Schema
from ...schema.names import fold, to_key
from ...schema.subset import differing
from ...schema.text import literal
from ..data_migrations import never_run
from ..previously_live import not_adopted
from ..run.limits import Limits
from ..run.live_database import Elsewhere, LiveDatabase
from ..run.target import Target
from .fill_options import with_fill_option
from .in_place import checked as checked_in_place
from .in_place import not_in_place
from .older_version import older_version
from .same_state import SameState, State, of_history

NeedsNewFile = Callable[[Plan, Mapping[str, str], Mapping[str, str]], Sequence[str]]
"""Says in phrases what the application would do on the new file of a plan; the mappings are those of tables to models,
before and after it."""


@dataclass(frozen=True, slots=True)
class WithArchive:
    """The options of a sync to an earlier schema, for which no recorded hint counts as acted. `feed` adds the values of
    the archive to a plan. `leaving`: folded names of live tables, and of columns as "table.column", that the earlier
    schema does not have."""

    feed: Callable[[Plan], Plan]
    leaving: frozenset[str]


def _nothing(plan: Plan, before: Mapping[str, str], after: Mapping[str, str]) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """The options of the command line. `block_writers`: writers wait during the build. `again`: build a new file
    although the schema is current, for the application's work on it. `in_place`: alter the live file instead;
    `needs_new_file`: returns the work that the application would do on a new one. `is_switch`: a switch leaves the old
    file for another branch.

    `data_migrations`: those of the installed apps, None if they are not used. `accepted_migrations`: those that are
    accepted for this database, though it never ran them. `elsewhere`: folded names of tables of installed models that
    schema.json does not make; `models`: maps the folded name of a table that it makes to its installed model;
    `readers`: whether the field of a model can read a value. `with_archive`: for a rollback that keeps writes.
    `planned`: decisions for databases that may be in the same state, with equal options; the data of each database is
    still checked.
    """

    rebuild_all: bool = False
    verify_full: bool = False
    allow_older: bool = False
    repair: bool = False
    allow_drop: frozenset[str] = frozenset()
    block_writers: bool = False
    again: bool = False
    in_place: bool = False
    needs_new_file: NeedsNewFile = field(default=_nothing, compare=False)
    is_switch: bool = False
    data_migrations: tuple[DataMigration, ...] | None = None
    accepted_migrations: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    models: Mapping[str, str] = field(default_factory=dict)
    readers: Readers = field(default_factory=dict, compare=False)
    limits: Limits = field(default_factory=Limits)
    with_archive: WithArchive | None = field(default=None, compare=False)
    planned: SameState[Decision] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """`plan` is None if the database is current; `foreign` are foreign objects."""

    plan: Plan | None
    foreign: tuple[tuple[str, str], ...] = ()
    never_run: NeverRun | None = None


def decide(target: Target, document: Document, options: SyncOptions, state: LiveDatabase | None) -> Decision:
    """Return a decision whose plan has no blocking hazard, or None as its plan if the database is current. Raises
    Refused with all problems."""
    decision = plan_for(target, document, options, state)
    if decision.plan is None:
        return decision
    if decision.plan.blocking:
        raise Refused(map(as_problem, decision.plan.blocking))
    return replace(decision, plan=replace(decision.plan, models=document.models))


def plan_for(target: Target, document: Document, options: SyncOptions, state: LiveDatabase | None) -> Decision:
    """Like decide(), but the plan may have blocking hazards: for the command `plan`."""
    decision = rehearsed(target, document, options, state)
    if decision.plan is None or state is None or state.newest is None:
        return decision
    plan = with_hazards(decision.plan, state, options, target.opener)
    if plan.strategy is Strategy.IN_PLACE and plan.rewritten:
        raise Refused(not_in_place([f"{step.name}: some values are converted" for step in plan.rewritten]))
    return replace(decision, plan=plan)


def rehearsed(
    target: Target, document: Document, options: SyncOptions, state: LiveDatabase | None, unknown: Unknown | None = None
) -> Decision:
    """Like plan_for(), but from the schema alone: no row is read. Raises Refused and SchemaInvalid.

    `unknown`: the names that the database uses and this process does not know, if they are known already.
    """
    if state is not None and state.generation is None:
        _refuse_plain(target, state)
    found = never_run(state, options.data_migrations, options.accepted_migrations)
    decision = _decided(target, document, options, state, unknown)
    plan = decision.plan
    if plan is not None:
        plan = replace(plan, never_run=found, is_switch=options.is_switch)
    return replace(decision, plan=plan, never_run=found)


def _decided(
    target: Target, document: Document, options: SyncOptions, state: LiveDatabase | None, unknown: Unknown | None
) -> Decision:
    if state is None or state.newest is None:
        validate.validate_schema(document.schema, target.opener, document.place)
        _refuse_rows(document, target.opener)
        if options.in_place:
            raise Refused(not_in_place(["there is no database yet"]))
        return _first(document, state)
    if is_current(document, options, state) and state.is_untouched:
        return Decision(None)
    if (known := options.planned) is None or options.in_place or options.with_archive is not None:
        return _planned(target, document, options, state, unknown)
    same = _state(document, options, state, state.newest)
    if (found := known.get(same)) is None:
        found = _planned(target, document, options, state, unknown)
        known.note(same, found)
    else:
        _refuse_older(document, state.rows, options)  # the history of a database is its own
    return found


def _state(document: Document, options: SyncOptions, state: LiveDatabase, newest: HistoryRow) -> State:
    """Return all facts that the result of _planned() depends on, except the rows of the history before the newest
    one."""
    return document.text, document.source, options, state.fingerprint, *of_history(newest)


def _planned(
    target: Target, document: Document, options: SyncOptions, state: LiveDatabase, unknown: Unknown | None
) -> Decision:
    """Return the decision for a database that has a history and may not be current. Raises Refused and
    SchemaInvalid."""
    assert state.newest is not None
    inspection = state.inspect()
    unknown = unknown_to(state.connection, target.opener) if unknown is None else unknown
    wanted = to_validate(document.schema, inspection.schema, unknown)
    opener = with_stand_ins(target.opener, unknown)
    validate.validate_schema(wanted, opener, document.place)
    _refuse_rows(document, opener)
    _refuse_drops_of_others(document, options, state)
    elsewhere = not_ours(document, options.elsewhere, state.newest, options.allow_drop)
    found = state.ours(inspection, document, elsewhere)
    old = ours_here(state.connection, found, document.schema, target.opener, unknown)
    _refuse_taken_triggers(document, old, inspection)
    ours = {*old.object_names(), *document.schema.object_names()}
    foreign = tuple(o.named for o in inspection.foreign(ours, elsewhere))
    drift = state.drift(inspection, elsewhere)
    _refuse_drift(target, document, state.newest, found, drift, options)
    _refuse_older(document, state.rows, options)
    diff = _diff(document, old, options, state.newest)
    anyway = options.rebuild_all or options.again or (options.repair and drift)
    if not diff.changes and not diff.acted and state.newest.version == document.version and not anyway:
        return Decision(None, foreign)
    there = inspection.schema
    plan = _plan(target, document, options, state, old, there, diff, unknown)
    if not (diff.changes or diff.acted or anyway or plan.rewritten) and _is_only_reordered(document, state.newest):
        plan = replace(plan, strategy=Strategy.IN_PLACE, reason="no table changes; the history records the version")
    elif options.in_place:
        plan = checked_in_place(target, plan, state, unknown, _own_work(target, document, options, state, plan))
    plan = replace(plan, foreign=foreign, hazards=(*plan.hazards, *_built_again(plan, state)))
    return Decision(plan, foreign)


def _refuse_taken_triggers(document: Document, old: Schema, inspection: Inspection) -> None:
    """Raise Refused if a new trigger has the name of one on a table or view that schema.json does not name: a database
    has one trigger of a name, so that one would be lost."""
    known = {name for kind, name in old.object_names() if kind == "trigger"}
    taken = {fold(one.name): one for one in inspection.objects if one.type == "trigger" and fold(one.name) not in known}
    if problems := [
        Problem(
            Code.NAME_CLASH,
            f'the trigger "{trigger.name}" of "{owner.name}" has the name of a trigger on "{there.table}", which '
            "schema.json does not name",
            "Give one of the two another name.",
            {"object": trigger.name},
        )
        for owner in document.schema.owners
        for trigger in owner.triggers
        if (there := taken.get(fold(trigger.name))) is not None
    ]:
        raise Refused(problems)


def _built_again(plan: Plan, state: LiveDatabase) -> Iterator[Hazard]:
    """Yield a note on indexes that are built again because another SQLite built them."""
    if plan.strategy is Strategy.CLONE and state.is_of_another_sqlite:
        found = kept_of_old(state.connection, plan)
        yield from rebuilt_indexes([one.name for one in found], state.built_by, sqlite3.sqlite_version)


def in_place(target: Target, document: Document, options: SyncOptions, state: LiveDatabase, plan: Plan) -> Plan | None:
    """Return the plan for the live file itself; None if nothing changes, or not every change is possible there."""
    if plan.strategy is not Strategy.CLONE or not plan.changes:
        return plan if plan.strategy is Strategy.IN_PLACE and plan.changes else None
    unknown = unknown_to(state.connection, target.opener)
    try:
        return checked_in_place(target, plan, state, unknown, _own_work(target, document, options, state, plan))
    except Refused:
        return None


def _own_work(
    target: Target, document: Document, options: SyncOptions, state: LiveDatabase, plan: Plan
) -> Sequence[str]:
    """Return the work that the application would do on a new file, in phrases."""
    found = [
        *([] if target.health is None else [f"{target.health.name} checks a new file (the setting HEALTH)"]),
        *options.needs_new_file(plan, models_of(state.newest), document.models),
        *(f"rows of {rows.table} are written" for rows in plan.reference_rows),
    ]
    return found or (["work of the project is due on a new file"] if options.again else [])


def _is_only_reordered(document: Document, newest: HistoryRow) -> bool:
    """Return True if schema.json differs from the recorded schema at most in the order of columns."""
    return not differing(schema_of(newest), document.schema) and models_of(newest) == document.models


def _refuse_drops_of_others(document: Document, options: SyncOptions, state: LiveDatabase) -> None:
    """Refuse a `_dropped` of a table that something else makes, and that is there."""
    others = document.elsewhere.union(set(options.elsewhere) - by_author(state.newest))
    if names := [name for name in state.to_drop(document) if fold(name) in others - set(map(fold, options.allow_drop))]:
        listed = ", ".join(f'"{name}"' for name in names)
        raise Refused.of(
            Code.NAME_CLASH,
            f"{document.source}: _dropped names {listed}, which an installed app or something else in _elsewhere makes",
            "Remove the name from _dropped. To drop the table with its rows nevertheless: manage.py schemasync"
            + "".join(f" --allow-drop {shlex.quote(name)}" for name in names),
        )


def not_ours(
    document: Document, elsewhere: Elsewhere, newest: HistoryRow | None, allow_drop: Collection[str] = ()
) -> frozenset[str]:
    """Return the folded names of tables that schema.json leaves to something else: they are carried along, even if the
    history has them, unless their drop is allowed by name.

    `elsewhere` are tables of installed models that schema.json does not make. A table that `newest` has without a model
    was written by the author of schema.json, also if an unmanaged model reads it: only `_elsewhere` leaves such a table
    to something else.
    """
    here = {fold(table.name) for table in document.schema.tables}
    dropped = {fold(name) for name in (*document.hints.dropped_tables, *allow_drop)}
    return document.elsewhere.union(set(elsewhere) - by_author(newest)) - here - dropped


def unrecorded_drops(state: LiveDatabase, document: Document) -> frozenset[HintKey]:
    """Return the names in `_dropped` that the history does not record yet, and whose tables are not there. Once
    recorded, they no longer drop a table that somebody makes later."""
    acted, waiting = hints_of(state.newest), set(map(fold, state.to_drop(document)))
    names = (name for name in document.hints.dropped_tables if fold(name) not in waiting)
    return frozenset(map(table_drop, names)) - acted


def is_current(document: Document, options: SyncOptions, state: LiveDatabase) -> bool:
    """Return True if the version is the same, and no hint would act: a swap of names does not change the version."""
    newest = state.newest
    if newest is None or newest.version != document.version or options.rebuild_all or options.again:
        return False
    recorded = hints_of(newest)
    if all_hints(document.hints) <= recorded:
        return True
    acts = compare(document.schema, document.schema, document.hints, recorded).acted
    return not acts and not state.to_drop(document)


def _refuse_plain(target: Target, state: LiveDatabase) -> None:
    """Refuse a plain file with objects: it would be gone after the swap, without a rollback to it. It is adopted
    first."""
    if state.newest is None and not state.inspect().objects:
        return
    raise Refused(not_adopted(target, state.newest))


def _first(document: Document, state: LiveDatabase | None) -> Decision:
    """Return the plan of a first generation: there is no file, or a database without a single object."""
    diff = compare(Schema(), document.schema)
    plan = make(
        diff,
        Schema(),
        document.schema,
        document.version,
        base_version=None,
        base_fingerprint=state.fingerprint if state else None,
        volatile=lambda table, column: False,
        fresh="there is no database yet",
    )
    # in data that is created in the new shape, every hint has acted
    rows = tuple(document.hints.rows.values())
    hazards = (*declarations(plan, ()), *plan.hazards, *written_rows(rows))
    plan = _with_places(replace(plan, hazards=hazards, place=document.place_of, reference_rows=rows))
    return Decision(replace(plan, applied_hints=all_hints(document.hints)))


def _refuse_rows(document: Document, opener: Opener) -> None:
    """Refuse rows of schema.json that their own table does not take, before anything is built."""
    found = document.hints.rows.values()
    if found and (problems := list(violations(opener, document.schema, tuple(found)))):
        raise Refused(document.located(one, to_key(one.facts["table"]), "_rows") for one in problems)


def _refuse_drift(
    target: Target, document: Document, newest: HistoryRow, found: Schema, drift: Collection[str], options: SyncOptions
) -> None:
    """Refuse changes by hand, unless schema.json contains them by now. `found`: our part of the database; `drift`: what
    was changed of it."""
    drifted = differing(document.schema, found).intersection(drift)
    if drifted and not options.repair:
        names = ", ".join(sorted(drifted))
        lost = compare(found, document.schema, document.hints, hints_of(newest)).problems
        raise Refused.of(
            Code.DRIFT,
            f"changed by hand since {moment(newest.applied_at)}: {names}",
            f"{repair_hint(losses(lost, drifted))}\n"
            "To keep it, add it to schema.json from the output of: "
            f"manage.py schemasync inspect {target.layout.link} -o found.json",
            objects=sorted(drifted),
        )


def _refuse_older(document: Document, rows: Sequence[HistoryRow], options: SyncOptions) -> None:
    found = older_version(document.version, rows, document.source)
    if found is not None and not options.allow_older:
        raise Refused(found)


def _diff(document: Document, old: Schema, options: SyncOptions, newest: HistoryRow) -> Diff:
    other_options = {"--repair": options.repair, "--allow-older": options.allow_older}
    given = tuple(option for option, is_given in other_options.items() if is_given)
    back = options.with_archive
    acted, leaving = (hints_of(newest), frozenset[str]()) if back is None else (frozenset[HintKey](), back.leaving)
    allowed = Allowed(leaving | frozenset(map(fold, options.allow_drop)), given)
    diff = compare(old, document.schema, document.hints, acted, allowed)
    if diff.problems:
        named = (_of_elsewhere(_of_models(problem, options.models), options.elsewhere) for problem in diff.problems)
        raise Refused(_located(document, problem) for problem in named)
    return diff


def _located(document: Document, problem: Problem) -> Problem:
    """Return the problem with the place in schema.json of the new table or column, or else of the table that lacks
    one."""
    table, new = problem.facts.get("table"), problem.facts.get("gained") or problem.facts.get("new") or []
    if table is None:
        return document.located(problem, *map(to_key, new[:1]))
    return document.located(problem, to_key(table), *(map(to_key, new) if len(new) == 1 else ()))


def _of_models(problem: Problem, models: Mapping[str, str]) -> Problem:
    """Return the problem with another hint if a lost table is that of an installed model: it is missing in schema.json,
    and is never proposed for a drop."""
    names = problem.facts["lost"] if problem.code in (Code.LOST_TABLE, Code.RENAME_OR_DROP) else ()
    lost = [models[fold(name)] for name in names if fold(name) in models]
    if problem.facts.get("table") is not None or not lost:
        return problem
    verb = "has one of them" if len(lost) == 1 else "have some of them"
    hint = f"{', '.join(lost)} {verb}, and is installed. To write it into schema.json: manage.py schemasync export"
    facts = {key: value for key, value in problem.facts.items() if key != "candidates"}  # no drop is proposed
    return replace(problem, hint=hint, facts=facts)


def _of_elsewhere(problem: Problem, elsewhere: Collection[str]) -> Problem:
    """Return the problem with `_elsewhere` as a third solution, for a lost table that an unmanaged model reads."""
    if problem.facts.get("table") is not None or problem.code not in (Code.LOST_TABLE, Code.RENAME_OR_DROP):
        return problem
    names = [name for name in problem.facts["lost"] if fold(name) in elsewhere]
    if not names:
        return problem
    hint = f'If something else makes it from now on: at the top of the file, "_elsewhere": {literal(names)}'
    return replace(problem, hint=f"{problem.hint}\n{hint}")


def _plan(
    target: Target,
    document: Document,
    options: SyncOptions,
    state: LiveDatabase,
    old: Schema,
    there: Schema,
    diff: Diff,
    unknown: Unknown,
) -> Plan:
    """Return the plan without hazards of the data. `there`: the schema of the live database with foreign objects, of
    which `old` is our part."""
    pairs = {one.new.name: one for one in diff.tables if isinstance(one, TablePair)}

    def volatile(table: str, column: str) -> bool:
        pair = pairs[table]
        fill = pair.fills.get(column)
        if fill is not None:
            return dry_run.is_volatile(target.opener, pair.old, fill.text)
        new = pair.new.column(column)
        return (
            new is not None and new.default is not None and dry_run.is_volatile(target.opener, None, new.default.text)
        )

    _refuse_transforms(document, diff, there)
    plan = make(
        diff,
        old,
        document.schema,
        document.version,
        base_version=state.newest.version if state.newest else None,
        base_fingerprint=state.fingerprint,
        volatile=volatile,
        fresh="--rebuild-all was given" if options.rebuild_all else "",
        selections=selections(
            state.path, target.opener, list(_derived(diff)), there, document.schema, document.place_of
        ),
        there=there,
    )
    allowed = frozenset(map(fold, options.allow_drop))
    rows = tuple(one for one in document.hints.rows.values() if rows_key(one) in diff.acted)
    notes = (*idle_allowances(diff, options.allow_drop), *written_rows(rows))
    hazards = (*declarations(plan, allowed), *plan.hazards, *notes)
    plan = _with_places(replace(plan, hazards=hazards, place=document.place_of, reference_rows=rows))
    if problems := dry_run.bad_fills(plan, target.opener):
        raise Refused(problems)
    plan = options.with_archive.feed(plan) if options.with_archive is not None else plan
    plan = dry_run.rehearse(state.connection, plan, target.opener, unknown)
    return replace(plan, hazards=(*plan.hazards, *column_order(plan.other_order)))


def _refuse_transforms(document: Document, diff: Diff, there: Schema) -> None:
    acting = [one for one in document.hints.transforms if transformed(one) in diff.acted]
    derived = {fold(one.table.name) for one in _derived(diff)}
    if problems := list(transforms.problems(acting, there, document.schema, derived)):
        raise Refused(problems)


def _derived(diff: Diff) -> Iterator[DerivedTable]:
    for one in diff.tables:
        if isinstance(one, AddedTable | TablePair) and one.derivation is not None:
            yield DerivedTable(one.new, one.derivation)


def with_hazards(plan: Plan, state: LiveDatabase, options: SyncOptions, opener: Opener) -> Plan:
    """Return the plan with the hazards that the present data has."""
    static = tuple(hazard for hazard in plan.hazards if hazard.code in _STATIC)
    allowed = frozenset(map(fold, options.allow_drop))
    found = probe(state.connection, plan, allowed, options.readers, opener)
    max_pause = None if options.block_writers else options.limits.max_pause
    foreign = foreign_children(state.connection, plan) if plan.derived else ()
    derived = probe_derived(state.path, plan, opener, allowed, options.readers, max_pause, foreign)
    data = (*found, *derived.hazards)
    if plan.archive:
        data = tuple(map(partial(with_fill_option, plan), data))
    plan = replace(derived.plan, hazards=(*data, *static))
    plan = probe_transforms(state.path, plan, opener, allowed)
    return converting(_with_places(plan))


def _with_places(plan: Plan) -> Plan:
    """Return the plan whose hazards have the place of their column in schema.json, if a person can correct them
    there."""
    return replace(plan, hazards=tuple(map(partial(_with_place, plan), plan.hazards)))


def _with_place(plan: Plan, hazard: Hazard) -> Hazard:
    is_corrected_there = hazard.hint and hazard.code is not HazardCode.HINT_ALREADY_APPLIED
    return replace(hazard, place=plan.place(hazard.table, hazard.column)) if is_corrected_there else hazard


_STATIC = frozenset(
    {
        HazardCode.HINT_ALREADY_APPLIED,
        HazardCode.FILL_UNUSED,
        HazardCode.FILL_VOLATILE,
        HazardCode.WAS_UNUSED,
        HazardCode.NAME_REUSED,
        HazardCode.ROWID_ALIAS_LOST,
        HazardCode.KEY_IS_NOT_ROWID,
        HazardCode.TYPE_UNKNOWN,
        HazardCode.ALLOW_DROP_UNUSED,
        HazardCode.COLUMN_ORDER,
        HazardCode.REFERENCE_ROWS,
        HazardCode.STALE_INDEX,
    }
)


def as_problem(hazard: Hazard) -> Problem:
    """The problem for a blocking hazard."""
    return Problem(Code.HAZARD, str(hazard), hazard.hint, hazard.as_json())
