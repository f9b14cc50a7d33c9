"""One run beside writers: `python -m benchmarks.swap DATABASE SCHEMA` prints when each step began and ended as JSON
of [label, seconds on the machine's clock] pairs, and what the run came to."""

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
    print(json.dumps({"steps": steps, **done.as_json()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]))
