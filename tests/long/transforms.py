"""Transforms of many rows: memory, rate and pause. With writers and a kill in the middle, a model checks every row."""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import machine
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.crash.processes import Child
from tests.live.oracle import Case, made
from tests.live.test_transforms_under_load import (
    NEW,
    PATIENT,
    USERS,
    _busy,
    assert_modelled,
    filled,
    homes,
    names,
    words,
)

FEW = 10_000  # rows of the small run, for the additional memory of many rows
LONG = 3600.0  # seconds to wait for a run
KILLED_AFTER = 50_000  # rows for each second before the kill, so that the run is in the middle of its transforms
KINDS = {"one-to-one": (names,), "one-to-many": (words,), "shared": (homes,)}
FOLLOWED = (names, words)  # not `homes`: each row that writers change would rebuild one of its large groups


@dataclass
class Phases:
    """A progress listener that records the units and the seconds of each phase."""

    seconds: dict[str, tuple[int, float]] = field(default_factory=dict)

    @contextmanager
    def phase(self, name, unit):
        begun, reached = time.monotonic(), [0]
        yield lambda done, total: reached.__setitem__(0, done)
        self.seconds[name] = reached[0], time.monotonic() - begun

    def note(self, text):
        pass


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.long transforms", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the table that is read (default %(default)s)")
    parser.add_argument("--killed", action="store_true", help="only the run beside writers, which is killed")
    given = parser.parse_args(arguments)
    when, _, where = machine.described()
    option = " --killed" if given.killed else ""
    print(f"$ python -m tests.long transforms --rows {given.rows}{option}\n{when}\n{where}\n", flush=True)
    for name, transforms in [] if given.killed else KINDS.items():
        few, many = (run(transforms, rows) for rows in (FEW, given.rows))
        print(described(name, few, many), flush=True)
    if given.killed:
        print(killed(given.rows), flush=True)
    return 0


def case(transforms, rows):
    wanted = {table for one in transforms for table in one.into} | {"Users"}
    return Case(
        {"Users": USERS}, {n: t for n, t in NEW.items() if n in wanted}, [], filled(rows), transforms=transforms
    )


def run(transforms, rows):
    """Run in a process of its own. Return (duration in ms, pause in ms, phases, peak memory in bytes, file size)."""
    with tempfile.TemporaryDirectory(prefix="transforms-") as folder:
        one = case(transforms, rows)
        link = made(Path(folder) / "w", one)
        return Child(lambda: measured(link, one)).ended(LONG).result()


def measured(link, one):
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    phases = Phases()
    report = sync(target(link, wait=30.0, progress=phases), one.wanted, PATIENT)
    return report.duration_ms, report.pause_ms, phases.seconds, peak(), link.stat().st_size


def peak():
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def described(name, few, many):
    duration, pause, phases, memory, size = many
    lines = [f"{name}: {duration / 1000:.0f} s, writers would have waited {pause} ms"]
    for phase in ("transforms", "transforms again"):
        rows, seconds = phases[phase]
        lines.append(f"  {phase}: {rows:,} rows in {seconds:.0f} s, {rows / seconds:,.0f} a second")
    more = (memory - few[3]) / 1e6
    lines.append(
        f"  peak memory {memory / 1e6:.0f} MB, {more:+.0f} MB over the run of {FEW:,} rows; file {size / 1e6:.0f} MB"
    )
    return "\n".join(lines)


def killed(rows):
    """Run two kinds of transforms while two writers write. The first run is killed in the middle, the second ends."""
    with tempfile.TemporaryDirectory(prefix="transforms-") as folder:
        one = case(FOLLOWED, rows)
        link = made(Path(folder) / "w", one)
        archive = link.resolve()
        writers = [Child(lambda number=number: _busy(link, number)) for number in range(2)]
        begun = time.monotonic()
        first = Child(lambda: sync(target(link, wait=30.0), one.wanted, PATIENT).result)
        while not any(".building" in path.name for path in link.parent.rglob("*.building")):
            time.sleep(0.05)
        time.sleep(rows / KILLED_AFTER)
        first.kill()
        assert first.ended().killed
        after = time.monotonic() - begun
        pause = Child(lambda: sync(target(link, wait=30.0), one.wanted, PATIENT).pause_ms).ended(LONG).result()
        written = sum(writer.ended(LONG).result() for writer in writers)
        compared = assert_modelled(link, archive, {table for one in FOLLOWED for table in one.into})
    return (
        f"one-to-one and one-to-many, beside two writers: killed after {after:.0f} s by SIGKILL; the next run finished, and writers waited "
        f"{pause} ms\n  {written:,} rounds of three writes were acknowledged meanwhile\n  {compared:,} old rows: every new "
        "row of three tables is what the model makes of the last rows"
    )
