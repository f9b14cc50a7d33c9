"""The demo with any number of time entries: a sync to its second schema and a rollback, with every value compared."""

import argparse
import tempfile
from pathlib import Path

from benchmarks import machine
from tests.scale.evolution import evolve

ENTRIES = 1_000_000


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.long demo", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="another seed gives another company (default 1)")
    parser.add_argument("--entries", type=int, default=ENTRIES, help="rows of TimeEntries (default %(default)s)")
    given = parser.parse_args(arguments)
    head = machine.described()
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        found = evolve(Path(folder), given.entries, given.seed)
    print("\n".join(report(head, given, found)))
    return 1 if found.faults else 0


def report(head, given, found):
    """Yield the lines of the report: the compared values, the faults, and the seconds of each step."""
    yield f"$ python -m tests.long demo --seed {given.seed} --entries {given.entries}"
    yield from head
    yield ""
    yield "schema.json -> schema_v2.json: rows as computed from those before, by table"
    yield from (f"  {rows:>12,}  {table}" for table, rows in found.rows.items())
    yield f"  {found.values:>12,}  values in all, each the same in value and type, each row under its row id"
    yield ""
    yield "rolled back: every object and every row, counters included, as before: " + ("no" if found.faults else "yes")
    yield f"faults: {len(found.faults)}"
    yield from (f"  {fault}" for fault in found.faults)
    yield ""
    yield "seconds, each with the start of a process where it is a command"
    yield from (f"  {seconds:>12.2f}  {step}" for step, seconds in found.seconds.items())
    yield (
        f"the sync itself: {found.report['duration_ms'] / 1000:.2f} s, {found.report['rows']:,} rows written, "
        f"writers waited {found.report['pause_ms'] / 1000:.2f} s, peak memory {found.peak / 1e6:,.0f} MB"
    )
