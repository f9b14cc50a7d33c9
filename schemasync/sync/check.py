"""Compares schema.json with the database, for `check`, without writing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..diff.changes import Change
from ..diff.compare import compare
from ..diff.dropped import losses
from ..diff.hazards import Hazard, HazardCode
from ..diff.hint_keys import HintKey, Rows, Transformed, as_json, spelled
from ..engines.sqlite.hazards.outdated import outdated
from ..engines.sqlite.hazards.unreadable import Readers, unreadable_now
from ..engines.sqlite.name_errors import Unknown
from ..engines.sqlite.runner_tables import runner_tables
from ..engines.sqlite.uncompiled import unknown_to
from ..errors import Problem, Refused, SchemaInvalid
from ..history.action import WENT_BACK
from ..history.data_migrations import recorded
from ..history.rows import hints_of, models_of, runner_tables_of
from ..schema.document import Document
from ..schema.model import Schema
from ..schema.names import fold
from .data_migrations import Installed, missing
from .phases import decide
from .phases.beforehand import unmet
from .phases.decide import SyncOptions
from .phases.older_version import older_version
from .run.live_database import Elsewhere, LiveDatabase
from .run.reading import reading
from .run.target import Target


@dataclass(frozen=True, slots=True)
class Checked:
    """`changes`: what a sync would do. `drift`: our tables and views that were changed by hand. `foreign`: foreign
    objects.

    `generation`: the live one, None for a plain file. `spent`: hints that do not act again, and can be deleted.
    `is_empty`: there is no database yet. `losses`: columns that were added by hand, which undoing that would drop.
    `unknown`: names that the database uses and this process does not know. `refused`: the errors of a sync that the
    schema alone shows. `unapplied`: data migrations that the database never ran, and nobody accepted. `runners_ran`:
    tables of migration runners that changed since the live generation was made. `born_without`: data migrations that
    never filled it, because it was created from schema.json. `unwritten_rows`: tables whose `_rows` a sync would write.
    `pending_transforms`: names of transforms that have not acted on the database. `how_to_adopt`: how a plain file is
    adopted. `outdated`: indexes and values that another SQLite computed differently from this one, if another one built
    the live file.
    """

    version: str
    live_version: str | None
    changes: tuple[Change, ...]
    drift: tuple[str, ...] = ()
    foreign: tuple[tuple[str, str], ...] = ()
    generation: str | None = None
    spent: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    is_empty: bool = False
    refused: tuple[Problem, ...] = ()
    unknown: Unknown = Unknown()  # noqa: RUF009  it is frozen
    unapplied: tuple[str, ...] = ()
    runners_ran: tuple[str, ...] = ()
    born_without: tuple[str, ...] = ()
    unwritten_rows: tuple[str, ...] = ()
    pending_transforms: tuple[str, ...] = ()
    how_to_adopt: str = ""
    outdated: tuple[Hazard, ...] = ()

    @property
    def stale_indexes(self) -> tuple[Hazard, ...]:
        """The outdated indexes that make queries miss rows."""
        return tuple(one for one in self.outdated if one.code is HazardCode.STALE_INDEX)

    def differs(self, *, strict: bool) -> bool:
        """True if schema.json and the database differ in our objects; with `strict`, in any."""
        version_moved = self.live_version is not None and self.live_version != self.version
        pending = self.changes or self.unapplied or self.unwritten_rows or self.pending_transforms
        return bool(pending or self.drift or version_moved or (strict and self.foreign))


def check(
    target: Target,
    document: Document,
    installed: Installed = None,
    elsewhere: Elsewhere = (),
    *,
    tries: bool = True,
) -> Checked:
    """Compare schema.json with the database, and its data migrations with the `installed` ones. `elsewhere`: folded
    names of tables of installed models that schema.json does not make. `tries`: also build both schemas in memory, to
    find out whether a sync would be refused. Raises Refused if either cannot be read."""
    with reading(target) as now:
        if now is None:
            found = compare(Schema(), document.schema)
            return Checked(document.version, None, found.changes, is_empty=True)
        inspection = now.inspect()
        unknown = unknown_to(now.connection, target.opener) if tries else Unknown()
        not_ours = decide.not_ours(document, elsewhere, now.newest)
        ours, recorded = now.ours(inspection, document, not_ours), hints_of(now.newest)
        found = compare(ours, document.schema, document.hints, recorded)
        newest, drift = now.newest, now.drift(inspection, not_ours)
        return Checked(
            document.version,
            newest.version if newest else None,
            found.changes,
            tuple(sorted(drift)),
            tuple(o.named for o in now.foreign(inspection, document, not_ours)),
            now.generation.name if now.generation else None,
            tuple(dict.fromkeys(_reported(key, document.schema) for key in found.spent)),
            losses(found.problems, drift),
            is_empty=not inspection.objects,
            refused=(
                _refusal(target, document, now, elsewhere, unknown)
                if found.changes and tries
                else _older(document, now)
            ),
            unknown=unknown,
            unapplied=missing(now, installed),
            runners_ran=tuple(_runners_that_ran(now)),
            born_without=_born_without(now),
            unwritten_rows=tuple(
                sorted(spelled(key, document.schema)[0] for key in found.acted if isinstance(key, Rows))
            ),
            pending_transforms=tuple(
                key.name for key in sorted(found.acted, key=as_json) if isinstance(key, Transformed)
            ),
            how_to_adopt=target.how_to_adopt,
            outdated=tuple(outdated(now.connection)) if now.generation and now.is_of_another_sqlite else (),
        )


def _born_without(now: LiveDatabase) -> tuple[str, ...]:
    found = recorded(now.rows) if now.rows else None
    was_seeded = any(row.details.get("seed") for row in now.rows)
    return tuple(sorted(found.born_with)) if found is not None and not was_seeded else ()


def _runners_that_ran(now: LiveDatabase) -> Iterator[str]:
    if now.generation is not None:
        before = runner_tables_of(now.rows, now.generation.name)
        for name, digest in runner_tables(now.connection).items():
            if before.get(name, digest) != digest:
                yield name


def _refusal(
    target: Target, document: Document, now: LiveDatabase, elsewhere: Elsewhere, unknown: Unknown
) -> tuple[Problem, ...]:
    """Return the errors that a sync of an adopted database would raise, as far as they show without reading rows."""
    if now.generation is None:
        return ()
    try:
        decision = decide.rehearsed(target, document, SyncOptions(elsewhere=frozenset(elsewhere)), now, unknown)
    except (Refused, SchemaInvalid) as refusal:
        return refusal.problems
    return unmet(target, decision.plan, now) if decision.plan is not None else ()


def _older(document: Document, now: LiveDatabase) -> tuple[Problem, ...]:
    """Return the error of a sync that the history alone shows: an older version."""
    if now.newest is None or now.generation is None:
        return ()
    found = older_version(document.version, now.rows, document.source)
    return (found,) if found is not None else ()


def _reported(key: HintKey, schema: Schema) -> str:
    """Return a hint as `was on Users.full_name`."""
    return f"{key.hint} on {'.'.join(filter(None, spelled(key, schema)))}"


# --- values that models read --------------------------------------------------------------------------------------


def unreadable(target: Target, readers: Readers) -> tuple[Hazard, ...]:
    """Values of the live database that the fields of its models cannot read."""
    with reading(target) as now:
        return tuple(unreadable_now(now.connection, readers)) if now is not None else ()


def newly_modelled(target: Target, document: Document) -> frozenset[str]:
    """Folded names of tables that a model owns now, but did not own when the live generation was made."""
    with reading(target, whole=False) as now:
        newest = now.newest if now is not None else None
        if newest is None or newest.action in WENT_BACK:
            return frozenset()
        return frozenset(map(fold, document.models)) - {fold(table) for table in models_of(newest)}


# --- plan -------------------------------------------------------------------------------------------------------
