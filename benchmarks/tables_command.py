"""One command on a database of many tables: `python -m benchmarks.tables_command ACTION DATABASE SCHEMA` prints, as
JSON, its seconds by the clock and of the processor, how long writers waited, and the times of its steps. The start of
Python does not count.

Like each command, it is a process of its own: nothing is cached.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from schemasync.engines.sqlite.connection import Opener
from schemasync.files.disk import Disk
from schemasync.files.layout import Layout
from schemasync.schema import document
from schemasync.sync.check import check
from schemasync.sync.rollback import rollback
from schemasync.sync.run.target import Target
from schemasync.sync.runner import sync


def main(action: str, database: Path, schema: Path) -> None:
    steps: list[tuple[str, str, float]] = []
    door = Disk(lambda when, label: steps.append((when, str(label), time.monotonic())))
    target, pause = Target(Layout(database), Opener(), door), 0.0
    begun, cpu = time.monotonic(), time.process_time()
    if action == "sync":
        pause = sync(target, document.read(schema.read_bytes())).pause_ms / 1000
    elif action == "check":
        check(target, document.read(schema.read_bytes()))
    else:
        done = rollback(target, None, lambda preview: True)
        assert done is not None
        pause = done.pause_ms / 1000
    seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "pause": pause, "steps": steps}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).absolute(), Path(sys.argv[3]))
