"""The progress interface of a run: the core calls it, the listener decides how it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int, int], None]
"""Called with (done, total) in the unit of the phase."""


Phase = AbstractContextManager[Advance]
"""A context that gives the function to report with."""


class Progress(Protocol):
    """Someone who watches a run."""

    def phase(self, name: str, unit: str) -> Phase:
        """A phase begins: `with progress.phase("copy", "pages") as advance: ...`."""

    def note(self, text: str) -> None:
        """Something happened that is worth a line."""


class Silent:
    """Nobody watches."""

    def phase(self, name: str, unit: str) -> Phase:
        return _quiet()

    def note(self, text: str) -> None: ...


@contextmanager
def _quiet() -> Iterator[Advance]:
    yield lambda done, total: None
