"""Find the measures that would help a database on SQLite most, each with the figures that show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .advice import Help
from .summary import Summary

MOST = 3
LONG = 0.1  # seconds for which one transaction may hold the write lock before others notice
LOG = 64_000_000  # bytes: sixteen times the size at which SQLite makes a checkpoint
SLOW_READ = 0.05  # seconds


def helps(day: Summary, tables: Sequence[tuple[str, int, float, float]]) -> tuple[Help, ...]:
    """Return the three measures that can save the most time. `tables`: for each table its name and the number, seconds
    and slowest of its reads, sorted by seconds."""
    found = sorted((*_locks(day), *_log(day), *_reads(day, tables)), key=lambda one: -one.seconds)
    return tuple(found[:MOST])


def _locks(day: Summary) -> Iterator[Help]:
    totals = day.totals
    transactions = totals.commits + totals.idle + totals.rollbacks
    if totals.idle * 4 > transactions:
        yield Help(
            "idle-transactions",
            f"{totals.idle:,} of {transactions:,} transactions took the write lock and wrote nothing",
            "Keep reads out of transaction.atomic; with ATOMIC_REQUESTS mark views that only read with "
            "transaction.non_atomic_requests.",
            totals.held_seconds * totals.idle / transactions,
        )
    if totals.longest_held > LONG:
        yield Help(
            "long-transactions",
            f"a transaction held the write lock for {totals.longest_held * 1000:,.0f} ms, and {totals.waits:,} waited, "
            f"{totals.wait_seconds:,.1f} s together",
            "Do what does not need the lock before the transaction or after it: requests to others, files, mail. "
            "Divide bulk writes.",
            totals.wait_seconds,
        )
    if totals.busy:
        yield Help(
            "busy-errors",
            f"{totals.busy:,} statements failed because the database was locked, {day.busy_rate:.2%} of the writes",
            'Look for programs that hold the write lock for long; leave "timeout" at 20 or more and "transaction_mode" '
            "at IMMEDIATE.",
            totals.busy * 20.0,
        )
    if day.write_seconds and day.most_commits_per_second > 50:
        yield Help(
            "many-small-commits",
            f"{day.most_commits_per_second:,.0f} commits a second, each {day.write_seconds * 1000:,.2f} ms",
            "Write several rows in one transaction, or with bulk_create.",
            totals.write_seconds / 2,
        )


def _log(day: Summary) -> Iterator[Help]:
    if day.totals.log_bytes > LOG:
        yield Help(
            "large-log",
            f"the write-ahead log had {day.totals.log_bytes:,} bytes, and every read looks into it",
            "Look for readers that stay open, such as long exports: SQLite cannot begin the log again while one is.",
            day.totals.read_seconds / 4,
        )


def _reads(day: Summary, tables: Sequence[tuple[str, int, float, float]]) -> Iterator[Help]:
    for name, count, seconds, slowest in tables[:MOST]:
        if slowest > SLOW_READ:
            yield Help(
                "slow-reads",
                f'reads of "{name}" took {seconds:,.1f} s in seven days, {count:,} of them, the slowest '
                f"{slowest * 1000:,.0f} ms until its first row",
                "To look for indexes that would help: manage.py schemasync advise --indexes",
                seconds / 7,
            )
