"""Runs a transaction again when it met a file that a swap superseded."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db.utils import OperationalError

P = ParamSpec("P")
R = TypeVar("R")


class Superseded(OperationalError):
    """The database was swapped while a transaction was open: nothing of it was kept, try the whole of it again.

    Raised where the backend cannot know what has run already. With transactions that begin IMMEDIATE, the default,
    it does not happen: those are refused or moved before their first statement.
    """


def again_when_superseded(function: Callable[P, R], *, times: int = 3) -> Callable[P, R]:
    """Call the function again, up to `times` in all, where a swap ended its transaction.

    It has to be the outermost one, and to contain the whole transaction:

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
