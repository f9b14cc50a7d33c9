"""The output of the commands: without colours if NO_COLOR is set, and into a pipe that may be closed."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, OutputWrapper


class Output(OutputWrapper):
    """Discards output after the reader of a pipe has exited, as `| head` does, so that a run continues."""

    def write(self, msg: str = "", style_func: Any = None, ending: Any = None) -> None:  # type: ignore[override]
        try:
            super().write(msg, style_func, ending)
        except BrokenPipeError:
            self._discard()

    def flush(self) -> None:
        try:
            super().flush()
        except BrokenPipeError:
            self._discard()

    def _discard(self) -> None:
        """Redirect the stream to the null device: its buffer would fail again when the process ends."""
        with suppress(OSError, ValueError):  # no descriptor, so nothing is flushed when the process ends
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


HELP = frozenset(["-h", "--help"])


class Console(BaseCommand):
    """A command whose output is an Output, without colours if NO_COLOR is set."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if os.environ.get("NO_COLOR") and not kwargs.get("force_color"):  # https://no-color.org
            kwargs["no_color"] = True
        super().__init__(*args, **kwargs)
        style = self.stderr.style_func
        self.stdout, self.stderr = (Output(wrapper._out) for wrapper in (self.stdout, self.stderr))  # type: ignore[arg-type]
        self.stderr.style_func = style

    def run_from_argv(self, argv: list[str]) -> None:
        try:
            super().run_from_argv(argv)
        except BrokenPipeError:
            if HELP.isdisjoint(argv):  # argparse writes the help; newer releases of Python 3.11 ignore this error
                raise
        finally:
            self.stdout.flush()
            self.stderr.flush()
