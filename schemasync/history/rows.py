"""Read and find history rows, with their JSON decoded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypedDict, assert_never, cast

from ..diff import hint_keys
from ..diff.changes import ChangeJson
from ..diff.changes import as_json as change_json
from ..diff.hint_keys import HintKey
from ..errors import Code, NeedsPerson, Refused
from ..plan.model import (
    Action,
    Alter,
    CarriedStep,
    ColumnSource,
    Create,
    Derive,
    Drop,
    Keep,
    NeverRun,
    Origin,
    Plan,
    Rewrite,
    Selection,
    Step,
    Transform,
)
from ..schema import digest
from ..schema.model import Schema
from ..schema.names import fold
from ..schema.text import dumps, short
from .row import HISTORY_TABLE, HistoryRow

FEWEST = 4  # digits that select a version: fewer could be the number of a generation


def now() -> str:
    """Return the current time in UTC, in the format of the history."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Stamp:
    """The actor and the versions of the software: the same for every row that a run writes."""

    actor: str
    tool_version: str


def hints_of(row: HistoryRow | None) -> frozenset[HintKey]:
    """Return the hints that have acted on the data of this row's generation; none without a row. Raises NeedsPerson if
    the row is damaged."""
    if row is None:
        return frozenset()
    try:
        return frozenset(map(hint_keys.from_json, _json(row, row.hints, list)))
    except ValueError as error:
        raise _damaged(row, "its hints are none that schemasync records") from error


@lru_cache(maxsize=4)  # a run needs the schema of the newest row several times
def schema_of(row: HistoryRow) -> Schema:
    """Return the schema that the row's generation had when the row was written. Raises NeedsPerson if it is damaged."""
    return digest.from_json(_json(row, row.schema, dict))


def details_of(row: HistoryRow) -> dict[str, Any]:
    """Like HistoryRow.details, but raise NeedsPerson if the plan column is not a JSON object."""
    return dict(_json(row, row.plan, dict))


def _json(row: HistoryRow, text: str, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, kind):
        return found
    raise _damaged(row, "it holds no JSON")


def _damaged(row: HistoryRow, what: str) -> NeedsPerson:
    return NeedsPerson.of(
        Code.HISTORY_DAMAGED,
        f"row {row.id} of {HISTORY_TABLE}, generation {row.generation}, was changed by hand: {what}",
        "A backup, or the archive of that generation or of a newer one, has the original row: write it back from there."
        " Commands that do not need the row still work.",
        row=row.id,
        generation=row.generation,
    )


def hints_json(hints: Iterable[HintKey]) -> str:
    """Return these hints as JSON for the history."""
    return dumps(sorted(map(hint_keys.as_json, hints)))


def find(rows: Sequence[HistoryRow], wanted: str) -> HistoryRow:
    """Return the newest row of a generation (`0002-3f2a9c1b6d2e`, `2`) or of a version (4 hex digits or more).

    Raises Refused if nothing matches, or more than one version or generation.
    """
    text = wanted.removeprefix("1:").lower()
    by_generation = [r for r in rows if r.generation == wanted or _number(r.generation) == wanted.lstrip("0")]
    if by_generation:
        return by_generation[-1]
    if len(text) < FEWEST:
        raise Refused.of(
            Code.UNKNOWN_GENERATION,
            f'the history has no generation "{wanted}", and a version needs {FEWEST} digits or more',
            "See: manage.py schemasync history",
        )
    found = [r for r in rows if r.version.partition(":")[2].startswith(text)]
    if len({r.version for r in found}) > 1:
        names = ", ".join(sorted({short(r.version) for r in found}))
        raise Refused.of(Code.UNKNOWN_GENERATION, f"{wanted} may be any of {names}", "Use more digits.")
    if len(generations := sorted({r.generation for r in found})) > 1:
        raise Refused.of(
            Code.UNKNOWN_GENERATION,
            f"{wanted} is the version of several generations: {', '.join(generations)}",
            "Name the generation: the schema is the same, the rows are not.",
        )
    if found:
        return found[-1]
    raise Refused.of(
        Code.UNKNOWN_GENERATION,
        f"the history has no generation or version {wanted}",
        "See: manage.py schemasync history",
    )


def versions(rows: Iterable[HistoryRow]) -> dict[str, str]:
    """Map each generation to the version that it has now, in the order in which they were live last."""
    found: dict[str, str] = {}
    for row in rows:
        found.pop(row.generation, None)
        found[row.generation] = row.version
    return found


def find_file(rows: Sequence[HistoryRow], wanted: str) -> HistoryRow:
    """Like find(), but only for generations whose file has that version now. Raises Refused also if it was altered
    since."""
    now_has = versions(rows)
    try:
        return find([row for row in rows if row.version == now_has[row.generation]], wanted)
    except Refused:
        row = find(rows, wanted)
        raise Refused.of(
            Code.UNKNOWN_GENERATION,
            f"no file has version {short(row.version)} any more: {row.generation} was altered in place, and has "
            f"{short(now_has[row.generation])}",
            f"To bring today's rows to it, write its schema.json and sync: manage.py schemasync inspect "
            f"{row.version} -o schema.json, then: manage.py schemasync --allow-older",
        ) from None


def moment(applied_at: str) -> str:
    """Return `2026-05-04 13:12 CEST` for the history's `2026-05-04T11:12:13.456Z`, in the time zone of the process,
    which Django sets to that of the site. Return any other text as it is."""
    try:
        return f"{datetime.fromisoformat(applied_at).astimezone():%Y-%m-%d %H:%M %Z}"
    except ValueError:
        return applied_at


def _number(generation: str) -> str:
    return generation.partition("-")[0].lstrip("0")


# --- plans in the history ---------------------------------------------------------------------------------------


def _recorded(plan: Plan) -> Plan:
    """Return the plan without expressions that read an archive: they cannot be computed again later."""
    if not plan.archive:
        return plan
    return replace(plan, steps=tuple(map(_without_archive, plan.steps)))


def _without_archive(step: Step) -> Step:
    match step:
        case Derive():
            return Create(step.new)
        case Keep() | Alter() | Rewrite():
            is_filled = Origin.FILLED
            return replace(
                step, feeds=tuple(replace(f, volatile=f.volatile or f.origin is is_filled) for f in step.feeds)
            )
        case Create() | Drop() | Transform():
            return step
        case _:
            assert_never(step)


def plan_json(
    plan: Plan,
    rows: Mapping[str, int],
    notes: Sequence[str] = (),
    runner_tables: Mapping[str, str] | None = None,
    left: str | None = None,
) -> dict[str, Any]:
    """Return the plan as the history stores it: enough to show the changes, and to compare both files again later.

    `runner_tables`: digests of the tables of migration runners. `left`: the generation that a switch leaves.
    """
    plan = _recorded(plan)
    return {
        "strategy": str(plan.strategy),
        "changes": [change_json(change) for change in plan.changes],
        "tables": [
            {
                "table": step.name,
                "old": old_name(step),
                "action": str(step.action),
                "rows": rows.get(step.name),
                "feeds": [asdict(feed) for feed in step.feeds] if isinstance(step, CarriedStep) else [],
                **({"derived": _derived_json(step)} if isinstance(step, Derive) else {}),
                **({"transforms": [one.name for one in step.functions]} if isinstance(step, Transform) else {}),
            }
            for step in plan.steps
        ],
        "notes": list(notes),
        "models": dict(plan.models),
        **({"column_order": list(plan.other_order)} if plan.other_order else {}),
        **({} if plan.never_run is None else {"data_migrations": never_run_json(plan.never_run)}),
        **({"runner_tables": dict(runner_tables)} if runner_tables else {}),
        **({} if left is None else left_json(left)),
        **({"archive": plan.archive} if plan.archive else {}),
    }


def old_name(step: Step) -> str | None:
    """Return the name of a step's table before the run; None for a new table."""
    match step:
        case Create():
            return None
        case Derive() | Transform():
            return step.replaced.name if step.replaced is not None else None
        case _:
            return step.old.name


def _derived_json(step: Derive) -> dict[str, Any]:
    """Return the SELECT of a derived table as JSON, to run it again later."""
    selection = step.selection
    return {
        "select": step.select,
        "columns": list(selection.columns),
        "reads": list(selection.reads),
        "after": sorted(selection.after),
        "volatile": list(selection.volatile),
    }


def never_run_json(found: NeverRun) -> dict[str, list[str]]:
    """Return the data migrations that a database never ran, as JSON for the history."""
    return {"passed_over": sorted(found.passed_over), "born_with": sorted(found.born_with)}


def models_of(row: HistoryRow | None) -> dict[str, str]:
    """Map each table to the model that owned it when the row was written; empty if that is unknown."""
    return dict(row.details.get("models", {})) if row is not None else {}


def other_order(row: HistoryRow | None) -> tuple[str, ...]:
    """Return the tables of the row's generation whose columns have another order than in its schema.json."""
    return tuple(row.details.get("column_order", ())) if row is not None else ()


def by_author(row: HistoryRow | None) -> frozenset[str]:
    """Return the folded names of the tables that the author of schema.json wrote, not a model; none if the row is of an
    old release that did not record the models."""
    if row is None or "models" not in row.details:
        return frozenset()
    owned = set(map(fold, models_of(row)))
    return frozenset(fold(table.name) for table in schema_of(row).tables) - owned


class OriginJson(TypedDict):
    """The backup that a generation was restored from."""

    name: str
    made_at: str
    generation: str | None
    """The generation that the backup is a copy of; null if the history does not know it."""


BACKUP_FINGERPRINT = "backup_fingerprint"
"""Key of the plan with the fingerprint of the backup, if a sync brought its copy to schema.json before it went live."""


def origin_of(row: HistoryRow) -> OriginJson | None:
    """Return the backup that the row's generation was restored from; None for any other generation."""
    found = row.details.get("backup")
    return cast(OriginJson, found) if isinstance(found, dict) else None


def source_of(row: HistoryRow) -> str | None:
    """Return the generation that the content of the row's file comes from; None if the history does not know it."""
    origin = origin_of(row)
    return origin["generation"] if origin is not None else row.previous


def left_json(generation: str) -> dict[str, str]:
    """Return the record of a switch for the plan: the generation that it leaves, which has data that the new schema
    lacks."""
    return {"left": generation}


def left_by_switch(rows: Sequence[HistoryRow]) -> tuple[str, ...]:
    """Return the generations that a switch left and whose version was not live again since, the newest first."""
    has = versions(rows)
    found: list[str] = []
    for position, row in enumerate(rows):
        left = row.details.get("left")
        if isinstance(left, str) and has.get(left) not in {later.version for later in rows[position:]}:
            found = [left, *(name for name in found if has.get(name) != has.get(left))]
    return tuple(found)


def runner_tables_of(rows: Sequence[HistoryRow], generation: str) -> dict[str, str]:
    """Return the digests of the tables of migration runners that were last recorded for a generation; empty if none
    were."""
    known = (row.details.get("runner_tables") for row in reversed(rows) if row.generation == generation)
    return dict(next(filter(None, known), {}))


class ReplayJson(TypedDict):
    """How a run replayed the writes during it."""

    rounds: int
    keys: int
    """How many rows were replayed, in all rounds."""
    write_overhead: float | None
    """How many times as long a write took while the change log existed; null if nobody wrote."""


@dataclass(frozen=True, slots=True)
class Followed:
    """How a run replayed the writes during it: the number of rounds, and of keys in all of them.

    `write_overhead`: how many times as long a write took while the change log existed; None if nobody wrote.
    """

    rounds: int = 0
    keys: int = 0
    write_overhead: float | None = None

    def as_json(self) -> ReplayJson:
        """Return the figures as a JSON object."""
        return {"rounds": self.rounds, "keys": self.keys, "write_overhead": self.write_overhead}


@dataclass(frozen=True, slots=True)
class Afterwards:
    """Facts of a swap that are known only afterwards; None if not known yet.

    `document`: the digest of the schema.json that the generation was made from, as in `sync.up_to_date`.
    `never_run`: data migrations that were accepted since. `migrations`: those of MIGRATED_APPS that ran
    on the new file. `seed`: the function that filled a new database; `is_seed_due`: a function has not filled it yet.
    `run`: the figures of the run, as `sync.run.recorder` gives them.
    """

    duration_ms: int | None = None
    pause_ms: int | None = None
    followed: Followed | None = None
    document: str | None = None
    never_run: NeverRun | None = None
    migrations: tuple[str, ...] = ()
    seed: str | None = None
    is_seed_due: bool = False
    run: Mapping[str, Any] | None = None


def completed(row: HistoryRow, known: Afterwards) -> HistoryRow:
    """Return the row of the swap with the facts that are known now."""
    plan = row.details
    if known.followed is not None:
        plan["replay"] = asdict(known.followed)
    if known.document is not None:
        plan["document"] = known.document
    if known.never_run is not None:
        plan["data_migrations"] = never_run_json(known.never_run)
    if known.migrations:
        plan["migrations"] = list(known.migrations)
    if known.seed is not None:
        plan["seed"] = known.seed
    if known.is_seed_due:
        plan["seed_due"] = True
    if known.run is not None:
        plan["run"] = dict(known.run)
    return replace(
        row,
        duration_ms=row.duration_ms if known.duration_ms is None else known.duration_ms,
        pause_ms=row.pause_ms if known.pause_ms is None else known.pause_ms,
        plan=dumps(plan),
    )


@dataclass(frozen=True, slots=True)
class MadeByHand:
    """A table whose rows have no known mapping to older ones: a sync found it in the database although the generation
    before did not have it, or `transforms` filled it."""

    name: str
    transforms: tuple[str, ...] = ()


_CARRIED: Mapping[Action, type[Keep | Alter | Rewrite]] = {
    Action.KEEP: Keep,
    Action.ALTER: Alter,
    Action.REWRITE: Rewrite,
}


def steps_of(row: HistoryRow, before: HistoryRow) -> tuple[Step | MadeByHand, ...]:
    """Return the steps from `before`'s schema to `row`'s, read back from the history. Raises NeedsPerson if a row is
    damaged."""
    old, new = schema_of(before), schema_of(row)
    return tuple(_step(entry, old, new) for entry in details_of(row).get("tables", ()))


def _step(entry: dict[str, Any], old: Schema, new: Schema) -> Step | MadeByHand:
    """Return the step of one entry of plan_json()."""
    name = entry["table"]
    source, target = old.table(entry["old"] or ""), new.table(name)
    match Action(entry["action"]):
        case Action.CREATE if target is not None:
            return Create(target)
        case Action.DERIVE if target is not None:
            found = entry["derived"]
            columns, reads, after, volatile = (found[key] for key in ("columns", "reads", "after", "volatile"))
            selection = Selection(tuple(columns), tuple(reads), frozenset(after), tuple(volatile))
            return Derive(target, found["select"], selection, source)
        case Action.TRANSFORM:
            return MadeByHand(name, tuple(entry["transforms"]))
        case Action.DROP if source is not None:
            return Drop(source)
        case Action.KEEP | Action.ALTER | Action.REWRITE as action if source is not None and target is not None:
            feeds = tuple(ColumnSource(**{**feed, "origin": Origin(feed["origin"])}) for feed in entry["feeds"])
            kind = _CARRIED[action]
            return kind(source, target, feeds)
        case _:
            return MadeByHand(name)


def followed(row: HistoryRow) -> Followed | None:
    """Return how the run replayed the writes during it; None if writers waited or nothing is recorded."""
    found = row.details.get("replay")
    return Followed(**found) if found else None


def migrations_of(row: HistoryRow) -> tuple[str, ...]:
    """Return the migrations of MIGRATED_APPS that ran on the file before it went live, as `app.name`."""
    return tuple(row.details.get("migrations", ()))


def changed(row: HistoryRow) -> tuple[ChangeJson, ...]:
    """Return the recorded changes of the schema, as `diff.changes.as_json` wrote them; empty if none are recorded."""
    return tuple(row.details.get("changes", ()))
