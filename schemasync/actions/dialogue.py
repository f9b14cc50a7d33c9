"""Whom an action reports to while it runs, and who answers its questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO

from ..orm.migrate_signals import Out
from ..sync.run.progress import Progress, Silent


def _ignore(text: str) -> None:
    """The default listener."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """By default nobody listens, and nobody answers.

    `say` and `warn` get lines that are true now, whatever becomes of the action. `ask`: the answer to a question of yes
    and no; None if nobody can answer. `stdout` and `verbosity`: what receivers of `pre_migrate` and `post_migrate` get.
    """

    progress: Progress = field(default_factory=Silent)
    say: Callable[[str], object] = _ignore
    warn: Callable[[str], object] = _ignore
    ask: Callable[[str], bool] | None = None
    stdout: Out = field(default_factory=StringIO)
    verbosity: int = 0
