"""Where the choices of generated rows come from: bytes that Hypothesis draws and shrinks, or a random generator."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Choices(Protocol):
    """A source of choices. 0 is the simplest of each."""

    def below(self, count: int) -> int:
        """A number from 0 to `count - 1`."""


class RandomChoices:
    """The same choices for the same seed, in every process."""

    def __init__(self, seed: str | int) -> None:
        self._random = random.Random(seed)

    def below(self, count: int) -> int:
        return self._random.randrange(count)


class DrawnChoices:
    """Choices out of a row of bytes; after its end, the simplest ones."""

    def __init__(self, data: Iterable[int]) -> None:
        self._bytes = iter(data)

    def below(self, count: int) -> int:
        found, ahead = 0, count - 1
        while ahead > 0:
            found, ahead = found * 256 + next(self._bytes, 0), ahead // 256
        return found % count


def one_of(choices: Choices, options: Sequence[T]) -> T:
    """One of them; the first is the simplest."""
    return options[choices.below(len(options))]


def one_in(choices: Choices, odds: int) -> bool:
    """True in one of so many cases."""
    return choices.below(odds) == odds - 1
