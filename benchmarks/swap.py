"""One run while others write: `python -m benchmarks.swap DATABASE SCHEMA` prints, as JSON, when each step began and
ended, as [when, label, seconds on the machine's clock], and the figures of the run's own report."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from schemasync.engines.sqlite.connection import Opener
from schemasync.files.disk import Disk
from schemasync.files.layout import Layout
from schemasync.schema import document
from schemasync.sync.run.target import Target
from schemasync.sync.runner import sync


def main(database: Path, schema: Path) -> None:
    steps: list[tuple[str, str, float]] = []
    door = Disk(lambda when, label: steps.append((when, str(label), time.monotonic())))
    done = sync(Target(Layout(database), Opener(), door), document.read(schema.read_bytes()))
    overhead = done.followed.write_overhead if done.followed is not None else None
    rewritten = sum(table["rows"] for table in done.tables.values())
    print(json.dumps({"steps": steps, "pause_ms": done.pause_ms, "write_overhead": overhead, "rows": rewritten}))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]))
