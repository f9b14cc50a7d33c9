"""Turns each part of a write-ahead log into a log of its own, so that SQLite reads only that part.

In a log the checksum of each frame continues that of the frame before it, and the first one that of the header. Take
two logs of the same frames that begin with different sums: frame by frame, the difference of their sums depends only on
the number of bytes, because each pair of words takes (a, b) to (a + b, a + 2b). So a part gets the right sums without
reading its pages, and a damaged frame stays as wrong as it was.
https://www.sqlite.org/fileformat2.html#checksum_algorithm
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

HEADER, FRAME = 32, 24  # bytes of the header of the log, and of a frame
SUMS = Struct(">II")
HEADER_SUMS, FRAME_SUMS, PAGE_SIZE = 24, 16, 8  # their offsets in the header
COVERED = 8  # bytes of a frame's header that its sums cover, besides the page
WORD = 1 << 32

Pair = tuple[int, int]
Matrix = tuple[int, int, int, int]
ONE_PAIR: Matrix = (1, 1, 1, 2)  # the effect of a pair of words on the difference of two sums


@dataclass(slots=True)
class LogParts:
    """A log that arrives in pieces. `come`: the number of bytes so far. `frames`: the number of complete frames.
    `in_part`: the number of these in the present part."""

    come: int = 0
    frames: int = 0
    in_part: int = 0
    _header: bytes = b""
    _rest: bytes = b""  # the beginning of an incomplete frame
    _size: int = FRAME  # bytes of a frame with its page
    _step: Matrix = (1, 0, 0, 1)  # the effect of a frame on the difference
    _sums: Pair = (0, 0)  # the sums of the last frame
    _apart: Pair = (0, 0)  # the sums of the log minus those of the part

    @property
    def is_whole(self) -> bool:
        """True if no frame is incomplete."""
        return not self._rest

    def add(self, data: bytes) -> bytes:
        """Return the next bytes of the part for the next bytes of the log: the part's header before the first frame,
        and complete frames."""
        self.come += len(data)
        data, at = self._rest + data, 0
        if not self._header and len(data) >= HEADER:
            at = self._begin(data[:HEADER])
        made = bytearray(self._header if not self.in_part and self._header and len(data) - at >= self._size else b"")
        while self._header and len(data) - at >= self._size:
            made += self._frame(data[at : at + self._size])
            at += self._size
        self._rest = data[at:]
        return bytes(made)

    def end_part(self) -> None:
        """End the part: the next frame begins another one."""
        self.in_part = 0
        first = SUMS.unpack_from(self._header, HEADER_SUMS) if self._header else (0, 0)
        self._apart = _minus(self._sums, first)

    def _begin(self, header: bytes) -> int:
        page = int.from_bytes(header[PAGE_SIZE : PAGE_SIZE + 4], "big")
        self._header, self._size = header, FRAME + page
        self._step = _power(ONE_PAIR, (COVERED + page) // 8)
        self._sums = SUMS.unpack_from(header, HEADER_SUMS)
        return HEADER

    def _frame(self, frame: bytes) -> bytes:
        self.frames, self.in_part = self.frames + 1, self.in_part + 1
        a, b, c, d = self._step
        self._apart = (
            (a * self._apart[0] + b * self._apart[1]) % WORD,
            (c * self._apart[0] + d * self._apart[1]) % WORD,
        )
        self._sums = SUMS.unpack_from(frame, FRAME_SUMS)
        return frame[:FRAME_SUMS] + SUMS.pack(*_minus(self._sums, self._apart)) + frame[FRAME:]


def _minus(one: Pair, other: Pair) -> Pair:
    return (one[0] - other[0]) % WORD, (one[1] - other[1]) % WORD


def _power(matrix: Matrix, times: int) -> Matrix:
    found: Matrix = (1, 0, 0, 1)
    while times:
        if times & 1:
            found = _product(found, matrix)
        matrix, times = _product(matrix, matrix), times >> 1
    return found


def _product(one: Matrix, other: Matrix) -> Matrix:
    a, b, c, d = one
    e, f, g, h = other
    return (a * e + b * g) % WORD, (a * f + b * h) % WORD, (c * e + d * g) % WORD, (c * f + d * h) % WORD
