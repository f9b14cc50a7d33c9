"""Sources of the choices in generated rows: bytes that Hypothesis draws and shrinks, or a random generator."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Choices(Protocol):
    """A source of choices. 0 is always the simplest choice."""

    def below(self, count: int) -> int:
        """Return a number from 0 to `count - 1`."""


class RandomChoices:
    """Random choices that are the same for the same seed, in every process."""

    def __init__(self, seed: str | int) -> None:
        self._random = random.Random(seed)

    def below(self, count: int) -> int:
        return self._random.randrange(count)


class DrawnChoices:
    """Choices from a sequence of bytes; after its end, the simplest ones."""

    def __init__(self, data: Iterable[int]) -> None:
        self._bytes = iter(data)

    def below(self, count: int) -> int:
        found, ahead = 0, count - 1
        while ahead > 0:
            found, ahead = found * 256 + next(self._bytes, 0), ahead // 256
        return found % count


def one_of(choices: Choices, options: Sequence[T]) -> T:
    """Return one of the options; the first is the simplest."""
    return options[choices.below(len(options))]


def one_in(choices: Choices, odds: int) -> bool:
    """Return True in one of `odds` cases."""
    return choices.below(odds) == odds - 1
