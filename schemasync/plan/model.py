"""A plan: what a run will do, as a value that can be printed, stored and tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar, overload

from ..diff.changes import Change
from ..diff.hazards import Hazard
from ..diff.hint_keys import HintKey
from ..schema.model import Column, ReferenceRows, Schema, Table
from ..schema.names import fold
from ..schema.transform_function import TransformFunction


class Action(StrEnum):
    """The treatment of a table in a plan. A kept table is copied page by page, and at most renamed; for an altered one
    the definition is edited, too, and no row is written. A derived one is created and filled by a SELECT, a transformed
    one by Python."""

    KEEP = "keep"
    ALTER = "alter"
    REWRITE = "rewrite"
    DERIVE = "derive"
    TRANSFORM = "transform"
    CREATE = "create"
    DROP = "drop"


class Strategy(StrEnum):
    """How a new file starts: as a copy of the old one, or empty. In place: there is no new file, because the live file
    itself is altered, or matches the plan already, and only its history records the new version."""

    CLONE = "clone"
    FRESH = "fresh"
    IN_PLACE = "in-place"


class Origin(StrEnum):
    """The origin of a column's values."""

    CARRIED = "carried"
    FILLED = "filled"
    DEFAULT = "default"
    GENERATED = "generated"


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """One column of the new table: `source` is the old column that feeds it, `fill` is SQL over the old row.

    `same`: the new column stores every value of the old one unchanged. `volatile`: the fill gives another value
    each time, so it cannot be verified.
    """

    column: str
    origin: Origin
    source: str | None = None
    fill: str | None = None
    same: bool = False
    volatile: bool = False


@dataclass(frozen=True, slots=True)
class _Carried:
    """A table on both sides: `old` is as the database has it, `new` as schema.json defines it.

    `feeds` names the source of each new column. `changes` lead from `old` to `new`.
    """

    old: Table
    new: Table
    feeds: tuple[ColumnSource, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def name(self) -> str:
        """The name after the run."""
        return self.new.name

    @property
    def is_virtual(self) -> bool:
        """True where either side is a virtual table, whose columns the schema does not know."""
        return self.old.virtual is not None or self.new.virtual is not None

    @property
    def column_renames(self) -> tuple[tuple[str, str], ...]:
        """(old, new) of each column whose name changes."""
        pairs = ((feed.source, feed.column) for feed in self.feeds)
        return tuple((old, new) for old, new in pairs if old is not None and old != new)


@dataclass(frozen=True, slots=True)
class _Standing(_Carried):
    """A table whose rows stay as they are stored."""

    @property
    def kept(self) -> Table:
        """The table as it is after the run: `new`, with its columns in the order in which `old` has them, and added
        ones at the end."""
        return self.kept_with()

    def kept_with(self, dropped: Sequence[Column] = ()) -> Table:
        """Return `kept` with the `dropped` columns of `old`, which `new` does not have, in their places."""
        place = {fold(column.name): number for number, column in enumerate(self.old.columns)}
        source = {feed.column: fold(feed.source or "") for feed in self.feeds}
        source |= {column.name: fold(column.name) for column in dropped}
        columns = sorted((*self.new.columns, *dropped), key=lambda column: place.get(source[column.name], len(place)))
        return replace(self.new, columns=tuple(columns))


@dataclass(frozen=True, slots=True)
class Keep(_Standing):
    """The table stays with its pages: ALTER TABLE renames it and its columns, and its indexes may change."""

    action: ClassVar[Action] = Action.KEEP


@dataclass(frozen=True, slots=True)
class Alter(_Standing):
    """The table stays with its pages, and gets another definition, in which all of its rows are valid."""

    action: ClassVar[Action] = Action.ALTER


@dataclass(frozen=True, slots=True)
class Rewrite(_Carried):
    """The new table is created empty and filled with the rows of the old one. `reason`: the first change that requires
    it, in a phrase."""

    reason: str = ""
    action: ClassVar[Action] = Action.REWRITE


@dataclass(frozen=True, slots=True)
class Selection:
    """The properties of a derived table's SELECT, as SQLite reports them.

    `columns`: the columns of the table that its result gives, in order. `reads`: the ordinary tables of the old
    database that it reads, as they are spelled there. `after`: folded names of the derived tables that it reads.
    `volatile`: other columns of the table whose default gives another value each time. `key`: (column of the table,
    column of the only one that it reads) by which the rows that depend on a changed row are found; empty if such a
    change may concern any row.
    """

    columns: tuple[str, ...]
    reads: tuple[str, ...]
    after: frozenset[str] = frozenset()
    volatile: tuple[str, ...] = ()
    key: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of a SELECT when the plan was made: its number of rows, and the seconds to compute and to compare
    it."""

    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Derive:
    """The new table is created empty and filled by a SELECT over the old database.

    `replaced`: the table of that name, or of an earlier one, whose rows are not carried over; None if there is none.
    `changes` lead from its definition to the new one. `may_drop_rows`: rows of that table may be missing in the new
    one. `measured`: None if the rows were not read.
    """

    new: Table
    select: str
    selection: Selection
    replaced: Table | None = None
    may_drop_rows: bool = False
    changes: tuple[Change, ...] = ()
    measured: Measured | None = field(default=None, compare=False)
    action: ClassVar[Action] = Action.DERIVE

    @property
    def name(self) -> str:
        """The name after the run."""
        return self.new.name


@dataclass(frozen=True, slots=True)
class Transform:
    """The new table is created empty, and functions of the project fill it from rows of the old database.

    `sources`: the old table that each of them reads. `replaced`, `changes`: as of a derived table. `measured`: the rows
    of these tables, and an estimate of the time for all of them from the first ones; None if they were not read.
    """

    new: Table
    functions: tuple[TransformFunction, ...]
    sources: tuple[Table, ...]
    replaced: Table | None = None
    changes: tuple[Change, ...] = ()
    measured: Measured | None = field(default=None, compare=False)
    action: ClassVar[Action] = Action.TRANSFORM

    @property
    def name(self) -> str:
        """The name after the run."""
        return self.new.name

    @property
    def reads(self) -> tuple[str, ...]:
        """The tables of the old database that the functions read."""
        return tuple(dict.fromkeys(one.table for one in self.functions))


@dataclass(frozen=True, slots=True)
class Create:
    """The table is new, and empty."""

    new: Table
    action: ClassVar[Action] = Action.CREATE

    @property
    def name(self) -> str:
        """The name after the run."""
        return self.new.name


@dataclass(frozen=True, slots=True)
class Drop:
    """The table is dropped with its rows."""

    old: Table
    action: ClassVar[Action] = Action.DROP

    @property
    def name(self) -> str:
        """The name before the run."""
        return self.old.name


StandingStep = Keep | Alter
"""A step of a table whose rows stay as they are stored."""

CarriedStep = Keep | Alter | Rewrite
"""A step of a table whose rows are also in the new file."""

FilledStep = Derive | Transform
"""A step of a table whose rows are computed from the old database."""

NewTableStep = Keep | Alter | Rewrite | Derive | Transform | Create
"""A step of a table that the new schema has."""

Step = Keep | Alter | Rewrite | Derive | Transform | Create | Drop
"""The treatment of one table."""


def rewrite(step: CarriedStep, reason: str = "") -> Rewrite:
    """The step that rewrites its table."""
    return Rewrite(step.old, step.new, step.feeds, step.changes, reason)


@dataclass(frozen=True, slots=True)
class NeverRun:
    """Data migrations, as `app.name`, that a database never ran and does not need.

    `passed_over`: those that a user accepted for this database. `born_with`: those that were installed when the
    database was created from schema.json, without rows.
    """

    passed_over: frozenset[str] = frozenset()
    born_with: frozenset[str] = frozenset()


Locate = Callable[[str, str], str]
"""`file:line:column` of a table and of its column ('' for the table itself) in schema.json."""


def _nowhere(table: str, column: str) -> str:
    """The place of everything in a plan that was not made from a schema.json."""
    return ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps from the version and fingerprint of the live database to the version of schema.json.

    `old` is our part of the live database. `foreign` are (type, name) of the objects that are carried along.
    `applied_hints` are the hints that have acted on this data after the run. `models`: the model that owns each table.
    `reference_rows`: rows of schema.json that are to be written. `never_run`: the data migrations to record in the
    history, None if they were not checked. `is_switch`: the old file is replaced by that of another branch. `archive`:
    the generation with content that the old file lacks, '' for none. `place`: maps names of a table and of its column
    ('' for the table itself) to `file:line:column` in schema.json.
    """

    base_version: str | None
    base_fingerprint: str | None
    version: str
    old: Schema
    new: Schema
    strategy: Strategy
    reason: str
    steps: tuple[Step, ...]
    changes: tuple[Change, ...]
    applied_hints: frozenset[HintKey]
    hazards: tuple[Hazard, ...] = ()
    foreign: tuple[tuple[str, str], ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    never_run: NeverRun | None = None
    reference_rows: tuple[ReferenceRows, ...] = ()
    is_switch: bool = False
    archive: str = ""
    place: Locate = field(default=_nowhere, compare=False, repr=False)
    _by_name: dict[str, NewTableStep] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # computed once: each foreign key looks up its parent
        steps = {fold(step.new.name): step for step in self.steps if isinstance(step, NewTableStep)}
        object.__setattr__(self, "_by_name", steps)

    @property
    def built(self) -> Schema:
        """The schema of the new file: `new`, with the columns of kept tables in the order that they have."""
        kept = {step.name: step.kept for step in map(self.effective, self.steps) if isinstance(step, StandingStep)}
        return replace(self.new, tables=tuple(kept.get(table.name, table) for table in self.new.tables))

    @property
    def other_order(self) -> tuple[str, ...]:
        """The tables whose columns stay in another order than in schema.json."""
        return tuple(one.name for one, other in zip(self.new.tables, self.built.tables, strict=True) if one != other)

    @property
    def carried(self) -> tuple[CarriedStep, ...]:
        """The steps of the tables whose rows are also in the new file."""
        return tuple(step for step in self.steps if isinstance(step, CarriedStep))

    @property
    def rewritten(self) -> tuple[Rewrite, ...]:
        """The steps of the tables that are rewritten."""
        return tuple(step for step in self.steps if isinstance(step, Rewrite))

    @property
    def derived(self) -> tuple[Derive, ...]:
        """The steps of the tables that a SELECT fills, each after those that its SELECT reads."""
        waiting = [step for step in self.steps if isinstance(step, Derive)]
        found: list[Derive] = []
        while waiting:
            unfilled = {fold(step.name) for step in waiting}
            found += [step for step in waiting if not step.selection.after & unfilled]
            waiting = [step for step in waiting if step not in found]
        return tuple(found)

    @property
    def transformed(self) -> tuple[Transform, ...]:
        """The steps of the tables that transforms fill."""
        return tuple(step for step in self.steps if isinstance(step, Transform))

    @property
    def transforms(self) -> tuple[TransformFunction, ...]:
        """The transforms that act, in the order of the tables that they fill."""
        return tuple(dict.fromkeys(one for step in self.transformed for one in step.functions))

    @property
    def filled(self) -> tuple[FilledStep, ...]:
        """The steps of the tables whose rows are computed from the old database."""
        return (*self.derived, *self.transformed)

    @property
    def reads(self) -> frozenset[str]:
        """Folded names of the tables of the old database from which rows are computed."""
        derived = (name for step in self.derived for name in step.selection.reads)
        return frozenset(map(fold, (*derived, *(one.table for one in self.transforms))))

    @property
    def replaced(self) -> tuple[tuple[str, str], ...]:
        """(old name, new name) of each derived or transformed table that takes the place of another one."""
        return tuple((step.replaced.name, step.name) for step in self.filled if step.replaced is not None)

    @property
    def altered(self) -> tuple[Alter, ...]:
        """The steps of the tables whose definition is edited."""
        return tuple(step for step in self.steps if isinstance(step, Alter))

    @property
    def dropped(self) -> tuple[Drop, ...]:
        """The steps of the tables that are dropped."""
        return tuple(step for step in self.steps if isinstance(step, Drop))

    @property
    def with_new_table(self) -> tuple[NewTableStep, ...]:
        """The steps of the tables that the new schema has."""
        return tuple(step for step in self.steps if isinstance(step, NewTableStep))

    def step(self, table: str) -> NewTableStep | None:
        """The step of the table with that new name."""
        return self._by_name.get(fold(table))

    @overload
    def effective(self, step: CarriedStep) -> CarriedStep: ...

    @overload
    def effective(self, step: Step) -> Step: ...

    def effective(self, step: Step) -> Step:
        """Return the step as the run performs it: a file that starts empty has no pages to keep, so tables are
        rewritten."""
        return rewrite(step) if isinstance(step, StandingStep) and self.strategy is Strategy.FRESH else step

    @property
    def blocking(self) -> tuple[Hazard, ...]:
        """The hazards that stop the run."""
        return tuple(hazard for hazard in self.hazards if hazard.blocking)
