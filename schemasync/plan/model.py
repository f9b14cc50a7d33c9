"""A plan: what a run will do, as a value that can be printed, stored and tested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ..diff.changes import Change
from ..diff.compare import HintKey
from ..diff.hazards import Hazard
from ..schema.model import Schema, Table
from ..schema.names import fold


class Action(StrEnum):
    """What becomes of a table. Kept ones are copied with their pages, at most renamed."""

    KEEP = "keep"
    REWRITE = "rewrite"
    CREATE = "create"
    DROP = "drop"


class Strategy(StrEnum):
    """How a new file starts: as a copy of the old one, or empty."""

    CLONE = "clone"
    FRESH = "fresh"


class Origin(StrEnum):
    """Where a column's values come from."""

    CARRIED = "carried"
    FILLED = "filled"
    DEFAULT = "default"
    GENERATED = "generated"


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """One column of the new table: `source` is the old column that is carried, `fill` SQL over the old row.

    `same`: the new column stores every value of the old one as it is. `volatile`: the fill gives another value
    each time, so that it cannot be verified.
    """

    column: str
    origin: Origin
    source: str | None = None
    fill: str | None = None
    same: bool = False
    volatile: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one table; `old` is as the database has it, `new` as schema.json wants it."""

    action: Action
    old: Table | None
    new: Table | None
    feeds: tuple[ColumnSource, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def name(self) -> str:
        """The name after the run, or of a dropped table the one before."""
        table = self.new or self.old
        return table.name if table else ""

    @property
    def column_renames(self) -> Iterator[tuple[str, str]]:
        """(old, new) of each column whose name changes."""
        for feed in self.feeds:
            if feed.source is not None and feed.source != feed.column:
                yield feed.source, feed.column


@dataclass(frozen=True, slots=True)
class NeverRun:
    """Data migrations, as `app.name`, that a database never ran and does not need.

    `passed_over`: those that somebody accepted for this database. `born_with`: those that were installed when the
    database was made from schema.json, without a single row.
    """

    passed_over: frozenset[str] = frozenset()
    born_with: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """From the version and fingerprint that it was made for to the version that it makes.

    `old` is the part of the live database that is ours; `foreign` are (type, name) of what is carried along;
    `applied_hints` are the hints that have acted on this data when the run is done; `models`: by table the model that
    owns it.
    `never_run`: what the history is to record of data migrations, None where nobody looked.
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

    def step(self, table: str) -> Step | None:
        """The step of the table with that new name."""
        return next((s for s in self.steps if s.new is not None and fold(s.new.name) == fold(table)), None)

    def effective_action(self, step: Step) -> Action:
        """What becomes of a table, to be told: nothing comes along into a file that starts empty."""
        is_written = step.action is Action.KEEP and self.strategy is Strategy.FRESH
        return Action.REWRITE if is_written else step.action

    @property
    def blocking(self) -> tuple[Hazard, ...]:
        """The hazards that refuse the run."""
        return tuple(hazard for hazard in self.hazards if hazard.blocking)
