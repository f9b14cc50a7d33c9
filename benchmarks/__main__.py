"""`python -m benchmarks goals`, `live`, `noop`, `backend`, `tables`, `tenants` or `thresholds`; with --write the
figures go into RESULTS.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from . import backend, figures, live, noop, postgres, tables, tenants
from .goals import command as goals
from .process import ProcessFailed
from .thresholds import measure

NAMES = {
    "goals": "The speed goals",
    "noop": "Nothing to do",
    "live": "What a sync costs writers",
    "backend": "A statement on the backend",
    "tables": "Many tables",
    "postgres": "Rows to PostgreSQL",
    "tenants": "A database for each tenant",
    "thresholds": "How much load SQLite takes, beside PostgreSQL",
}
TAKES = {
    "goals": "each speed goal, beside cp and other tools: about an hour at full size",
    "live": "writers beside a sync: 10 minutes",
    "noop": "a sync with nothing to do, beside migrate: half a minute",
    "backend": "statements on the backend, beside Django's own: half a minute",
    "tables": "databases of many tables: 3 minutes",
    "postgres": "rows to PostgreSQL, beside psql: 10 minutes",
    "tenants": "all tenants and a new one, beside migrate, and requests for 10,000: 5 minutes",
    "thresholds": "1 to 100 processes on the backend and on PostgreSQL: 25 minutes",
}
ROUNDS = {"live": 5, "noop": 20, "backend": 5, "tables": 3, "postgres": 3, "tenants": 5, "thresholds": 5}
QUIET = 0.5  # load average above which another program is likely to disturb the figures


def main() -> int:
    given = _arguments()
    if os.getloadavg()[0] > QUIET:
        _say(f"this machine is busy (load average {os.getloadavg()[0]:.1f}): ratios may hold, seconds will not")
    place = nullcontext(given.folder) if given.folder else tempfile.TemporaryDirectory(prefix="benchmark-")
    with place as folder:
        try:
            lines, is_whole = _run(given, Path(folder).absolute())
        except (ProcessFailed, ValueError) as error:
            _say(str(error))
            return 1
    print("\n".join(lines))
    if given.write:
        figures.write(NAMES[given.what], lines)
        _say(f"written to {figures.RESULTS.name}")
    return 0 if is_whole else 1


def _run(given: argparse.Namespace, folder: Path) -> tuple[list[str], bool]:
    """Run the chosen benchmark. Return the lines to print, and False if a measured process has failed."""
    if given.what == "goals":
        return goals.run(given, folder, _say)
    return list(_others(given, folder)), True


def _others(given: argparse.Namespace, folder: Path) -> Sequence[str]:
    if given.what == "noop":
        return noop.run(folder, given.rounds, _say)
    if given.what == "backend":
        return backend.run(folder, given.rounds, _say)
    if given.what == "postgres":
        return postgres.run(folder, given.rows, given.rounds, _say)
    if given.what == "tables":
        return tables.run(folder, given.tables, given.rounds, _say)
    if given.what == "tenants":
        return tenants.run(folder, given.tenants, given.served, given.rounds, _say)
    if given.what == "thresholds":
        return measure.run_all(folder, given.processes, given.seconds, given.rounds, _say)
    return live.run(folder, given.megabytes, given.rounds, _say)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    actions = parser.add_subparsers(dest="what", required=True)
    found = {name: actions.add_parser(name, help=takes, description=takes) for name, takes in TAKES.items()}
    for name, one in found.items():
        if name in ROUNDS:
            one.add_argument("--rounds", type=int, default=ROUNDS[name], help="how often (default %(default)s)")
        one.add_argument(
            "--folder",
            type=Path,
            default=goals.default_folder() if name == "goals" else None,
            help="where the databases are made, and kept for the next run (default %(default)s)",
        )
        one.add_argument("--write", action="store_true", help="put the figures into benchmarks/RESULTS.md")
    goals.add_arguments(found["goals"])
    found["live"].add_argument("--megabytes", type=int, nargs="+", default=[10, 100, 1000], help="sizes to measure at")
    found["tables"].add_argument("--tables", type=int, nargs="+", default=[10, 100, 300, 1000, 3000], help="how many")
    found["postgres"].add_argument("--rows", type=int, nargs="+", default=[200_000, 2_000_000], help="how many")
    found["tenants"].add_argument("--tenants", type=int, default=1000, help="for the sync (default %(default)s)")
    found["tenants"].add_argument("--served", type=int, default=10_000, help="for the requests (default %(default)s)")
    load = found["thresholds"]
    load.add_argument("--processes", type=int, nargs="+", default=measure.PROCESSES, help="how many at a time")
    load.add_argument("--seconds", type=float, default=2.5, help="of each load (default %(default)s)")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
