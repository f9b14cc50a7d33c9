"""Measured pairs, and the file that stores them, so that an interrupted run can go on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured pair: seconds (or bytes, milliseconds) of ours and of the other, and of their empty commands."""

    ours: float
    theirs: float
    ours_empty: float = 0.0
    theirs_empty: float = 0.0


@dataclass(frozen=True, slots=True)
class Net:
    """Our values and the other's of all pairs, less the medians of their empty commands."""

    ours: list[float]
    theirs: list[float]

    def ratios(self) -> list[float] | None:
        """Return the ratios of ours to the other's by pair; None if a value is not above its empty command, because the
        file is too small."""
        if min(*self.ours, *self.theirs) <= 0:
            return None
        return [a / b for a, b in zip(self.ours, self.theirs, strict=True)]

    def differences(self) -> list[float]:
        return [a - b for a, b in zip(self.ours, self.theirs, strict=True)]


def net(samples: Iterable[Sample]) -> Net:
    taken = list(samples)
    ours, theirs = median(s.ours_empty for s in taken), median(s.theirs_empty for s in taken)
    return Net([s.ours - ours for s in taken], [s.theirs - theirs for s in taken])


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of samples, one a line, each with a key that identifies the measurement."""

    path: Path

    def read(self, key: str) -> list[Sample]:
        if not self.path.exists():
            return []
        return [Sample(**line["sample"]) for line in self._lines() if line["key"] == key]

    def add(self, key: str, sample: Sample) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line({"key": key, "sample": asdict(sample)}))

    def forget(self, keys: Iterable[str]) -> None:
        """Delete the samples of these keys."""
        if self.path.exists():
            gone = set(keys)
            self.path.write_text("".join(_line(line) for line in self._lines() if line["key"] not in gone), "utf-8")

    def _lines(self) -> list[dict[str, Any]]:
        """Return all lines except one that a killed run has not finished."""
        found = []
        for line in self.path.read_text("utf-8").splitlines():
            with suppress(json.JSONDecodeError):
                found.append(json.loads(line))
        return found


def _line(value: dict[str, Any]) -> str:
    """Return a value as a line of JSON. It starts with a line break, as the line before may be unfinished."""
    return f"\n{json.dumps(value)}"
