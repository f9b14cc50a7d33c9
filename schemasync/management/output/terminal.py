"""Progress of a run: bars and colours on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from django.core.management.color import Style, no_style
from rich.cells import cell_len

from ...schema.text import count
from ...sync.run.progress import Advance, Phase

if TYPE_CHECKING:  # the rest of rich is imported when a bar is drawn: a sync with nothing to do saves 30 ms of 250
    from rich.console import Console

_STEADY = ("pages", "rows")  # units that take about the same time each, so that a rate is meaningful
_COUNTED = ("tenants",)  # units that the result of the command counts
LOG_WIDTH = 120  # columns in a log
Write = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Page:
    """The destination of a text: its width in columns, Django's colours or none, and whether to show all details."""

    width: int = LOG_WIDTH
    style: Style = field(default_factory=no_style)
    detail: bool = False


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], page: Page, right: Sequence[int] = ()) -> list[str]:
    """Return aligned columns, one line for each row. No cell is wrapped, so that a row stays one line of a log."""
    widths = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = []
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            blanks = " " * (width - cell_len(cell))
            padded.append(blanks + cell if number in right else cell + blanks)
        return "  ".join(padded).rstrip()

    return [page.style.MIGRATE_HEADING(line(headings)), *map(line, rows)]


class Bars:
    """One progress bar for each phase, on the error stream of a terminal; removed when the phase ends. `addressed` adds
    the database to the commands of a note or warning, and `notice` colours a warning. Both appear above the bar."""

    def __init__(self, addressed: Callable[[str], str], notice: Callable[[str], str], *, colour: bool) -> None:
        self.addressed, self.notice, self.colour = addressed, notice, colour

    @cached_property
    def console(self) -> Console:
        from rich.console import Console

        return Console(stderr=True, no_color=not self.colour, highlight=False)

    def phase(self, name: str, unit: str) -> Phase:
        return self._bar(name, unit)

    def note(self, text: str) -> None:
        self.console.print(self.addressed(text), markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Print a warning."""
        from rich.text import Text

        self.console.print(Text.from_ansi(self.notice(self.addressed(text))), soft_wrap=True)

    @contextmanager
    def _bar(self, name: str, unit: str) -> Iterator[Advance]:
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description:<13}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} " + unit),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
        )
        begun = time.monotonic()
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(name, total=1, rate="")

            def advance(done: int, total: int) -> None:
                rate = f"{done / max(time.monotonic() - begun, 0.001):,.0f}/s" if unit in _STEADY else ""
                progress.update(task, completed=done, total=max(total, 1), rate=rate)

            yield advance


class Lines:
    """One plain line when a phase ends; none for a phase with nothing to do, or with units that the result counts."""

    def __init__(self, write: Write) -> None:
        self.write = write

    def phase(self, name: str, unit: str) -> Phase:
        return self._line(name, unit)

    def note(self, text: str) -> None:
        self.write(text)

    @contextmanager
    def _line(self, name: str, unit: str) -> Iterator[Advance]:
        begun, reached = time.monotonic(), 0

        def advance(done: int, total: int) -> None:
            nonlocal reached
            reached = done

        yield advance
        if reached and unit not in _COUNTED:
            one = {"indexes": "index"}.get(unit, unit.removesuffix("s"))
            self.write(f"{name}: {count(reached, one, unit)} in {time.monotonic() - begun:.1f} s")
