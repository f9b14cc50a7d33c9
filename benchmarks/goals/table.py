"""The table of goals: each with its subject, the alternative to compare with, and the highest value that is allowed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemasync.files import kernel_copy

from .environments import ALEMBIC, DJANGO_5, DJANGO_6, SQLITE_UTILS, Peer

WRITERS = 8


class Disk(StrEnum):
    """Work on the file without any tool, as an alternative to compare with."""

    CP = "cp and fsync"
    INDEX = "CREATE INDEX in place, plus cp and fsync"


@dataclass(frozen=True, slots=True)
class Paired:
    """A sync of a change against an alternative, in the smallest or the `largest` of the files."""

    change: str
    against: Disk | Peer
    largest: bool = False
    file_system: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """The time of verification against the time of the rewrite, within one sync of a change."""

    change: str


@dataclass(frozen=True, slots=True)
class Memory:
    """The peak memory of a sync of a change in the largest file against that in the smallest one."""

    change: str


@dataclass(frozen=True, slots=True)
class Swap:
    """How long writers wait in the second before and after a swap, against the same load without one."""

    megabytes: int


@dataclass(frozen=True, slots=True)
class Warm:
    """A sync with nothing to do in a warm process, against a new connection that reads one row."""

    tables: int


Subject = Paired | Verification | Memory | Swap | Warm


@dataclass(frozen=True, slots=True)
class Goal:
    """One row of the table. `line`: its line in the picture. `at_most`: the highest value allowed, None without a goal;
    `because`: the reason for that value. `unit`: `ms` for a difference, otherwise a ratio."""

    name: str
    line: str
    what: str
    subject: Subject
    against: str
    at_most: float | None
    unit: str = "times"
    because: str = ""

    @property
    def is_ratio(self) -> bool:
        return self.unit == "times"

    def holds(self, value: float) -> bool:
        return self.at_most is None or value <= self.at_most

    def phrase(self) -> str:
        """Return the goal as text: `2.5 (by the backup API)`."""
        if self.at_most is None:
            return "none"
        most = f"{self.at_most:g}" if self.is_ratio else f"+{self.at_most:g} ms"
        return f"{most} ({self.because})" if self.because else most


DEFINITIONS = {
    "max_length": "max_length",
    "not_null_off": "NOT NULL off",
    "check_off": "CHECK off",
    "foreign_key_off": "foreign key off",
    "added_column": "added column",
}
CHECKED = {
    "default": "new default",
    "not_null_on": "NOT NULL on",
    "check_on": "CHECK on",
    "foreign_key_on": "foreign key on",
}
REWRITES = {"affinity": "type of another affinity", "two_columns": "the same of two columns"}


def goals(megabytes: Sequence[int], tables: int) -> tuple[Goal, ...]:
    """Return all rows of the table, for files of these sizes."""
    small, large = min(megabytes), max(megabytes)
    return (*_beside_cp(small), *_beside_peers(), *_in_the_largest(large), *_others(megabytes, tables))


def _copied_by_kernel(megabytes: int) -> bool:
    return hasattr(os, "copy_file_range") and megabytes * 1_000_000 >= kernel_copy.LARGE


def _beside_cp(megabytes: int) -> list[Goal]:
    line = "max_length, NOT NULL off, CHECK off, foreign key off, added column"
    most, because = (1.5, "") if _copied_by_kernel(megabytes) else (2.5, "by the backup API")
    found = [
        Goal(f"{name}/cp", line, what, Paired(name, Disk.CP), Disk.CP, most, because=because)
        for name, what in DEFINITIONS.items()
    ]
    line = "default, NOT NULL, CHECK, foreign key on"
    return found + [
        Goal(f"{name}/cp", line, what, Paired(name, Disk.CP), Disk.CP, 2.2) for name, what in CHECKED.items()
    ]


def _beside_peers() -> list[Goal]:
    found = []
    for short, django in (("django-5.2", DJANGO_5), ("django-6.1", DJANGO_6)):
        for change, what, most in (
            ("max_length", "max_length", 0.1),
            ("five", "five such changes at once", 0.03),
            ("dropped_column", "dropped column", 0.25),
            *((name, what, 0.5) for name, what in REWRITES.items()),
        ):
            line = "a rewrite" if change in REWRITES else what
            found.append(Goal(f"{change}/{short}", f"{line}|migrate", what, Paired(change, django), django.label, most))
    for short, peer, most in (("sqlite-utils", SQLITE_UTILS, 1.2), ("alembic", ALEMBIC, None)):
        for change, what in REWRITES.items():
            line = f"a rewrite|{peer.label}"
            found.append(Goal(f"{change}/{short}", line, what, Paired(change, peer), peer.label, most))
    what = "one more index"
    return [*found, Goal("index/create-index", what, what, Paired("index", Disk.INDEX), Disk.INDEX, 1.1)]


def _in_the_largest(megabytes: int) -> list[Goal]:
    what = f"a small table of {megabytes:,} MB"
    found = [Goal("small_table/cp", what, what, Paired("small_table", Disk.CP, largest=True), Disk.CP, 1.2)]
    for kind in ("xfs", "btrfs"):
        where = f"{what}, blocks shared on {kind}"
        subject = Paired("small_table", Disk.CP, largest=True, file_system=kind)
        found.append(Goal(f"small_table/cp-{kind}", where, where, subject, Disk.CP, 0.1))
    return found


def _others(megabytes: Sequence[int], tables: int) -> list[Goal]:
    small, large = min(megabytes), max(megabytes)
    swap = f"p99 of {WRITERS} writers at the swap"
    swaps = sorted({*megabytes, *([10, 2 * large] if large >= 10 else [])})
    return [
        Goal("verification", "content verification", "content verification", Verification("two_columns"),
             "the rewrite that it verifies", 0.35),
        Goal("memory", "peak memory", f"peak memory above an empty command, {large:,} MB", Memory("two_columns"),
             f"the same, {small:,} MB", 1.2),
        *(
            Goal(f"swap/{size}", swap, f"{swap}, {size:,} MB", Swap(size), "the same load without a swap", 15,
                 unit="ms")
            for size in swaps
        ),
        Goal("nothing-to-do", "nothing to do", f"nothing to do, warm process, {tables:,} tables", Warm(tables),
             "reading the newest history row on a new connection", 2),
    ]  # fmt: skip
