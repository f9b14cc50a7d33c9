"""Journals of writers, in files outside the database: each transaction before it begins, and its outcome afterwards.

> 1234567          a transaction begins, at this nanosecond of the machine's clock
+ w1-7-0 120       it will insert this row (=: set its amount, -: delete it)
. 1239999          it was acknowledged, at this nanosecond
x                  instead: it failed with an error and changed nothing
?                  instead: no answer came, so its outcome is unknown
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from .writers import Plan


def begun(plan: Plan) -> str:
    changes = "".join(f"{change.sign} {change.key} {change.amount}\n" for change in plan)
    return f"> {time.monotonic_ns()}\n{changes}"


def acknowledged() -> str:
    return f". {time.monotonic_ns()}\n"


NOT_DONE = "x\n"
UNANSWERED = "?\n"


@dataclass(frozen=True)
class Done:
    """An acknowledged transaction: the nanoseconds of its begin and acknowledgement, and its (sign, key, amount)."""

    began: int
    ended: int
    changes: list[tuple[str, str, int]]

    def carry_out(self, rows: dict[str, int]) -> None:
        """Make the same changes in {key: amount}."""
        for sign, key, amount in self.changes:
            if sign == "-":
                rows.pop(key, None)
            elif sign == "+" or key in rows:
                rows[key] = amount


@dataclass
class Answers:
    """The content of a journal: acknowledged transactions, and the keys of transactions whose end is unknown."""

    done: list[Done] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)

    @property
    def there(self) -> dict[str, int]:
        """The rows, {key: amount}, that the acknowledged transactions leave, if no rollback has set any aside."""
        rows: dict[str, int] = {}
        for done in self.done:
            done.carry_out(rows)
        return rows


def read(path: Path) -> Answers:
    """Read a journal. A killed writer may leave its last line cut; the outcome of that transaction is then unknown."""
    answers, began, changes = Answers(), 0, []
    for line in path.read_text().splitlines() if path.exists() else ():
        match line.split():
            case [">", at]:
                began, changes = int(at), []
            case [".", at]:
                answers.done.append(Done(began, int(at), changes))
                changes = []
            case ["x"]:
                changes = []
            case ["?"]:
                answers.doubtful |= {key for _, key, _ in changes}
                changes = []
            case [("+" | "=" | "-") as sign, key, amount]:
                changes.append((sign, key, int(amount)))
    answers.doubtful |= {key for _, key, _ in changes}
    return answers


def count(path: Path) -> int:
    """Return the number of acknowledged transactions."""
    return path.read_text().count("\n. ") if path.exists() else 0
