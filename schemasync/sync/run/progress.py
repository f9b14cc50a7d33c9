"""The progress interface of a run: the core calls it, and the listener decides how to show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int, int], None]
"""Called with (done, total) in the unit of the phase."""


Phase = AbstractContextManager[Advance]
"""A context that yields the function to report with."""


class Progress(Protocol):
    """A listener for the progress of a run."""

    def phase(self, name: str, unit: str) -> Phase:
        """Begin a phase: `with progress.phase("copy", "pages") as advance: ...`."""

    def note(self, text: str) -> None:
        """Report something in one line."""


class Silent:
    """A listener that ignores everything."""

    def phase(self, name: str, unit: str) -> Phase:
        return _quiet()

    def note(self, text: str) -> None: ...


@contextmanager
def _quiet() -> Iterator[Advance]:
    yield lambda done, total: None
