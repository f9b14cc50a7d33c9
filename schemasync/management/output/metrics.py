"""The measurements of the backend, as text."""

from __future__ import annotations

from ...actions.metrics import Measured, PeriodJson, Table, as_json
from ...texts import crop, size
from .shared import Lines

MOST_TABLES = 10
_ROWS = (
    ("commits", "commits", ",.0f"),
    ("  a second", "commits_per_second", ",.1f"),
    ("  a second, most", "most_commits_per_second", ",.1f"),
    ("a write takes, ms", "write_ms", ",.2f"),
    ("  the slowest", "slowest_write_ms", ",.0f"),
    ("waits for the write lock", "waits", ",.0f"),
    ("  on average, ms", "wait_ms", ",.1f"),
    ("  the longest", "longest_wait_ms", ",.0f"),
    ("the write lock is held", "held", ".1%"),
    ("  the longest, ms", "longest_held_ms", ",.0f"),
    ("writers at once", "writers", ",.2f"),
    ("  most", "most_writers", ",.2f"),
    ("busy errors", "busy", ",.0f"),
    ("transactions without a write", "idle", ",.0f"),
    ("reads (estimated)", "reads", ",.0f"),
    ("  until the first row, ms", "read_ms", ",.2f"),
)


def lines(found: Measured) -> Lines:
    """Return a table of the hour, the day and the month, and the database's tables with the most time."""
    data = as_json(found)
    if data["result"] == "nothing":
        why = (
            "each process of the backend writes what it has measured once a minute"
            if data["measures"]
            else 'SCHEMASYNC["METRICS"] is False'
        )
        return [f"nothing was measured: {why}"]
    periods: list[PeriodJson] = [data["hour"], data["day"], data["month"]]
    head = f"{'':30}{'hour':>12}{'day':>12}{'month':>12}"
    rows = [f"{name:30}{''.join(f'{_value(one, key, form):>12}' for one in periods)}" for name, key, form in _ROWS]
    sizes = f"the file has {size(data['month']['file_bytes'])}, its log had at most {size(data['month']['log_bytes'])}"
    return [head, *rows, sizes, *_tables(found.tables)]


def _value(period: PeriodJson, key: str, form: str) -> str:
    return format(dict(period)[key], form)


def _tables(tables: tuple[Table, ...]) -> Lines:
    if not tables:
        return []
    head = f"{'table, the last 7 days':30}{'reads':>12}{'s':>9}{'writes':>12}{'s':>9}"
    return [
        head,
        *(
            f"{crop(one.name, 29):30}{one.reads.count:>12,}{one.reads.seconds:>9.1f}"
            f"{one.writes.count:>12,}{one.writes.seconds:>9.1f}"
            for one in tables[:MOST_TABLES]
        ),
    ]
