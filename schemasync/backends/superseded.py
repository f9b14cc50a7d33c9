"""Runs a transaction again if it met a file that a swap superseded."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db.utils import OperationalError

P = ParamSpec("P")
R = TypeVar("R")


class Superseded(OperationalError):
    """The database was swapped during a transaction: nothing of it was committed, and the whole transaction can be run
    again.

    Raised if the backend cannot know what has already run. It does not happen with transactions that begin IMMEDIATE,
    the default: these fail or move before their first statement.
    """


class Moved(OperationalError):
    """The database has moved to another engine, and its file accepts no writes: nothing of the transaction was
    committed. The process must open the database at its new place."""


def again_when_superseded(function: Callable[P, R], *, times: int = 3) -> Callable[P, R]:
    """Call the function again, up to `times` in all, if a swap ended its transaction.

    It must be the outermost decorator, and the function must contain the whole transaction:

        @again_when_superseded
        @transaction.atomic
        def book(order): ...
    """

    @wraps(function)
    def again(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(times - 1):
            try:
                return function(*args, **kwargs)
            except Superseded:
                continue
        return function(*args, **kwargs)

    return again
