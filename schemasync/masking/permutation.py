"""A secret permutation of the values of one form, in which each value gets another place.

A value is a tuple of digits, each with a radix of its own: all tuples with the same radices are one domain. A Feistel
network over the two halves of the tuple gives a secret order of the domain, and each value is replaced by its successor
in this order. That is one single cycle through the whole domain: two values never become one, no value stays, and
following the cycle reaches all values. The format-preserving encryption of the standards (FF1) leaves some values
unchanged, and its domains have one radix.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

ROUNDS = range(4)  # of a Feistel network with independent functions: the fewest against a reader who chooses values
_WIDE = "H"  # a number of 16 bits: far more than each radix, so that all digits are almost equally likely
_AT_ONCE = 32  # numbers in the largest digest of BLAKE2b, which takes a third of the time of SHAKE

Digits = Sequence[int]


@dataclass(frozen=True, slots=True)
class Permutation:
    """`key`: the secret, of at most 64 bytes. Equal keys give equal permutations."""

    key: bytes

    def following(self, digits: Digits, radices: Digits, form: bytes) -> list[int]:
        """Return the tuple that replaces this one. `form`: the other properties that all values of the domain share;
        each form has its own order. Each radix is from 2 to 1,000."""
        if len(digits) == 1:
            return [_cycle(self.key, radices[0], form)[digits[0]]]
        half = len(digits) // 2
        left, right = digits[:half], digits[half:]
        of_left, of_right = radices[:half], radices[half:]
        for number in ROUNDS:  # to its place in the secret order
            if number % 2:
                right = _add(right, self._noise(number, form, left, len(right)), of_right)
            else:
                left = _add(left, self._noise(number, form, right, half), of_left)
        place = _incremented([*left, *right], radices)
        left, right = place[:half], place[half:]
        for number in reversed(ROUNDS):  # and back from the place after it
            if number % 2:
                right = _subtract(right, self._noise(number, form, left, len(right)), of_right)
            else:
                left = _subtract(left, self._noise(number, form, right, half), of_left)
        return [*left, *right]

    def _noise(self, number: int, form: bytes, other: Digits, length: int) -> array[int]:
        """Return at least `length` pseudo-random numbers, which depend on the other half."""
        data = b"%d:%d:%b:%b" % (number, len(form), form, array(_WIDE, other).tobytes())
        if length <= _AT_ONCE:
            return array(_WIDE, hashlib.blake2b(data, key=self.key).digest())
        return array(_WIDE, hashlib.shake_256(self.key + data).digest(2 * length))


def _add(half: Digits, noise: Digits, radices: Digits) -> Digits:
    return [(digit + by) % radix for digit, by, radix in zip(half, noise, radices, strict=False)]


def _subtract(half: Digits, noise: Digits, radices: Digits) -> Digits:
    return [(digit - by) % radix for digit, by, radix in zip(half, noise, radices, strict=False)]


def _incremented(digits: list[int], radices: Digits) -> list[int]:
    """Return the next tuple in counting; after the last one comes the first."""
    for place, radix in enumerate(radices):
        if digits[place] + 1 < radix:
            digits[place] += 1
            return digits
        digits[place] = 0
    return digits


@lru_cache(maxsize=1024)
def _cycle(key: bytes, radix: int, form: bytes) -> tuple[int, ...]:
    """Maps each digit of a domain of single digits to another one."""
    order = sorted(range(radix), key=lambda digit: hashlib.blake2b(form + b":%d" % digit, key=key).digest())
    following = dict(zip(order, [*order[1:], order[0]], strict=True))
    return tuple(following[digit] for digit in range(radix))
