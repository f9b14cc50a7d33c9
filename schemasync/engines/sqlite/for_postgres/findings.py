"""What a scan finds in the values of a table, before any of them is copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from ....schema.on_postgres import OnMove
from ...postgres.judge import Fault


class FindingJson(TypedDict):
    """Values of a column that PostgreSQL would refuse, or change."""

    table: str
    columns: list[str]
    fault: str
    count: int
    keys: list[str]
    """Keys of some of the rows, as SQL."""
    policies: list[str]
    """What `on_move` may say beside the column; empty if only a change of the data helps."""
    policy: str | None
    """The one that acts."""
    refused: int
    """How many of the values stop a move."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Values with one fault. `columns`: one, or those of a key whose rows clash or dangle. `keys`: of some of the rows,
    as SQL. `policies`: those that would help with all of them. `policy`: the one that acts. `refused`: how many of the
    values none acts on."""

    table: str
    columns: tuple[str, ...]
    fault: Fault
    count: int
    keys: tuple[str, ...]
    policies: tuple[OnMove, ...] = ()
    policy: OnMove | None = None
    refused: int = 0

    @property
    def stops(self) -> bool:
        """True if a move is refused for it."""
        return self.refused > 0

    def as_json(self) -> FindingJson:
        """The finding as `--json` prints it."""
        return {
            "table": self.table,
            "columns": list(self.columns),
            "fault": self.fault.value,
            "count": self.count,
            "keys": list(self.keys),
            "policies": [one.value for one in self.policies],
            "policy": self.policy.value if self.policy is not None else None,
            "refused": self.refused,
        }
