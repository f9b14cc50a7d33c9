"""The health of a database, as text."""

from __future__ import annotations

from ...actions.health import Found
from ...errors import Problem
from ...schema.text import count, short
from ...texts import size
from .shared import Lines, problem


def lines(done: Found) -> Lines:
    """Return the live generation, and the lag of replicas; empty if the database cannot be used."""
    found, row = done.health, done.health.live
    if found.unusable:
        return []
    state = f"{row.generation} can be used: version {short(row.version)}" if row else "the database can be used"
    return [f"{state}; {size(found.free)} of the disk are free", *_replicas(done)]


def _replicas(done: Found) -> Lines:
    if done.replica is None or not done.replica.is_live:
        return []
    lines = [f"the replica of Litestream was complete {done.replica.seconds:.0f} s ago"]
    for alias, one in done.read_replicas.items():
        lines.append(f'the read replica "{alias}" is {count(one.transactions, "transaction")} behind')
    return lines


def why(done: Found) -> Lines:
    """Return all problems, for the error of the command; empty if there are none."""
    found = done.health
    return [*_as_lines("unusable", found.unusable), *_as_lines("attention", found.attention)]


def _as_lines(word: str, problems: tuple[Problem, ...]) -> Lines:
    return [f"{word} {line}" for one in problems for line in [problem(one)]]
