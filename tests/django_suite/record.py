"""The outcomes of the stock backend, by the versions that they depend on: if ours are the same, the stock backend need
not run again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import django

from .configuration import Configuration
from .outcome import Outcome, Run

RECORD = Path(__file__).with_name("stock.json")


class Record:
    """The recorded outcomes: for each set of versions, place and labels, the number of tests and a hash of all tests
    that did not simply pass."""

    def __init__(self, labels: Sequence[str], path: Path = RECORD) -> None:
        self._labels = labels
        self._path = path

    @staticmethod
    def without_stock(chosen: Iterable[Configuration]) -> list[Configuration]:
        return [configuration for configuration in chosen if configuration.engine != "stock"]

    def stock_to_run(self, ours: Iterable[Run], chosen: Iterable[Configuration]) -> list[Configuration]:
        """Return the configurations of the stock backend in places where the outcome of ours differs from the recorded
        one."""
        recorded = self._read()
        differing = {
            run.configuration.place
            for run in ours
            if run.outcome is None or recorded.get(self._key(run.configuration)) != _digest(run.outcome)
        }
        return [one for one in chosen if one.engine == "stock" and one.place in differing]

    def write(self, runs: Iterable[Run]) -> None:
        stock = [run for run in runs if run.configuration.engine == "stock"]
        found = {self._key(run.configuration): _digest(run.outcome) for run in stock if run.outcome}
        self._path.write_text(json.dumps(self._read() | found, indent=1, sort_keys=True) + "\n", "utf-8")

    def _read(self) -> dict[str, str]:
        return json.loads(self._path.read_text("utf-8")) if self._path.exists() else {}

    def _key(self, configuration: Configuration) -> str:
        python = ".".join(map(str, sys.version_info[:2]))
        versions = f"Django {django.get_version()}, Python {python}, SQLite {sqlite3.sqlite_version}"
        return f"{versions}, {configuration.place}: {' '.join(self._labels)}"


def _digest(outcome: Outcome) -> str:
    text = json.dumps(asdict(outcome), sort_keys=True)
    return f"{outcome.run:,} tests, {hashlib.sha256(text.encode()).hexdigest()}"
