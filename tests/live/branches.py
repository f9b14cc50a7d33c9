"""Swaps forward and back while writers write: the file that must hold each acknowledged write.

Between two swaps one generation is live, and the writes acknowledged in that time belong to it. A swap forward copies
it into a new one. A rollback leaves it unchanged, for good or until it is live again.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from .journal import Done
from .ledger import Ledger, Swapped, agree

Rows = dict[str, int]


class Branches:
    """A ledger whose swaps are recorded. Each of its transactions begins with a row that no one changes again."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.moments: list[int] = []
        self.live = [ledger.link.resolve().stem]  # one more than moments

    def sync(self) -> None:
        self._swapped(self.ledger.sync().result())

    def rollback(self) -> None:
        """Roll back, and check that its counts are the exact differences between the archived and the restored file."""
        files = {path.stem: path for path in generations(self.ledger.link)}
        archives = {name: tables(path) for name, path in files.items() if name != self.live[-1]}
        swapped = self.ledger.rollback()
        left = tables(files[self.live[-1]])
        differing = {
            name: count for name, count in difference(left, archives[swapped.generation]).items() if any(count)
        }
        assert swapped.written == differing
        self._swapped(swapped)

    def _swapped(self, swapped: Swapped) -> None:
        self.moments.append(swapped.at)
        self.live.append(swapped.generation)

    def check(self) -> None:
        """Check that each generation holds exactly the rows of its source and those acknowledged while it was live."""
        found = {path.stem: rows(path) for path in generations(self.ledger.link)}
        answers = self.ledger.answers()
        doubtful = {key for one in answers for key in one.doubtful}
        periods: list[list[Done]] = [[] for _ in self.live]
        for done in (done for one in answers for done in one.done):
            periods[self._period(done, found)].append(done)
        contents = dict(self._contents(periods))
        assert found.keys() == contents.keys()
        for name, content in contents.items():
            agree(found[name], content, doubtful, name)
        assert self.ledger.link.resolve().stem == self.live[-1]
        self.ledger.check_file(self.ledger.link)
        assert all(periods), "somebody wrote between every two swaps"

    def _period(self, done: Done, found: dict[str, Rows]) -> int:
        """Return the number of swaps before a transaction, by the clock. If a swap came during it, the files decide."""
        first, last = bisect(self.moments, done.began), bisect(self.moments, done.ended)
        if first == last:
            return first
        self.ledger.counts["in flight at a swap"] += 1
        mark = done.changes[0][1]
        there = {name for name, content in found.items() if mark in content}
        return next((period for period in range(first, last) if self._heirs(period) == there), last)

    def _heirs(self, period: int) -> set[str]:
        """Return the generations that hold the rows inserted in a period, unless they were deleted since."""
        heirs = {self.live[period]}
        for number in range(period + 1, len(self.live)):
            is_new = self.live[number] not in self.live[:number]
            if is_new and self.live[number - 1] in heirs:
                heirs.add(self.live[number])
        return heirs

    def _contents(self, periods: list[list[Done]]) -> Iterator[tuple[str, Rows]]:
        """Yield the name and rows that each generation must hold, by the journals alone."""
        contents: dict[str, Rows] = {}
        copied: Rows = {}
        for name, period in zip(self.live, periods, strict=True):
            content = contents.setdefault(name, dict(copied))
            for done in period:
                done.carry_out(content)
            copied = content
        yield from contents.items()


def generations(link: Path) -> list[Path]:
    """Return the generations, without the file of metrics that a site writes there after a minute."""
    return sorted(link.with_name(link.name + ".generations").glob("[0-9]*.sqlite3"))


def rows(path: Path) -> Rows:
    """Return {key: amount} of a file."""
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT key, amount FROM moves").fetchall())


def tables(path: Path) -> dict[str, dict[int, tuple[object, ...]]]:
    """Return {table: {id: row}} of a file."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: {row[0]: row for row in connection.execute(f"SELECT * FROM {table}")}
            for table in ("accounts", "moves")
        }


def difference(newer, older) -> dict[str, tuple[int, int, int]]:
    """Return {table: (rows added, changed, removed)}."""
    return {
        table: (
            len(newer[table].keys() - older[table].keys()),
            sum(newer[table][key] != older[table][key] for key in newer[table].keys() & older[table].keys()),
            len(older[table].keys() - newer[table].keys()),
        )
        for table in newer
    }
