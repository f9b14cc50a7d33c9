"""Measure each load on each contender, in turn, and describe the figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

from .. import figures, machine
from . import site
from .load import Load, at, run
from .server import server

MIXES = {"read-heavy, 95:5": 0.05, "80:20": 0.2, "write-heavy, 20:80": 0.8}
PROCESSES = (1, 4, 16, 50, 100)
WAITING = 0.05  # of the writes: a smaller share begins late because the processor is busy, even if nobody else writes
Cell = Sequence[Mapping[str, Load]]
"""Loads by round and contender."""
Found = Mapping[tuple[str, int], Cell]
"""Cells by mix and number of processes."""


def measure(
    folder: Path, processes: Sequence[int], seconds: float, rounds: int, say: Callable[[str], object]
) -> dict[tuple[str, int], list[Mapping[str, Load]]]:
    """In each round, run every mix with every number of processes on all contenders, one after the other."""
    found: dict[tuple[str, int], list[Mapping[str, Load]]] = {}
    with server() as socket:
        site.configure(folder, socket)
        for turn in range(rounds):
            order = _rotated(list(site.LABELS), turn)
            for mix, writes in MIXES.items():
                for number in processes:
                    loads = {alias: run(alias, number, writes, seconds) for alias in order}
                    found.setdefault((mix, number), []).append(loads)
                    say(f"round {turn + 1}, {mix}, {number}: {_rates(loads)}")
    return found


def _rotated(aliases: Sequence[str], turn: int) -> Sequence[str]:
    """Return another order for each round, because the other work on the machine changes meanwhile."""
    begin = turn % len(aliases)
    return [*aliases[begin:], *aliases[:begin]][:: -1 if turn % 2 else 1]


def _rates(loads: Mapping[str, Load]) -> str:
    return ", ".join(f"{label} {loads[alias].per_second:,.0f}/s" for alias, label in site.LABELS.items())


_WHAT = (
    "Processes that work through Django's ORM as fast as they can, each with its own connection: medians of {rounds} "
    "rounds of {seconds:g} s after a warm-up, in each of which all contenders take turns. A read is an account and its "
    "last 20 orders, a write is a transaction of an UPDATE and an INSERT, in {site.ORDERS:,} orders of "
    "{site.ACCOUNTS:,} accounts."
)
_COLUMNS = (
    "`ours`: the backend as it is, with `synchronous` NORMAL, so that a power cut may take the last commits; `FULL`: "
    "each commit on the disk, as with `PostgreSQL`, which has its defaults; `off`: PostgreSQL with "
    "`synchronous_commit` off. `waited`: the part of our writes that began more than a millisecond late, because "
    "another one was at work; `busy`: those that failed."
)


def report(found: Found, seconds: float) -> list[str]:
    """Return the figures as Markdown."""
    rounds = len(next(iter(found.values())))
    lines = [_WHAT.format(rounds=rounds, seconds=seconds, site=site), "", _COLUMNS]
    for mix in MIXES:
        cells = [(number, cell) for (of, number), cell in found.items() if of == mix]
        lines += ["", f"**{mix}**", "", *_rates_table(cells), "", *_waits_table(cells)]
    return [*lines, "", *_summary(found)]


Cells = Sequence[tuple[int, Cell]]


def _rates_table(cells: Cells) -> list[str]:
    rows = [
        [
            str(number),
            *(f"{_per_second(cell, alias):,.0f}" for alias in site.LABELS),
            figures.spread(_ratios(cell)),
        ]
        for number, cell in cells
    ]
    return figures.table(("processes: operations a second", *site.LABELS.values(), "ours / PostgreSQL"), rows)


def _waits_table(cells: Cells) -> list[str]:
    rows = [
        [
            str(number),
            *(f"{_p99(cell, alias):,.1f}" for alias in site.LABELS),
            f"{median(one[site.OURS].mean_write for one in cell):,.1f}",
            f"{median(one[site.OURS].commits for one in cell):,.0f}",
            f"{_waited(cell):.0%}",
            str(sum(one[site.OURS].busy for one in cell)),
        ]
        for number, cell in cells
    ]
    headings = (
        "processes: p99 of a write, ms",
        *site.LABELS.values(),
        "our mean",
        "our commits a second",
        "waited",
        "busy",
    )
    return figures.table(headings, rows)


def _summary(found: Found) -> list[str]:
    """Return a table of the numbers of processes from which writers wait, and from which PostgreSQL is faster."""
    rows = []
    for mix in MIXES:
        cells = [(number, cell) for (of, number), cell in found.items() if of == mix]
        rows.append(
            [
                mix,
                _from(cells, lambda cell: _waited(cell) > WAITING),
                _from(cells, lambda cell: median(_ratios(cell)) < 1),
                _from(cells, lambda cell: _p99(cell, site.POSTGRES) < _p99(cell, site.OURS)),
                _from(cells, lambda cell: any(one[site.OURS].busy for one in cell)),
            ]
        )
    headings = (
        "from how many processes on",
        f"more than {WAITING:.0%} of our writes wait",
        "PostgreSQL does more a second",
        "the p99 of its writes is lower",
        "writes of ours fail",
    )
    return figures.table(headings, rows)


def _from(cells: Cells, is_so: Callable[[Cell], bool]) -> str:
    """Return the first number of processes for which, and for all larger ones, `is_so` holds."""
    so = [is_so(cell) for _, cell in cells]
    first = next((number for place, (number, _) in enumerate(cells) if all(so[place:])), None)
    return f"not up to {cells[-1][0]}" if first is None else str(first)


def _per_second(cell: Cell, alias: str) -> float:
    return median(one[alias].per_second for one in cell)


def _ratios(cell: Cell) -> list[float]:
    return [one[site.OURS].per_second / one[site.POSTGRES].per_second for one in cell]


def _p99(cell: Cell, alias: str) -> float:
    return median(at(one[alias].writes, 0.99) for one in cell)


def _waited(cell: Cell) -> float:
    return median(one[site.OURS].waited for one in cell)


def run_all(
    folder: Path, processes: Sequence[int], seconds: float, rounds: int, say: Callable[[str], object]
) -> list[str]:
    """Measure, and describe what was found."""
    head = machine.described()
    found = measure(folder / "thresholds", processes, seconds, rounds, say)
    return ["  \n".join(head), "", *report(found, seconds)]
