"""Journals of writers: what a writer is about to do, before; whether it was acknowledged, after. A file outside the database.

> 1234567          it begins, at this nanosecond of the machine's clock
+ w1-7-0 120       a row that it is about to insert (=: set, -: delete)
. 1239999          acknowledged, at this nanosecond
x                  instead: it failed loudly, nothing was kept
?                  instead: nobody said how it ended
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
    """An acknowledged transaction: when it began, when that was known, and its (sign, key, amount)."""

    began: int
    ended: int
    changes: list[tuple[str, str, int]]

    def carry_out(self, rows: dict[str, int]) -> None:
        """Do the same to {key: amount}."""
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
        """The rows that exist by the acknowledged transactions, if no rollback has set any aside."""
        rows: dict[str, int] = {}
        for done in self.done:
            done.carry_out(rows)
        return rows


def read(path: Path) -> Answers:
    """The last line of a writer that was killed may be cut; so it began, and nothing else is known."""
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
    """How many transactions were acknowledged."""
    return path.read_text().count("\n. ") if path.exists() else 0
