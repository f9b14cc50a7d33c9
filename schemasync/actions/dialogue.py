"""The receivers of an action's reports while it runs, and the source of answers to its questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO

from ..orm.migrate_signals import Out
from ..sync.run.progress import Progress, Silent


def _ignore(text: str) -> None:
    """Do nothing: the default for `say` and `warn`."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """By default nobody listens, and nobody answers.

    `say` and `warn` get lines that are true now, even if the action fails later. `ask`: answers a yes-or-no question;
    None if nobody can answer. `stdout` and `verbosity`: passed to receivers of `pre_migrate` and `post_migrate`.
    """

    progress: Progress = field(default_factory=Silent)
    say: Callable[[str], object] = _ignore
    warn: Callable[[str], object] = _ignore
    ask: Callable[[str], bool] | None = None
    stdout: Out = field(default_factory=StringIO)
    verbosity: int = 0
