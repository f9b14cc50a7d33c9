"""The progress and notes that a caller gets while an action runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..actions.addressed import addressed
from ..actions.dialogue import Dialogue
from ..sync.run.progress import Advance, Phase


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a phase of the run: `done` of `total`, counted in `unit`, such as `rows`. Both are 0 when the
    phase begins."""

    phase: str
    done: int
    total: int
    unit: str


@dataclass(frozen=True, slots=True)
class Note:
    """A line that the command prints while it runs; with `is_warning` on the error stream."""

    text: str
    is_warning: bool = False


Listener = Callable[[Progress | Note], object]
"""Called while an action runs, in its thread."""


@dataclass(frozen=True, slots=True)
class _Phases:
    """Passes the progress of a run on to a listener."""

    listener: Listener
    say: Callable[[str], None]

    def phase(self, name: str, unit: str) -> Phase:
        return self._phase(name, unit)

    def note(self, text: str) -> None:
        self.say(text)

    @contextmanager
    def _phase(self, name: str, unit: str) -> Iterator[Advance]:
        def advance(done: int, total: int) -> None:
            self.listener(Progress(name, done, total, unit))

        advance(0, 0)
        yield advance


def dialogue(listener: Listener | None, given: Mapping[str, Any]) -> Dialogue:
    """Return the dialogue of an action that a function of the API runs; no question gets an answer. `given`: the
    options for the commands in notes."""
    if listener is None:
        return Dialogue()

    def say(text: str, *, is_warning: bool = False) -> None:
        listener(Note(addressed(text, given), is_warning))

    return Dialogue(_Phases(listener, say), say, partial(say, is_warning=True))
