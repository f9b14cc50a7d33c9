"""A writer's notes: what it is about to do, before; whether it was acknowledged, after. They lie outside the database.

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

from .hands import Plan


def begun(plan: Plan) -> str:
    deeds = "".join(f"{deed.sign} {deed.key} {deed.amount}\n" for deed in plan)
    return f"> {time.monotonic_ns()}\n{deeds}"


def acknowledged() -> str:
    return f". {time.monotonic_ns()}\n"


NOT_DONE = "x\n"
UNANSWERED = "?\n"


@dataclass(frozen=True)
class Done:
    """An acknowledged transaction: when it began, when that was known, and its (sign, key, amount)."""

    began: int
    ended: int
    deeds: list[tuple[str, str, int]]

    def carry_out(self, rows: dict[str, int]) -> None:
        """Do the same to {key: amount}."""
        for sign, key, amount in self.deeds:
            if sign == "-":
                rows.pop(key, None)
            elif sign == "+" or key in rows:
                rows[key] = amount


@dataclass
class Told:
    """A writer's notes, read: what was acknowledged, and the keys of which it was told nothing."""

    done: list[Done] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)

    @property
    def there(self) -> dict[str, int]:
        """The rows that are there by what it was told, where no swap back set any aside."""
        rows: dict[str, int] = {}
        for done in self.done:
            done.carry_out(rows)
        return rows


def read(note: Path) -> Told:
    """The last line of a writer that was killed may be cut; so it began, and nothing else is known."""
    told, began, deeds = Told(), 0, []
    for line in note.read_text().splitlines() if note.exists() else ():
        match line.split():
            case [">", at]:
                began, deeds = int(at), []
            case [".", at]:
                told.done.append(Done(began, int(at), deeds))
                deeds = []
            case ["x"]:
                deeds = []
            case ["?"]:
                told.doubtful |= {key for _, key, _ in deeds}
                deeds = []
            case [("+" | "=" | "-") as sign, key, amount]:
                deeds.append((sign, key, int(amount)))
    told.doubtful |= {key for _, key, _ in deeds}
    return told


def count(note: Path) -> int:
    """How many transactions were acknowledged."""
    return note.read_text().count("\n. ") if note.exists() else 0
