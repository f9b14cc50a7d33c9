"""The results of `litestream`, as text."""

from __future__ import annotations

from typing import assert_never

from ...actions.litestream import Configured, Done, Registered, Restored
from ...schema.text import count
from ...texts import shown
from .shared import Lines


def lines(done: Done) -> Lines:
    """Return the result; the configuration itself, if it was not written to a file."""
    match done:
        case Configured(output=None):
            return done.text.splitlines()
        case Configured(output=output):
            assert output is not None
            return [f"wrote {shown(output)}: {done.live} to {done.replica}"]
        case Registered():
            return [f"Litestream replicates {done.live} to {done.replica}"]
        case Restored():
            rows = count(sum(done.found.rows.values()), "row")
            return [f"wrote {shown(done.output)}: {rows}, whole", *_next(done)]
        case _:
            assert_never(done)


def _next(done: Restored) -> Lines:
    newest = done.found.newest
    return [] if newest is None else [f"it is {newest.generation} of that moment"]
