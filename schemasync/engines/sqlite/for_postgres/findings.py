"""The result of a scan: the values of a table that do not fit on PostgreSQL, before any of them is copied."""

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
    """The values of `on_move` that would help with all of them; empty if only a change of the data helps."""
    policy: str | None
    """The policy that applies."""
    refused: int
    """The number of values that stop a move."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Values with one fault. `columns`: one, or those of a key whose rows clash or dangle. `keys`: of some of the rows,
    as SQL. `policies`: those that would help with all of the values. `policy`: the one that applies. `refused`: the
    number of values with which no policy helps."""

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
        """True if the finding stops a move."""
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
