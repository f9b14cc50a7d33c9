"""The outcome of a run of Django's tests, and whether ours equals that of Django's own backend."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields

from .configuration import Configuration

COLUMNS = ("configuration", "run", "failures", "errors", "skipped", "expected failures", "seconds")
FAULTS = ("failures", "errors", "unexpected_successes")
COMPARED = ("failures", "errors", "skipped", "expected_failures", "unexpected_successes")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The names of tests by outcome, sorted; a test that is skipped in two subtests is listed twice."""

    run: int
    failures: list[str]
    errors: list[str]
    skipped: list[str]
    expected_failures: list[str]
    unexpected_successes: list[str]

    @classmethod
    def read(cls, text: str) -> Outcome:
        """Read the output of the recorder."""
        noted = json.loads(text)
        return cls(**{field.name: noted[field.name] for field in fields(cls)})

    @property
    def is_clean(self) -> bool:
        return not any(getattr(self, what) for what in FAULTS)


@dataclass(frozen=True, slots=True)
class Run:
    """A run in one configuration. `outcome` is None if the run ended before it wrote its result; `trouble` is any other
    error."""

    configuration: Configuration
    seconds: float
    outcome: Outcome | None
    trouble: str = ""


def table(runs: list[Run]) -> str:
    rows = [COLUMNS, *(_row(run) for run in runs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_aligned(row, widths) for row in rows)


def _row(run: Run) -> tuple[str, ...]:
    figures = ["-"] * 5
    if found := run.outcome:
        counts = (found.run, *map(len, (found.failures, found.errors, found.skipped, found.expected_failures)))
        figures = [f"{count:,}" for count in counts]
    return run.configuration.name, *figures, f"{run.seconds:.0f}"


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    first, *rest = zip(row, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])


def faults(runs: list[Run]) -> Iterator[str]:
    """Yield a line for each fault: of each run by itself, and of ours compared with stock."""
    for run in runs:
        yield from _own_faults(run)
    for ours, stock in pairs(runs):
        if ours.outcome and stock.outcome:
            yield from differences(ours.configuration.name, ours.outcome, stock.outcome)


def pairs(runs: list[Run]) -> Iterator[tuple[Run, Run]]:
    """Yield each run of ours with the run of the stock backend in the same place."""
    stock = {run.configuration.place: run for run in runs if run.configuration.engine == "stock"}
    for run in runs:
        if run.configuration.engine == "ours" and run.configuration.place in stock:
            yield run, stock[run.configuration.place]


def _own_faults(run: Run) -> Iterator[str]:
    """Yield the faults of one run. A test that fails on both engines is one, too: the cause is then this machine or
    Django."""
    name = run.configuration.name
    if run.trouble:
        yield f"{name}: {run.trouble}"
    for what in FAULTS if run.outcome else ():
        yield from (f"{name}: {what.replace('_', ' ')}: {test}" for test in getattr(run.outcome, what))


def differences(name: str, ours: Outcome, stock: Outcome) -> Iterator[str]:
    """Yield a line for each test with another outcome."""
    if ours.run != stock.run:
        yield f"{name}: {ours.run:,} tests run, with the stock backend {stock.run:,}"
    for what in COMPARED:
        left, right = Counter(getattr(ours, what)), Counter(getattr(stock, what))
        spoken = what.replace("_", " ")
        yield from (f"{name}: {spoken} only here: {test}" for test in sorted((left - right).elements()))
        yield from (
            f"{name}: {spoken} only with the stock backend: {test}" for test in sorted((right - left).elements())
        )
