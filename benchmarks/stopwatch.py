"""Measure the steps of a sync: `python -m benchmarks.stopwatch DATABASE SCHEMA` prints seconds by step as JSON.

Like the measured command, it is a process of its own, with the same calls inside.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from schemasync.engines.sqlite.connection import Opener
from schemasync.files.disk import Disk, DiskStep
from schemasync.files.layout import Layout
from schemasync.schema import document
from schemasync.sync.run.target import Target
from schemasync.sync.runner import sync

STEPS = {
    DiskStep.BUILD_START: "clone the file",
    DiskStep.BUILD_RESHAPE: "drop and create tables",
    DiskStep.BUILD_REFILL: "fill again",
    DiskStep.BUILD_INDEX: "indexes and ANALYZE",
    DiskStep.BUILD_VERIFY: "compare with the old file",
    DiskStep.BUILD_FINISH: "views, triggers",
    DiskStep.BUILD_STRUCTURE: "structure",
    DiskStep.BUILD_SEAL: "onto the disk",
    DiskStep.CUTOVER_FENCE: "fence (commit)",
    DiskStep.CUTOVER_UNMARK: "open the new file",
    DiskStep.CUTOVER_LINK: "move the link",
    DiskStep.ARCHIVE_CHECKPOINT: "checkpoint the archive",
}
COMPARED = STEPS[DiskStep.BUILD_VERIFY]
REWRITE = (STEPS[DiskStep.BUILD_RESHAPE], STEPS[DiskStep.BUILD_REFILL], STEPS[DiskStep.BUILD_INDEX])
DECIDE, OTHER = "read, compare, plan, ask the data", "all else"


class Stopwatch:
    """The seconds by step. It is a listener of Disk, which calls it before and after each DiskStep."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self.since: dict[DiskStep, float] = {}
        self.seconds: dict[str, float] = {}

    def __call__(self, when: str, label: DiskStep) -> None:
        now = time.perf_counter()
        if when == "before":
            self.seconds.setdefault(DECIDE, now - self.begun)  # before the first step nothing is written
            self.since[label] = now
        elif label in STEPS:
            name = STEPS[label]
            self.seconds[name] = self.seconds.get(name, 0.0) + now - self.since[label]

    def stop(self) -> dict[str, float]:
        total = time.perf_counter() - self.begun
        return {**self.seconds, OTHER: total - sum(self.seconds.values())}


def main(database: Path, schema: Path) -> None:
    watch = Stopwatch()
    wanted = document.read(schema.read_bytes())
    report = sync(Target(Layout(database), Opener(), Disk(watch)), wanted)
    print(json.dumps({"seconds": watch.stop(), "pause_ms": report.pause_ms, "rows": report.rows}))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]))
