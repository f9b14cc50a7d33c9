"""`python -m benchmarks sync`, `live`, `noop`, `backend` or `tables`; with --write the figures go into RESULTS.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from . import backend, figures, live, noop, source, sync, tables
from .process import ProcessFailed

NAMES = {
    "sync": "A sync beside cp and migrate",
    "noop": "Nothing to do",
    "live": "What a sync costs writers",
    "backend": "A statement on the backend",
    "tables": "Many tables",
}
QUIET = 0.5  # load average above which another program is likely to be in the figures


def main() -> int:
    given = _arguments()
    if os.getloadavg()[0] > QUIET:
        _say(f"this machine is busy (load average {os.getloadavg()[0]:.1f}): ratios may hold, seconds will not")
    place = nullcontext(given.folder) if given.folder else tempfile.TemporaryDirectory(prefix="benchmark-")
    with place as folder:
        try:
            lines = _run(given, Path(folder).absolute())
        except ProcessFailed as error:
            _say(str(error))
            return 1
    print("\n".join(lines))
    if given.write:
        figures.write(NAMES[given.what], lines)
        _say(f"written to {figures.RESULTS.name}")
    return 0


def _run(given: argparse.Namespace, folder: Path) -> list[str]:
    if given.what == "noop":
        return list(noop.run(folder, given.rounds or 20, _say))
    if given.what == "backend":
        return list(backend.run(folder, given.rounds or 5, _say))
    if given.what == "tables":
        return list(tables.run(folder, given.tables, given.rounds or 3, _say))
    if given.what == "live":
        return list(live.run(folder, given.megabytes, given.rounds or 5, _say))
    return list(sync.run(folder, given.rows, given.rounds or 5, _say))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what",
        choices=NAMES,
        help="sync: some 4 minutes at full size; live: 10; tables: 3; noop, backend: half a minute",
    )
    parser.add_argument("--rows", type=int, default=source.ROWS, help="of the table that changes (default %(default)s)")
    parser.add_argument("--megabytes", type=int, nargs="+", default=[10, 100, 1000], help="live: sizes to measure at")
    parser.add_argument("--tables", type=int, nargs="+", default=[10, 100, 300, 1000, 3000], help="tables: how many")
    parser.add_argument(
        "--rounds", type=int, help="how often each is measured (default: sync, live, backend 5; tables 3; noop 20)"
    )
    parser.add_argument("--folder", type=Path, help="where the databases are made, and kept for the next run")
    parser.add_argument("--write", action="store_true", help="put the figures into benchmarks/RESULTS.md")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
