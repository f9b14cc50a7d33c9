"""kill -9 before any SQL statement and any counted call to the operating system, not only at disk steps."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
from dataclasses import dataclass, replace
from typing import Any

from schemasync.engines.sqlite.connection import Opener

from .databases import SampleDatabase
from .processes import child
from .scenarios import Scenario, run

CALLS = {
    *("open", "os.rename", "os.remove", "os.symlink", "os.mkdir", "os.chmod", "os.chown", "os.listdir", "os.scandir"),
    *("os.truncate", "sqlite3.connect", "fcntl.flock"),
}
"""The audit events that are counted (https://docs.python.org/3/library/audit_events.html)."""


@dataclass
class Instants:
    """Counts the statements and calls of this process, and kills the process at number `last`."""

    last: int = -1
    count: int = 0

    def pass_one(self) -> None:
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1

    def watch(self) -> None:
        sys.addaudithook(lambda event, given: self.pass_one() if event in CALLS else None)

    def register(self, connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(lambda statement: self.pass_one())


def run_until(scenario: Scenario, database: SampleDatabase, instants: Instants) -> Any:
    """Run the scenario in this process with everything counted, and return the count."""
    target = replace(database.target(), opener=Opener(instants.register))
    instants.watch()
    run(scenario, target)
    return instants.count


def count(scenario: Scenario, database: SampleDatabase) -> int:
    """Return the number of instants of a run."""
    return child(lambda: run_until(scenario, database, Instants())).result()


def sample(total: int, size: int, seed: str) -> list[int]:
    """Return at most `size` instants spread over the whole run: a random one in each of `size` equal parts."""
    chance = random.Random(seed)
    return sorted({total * part // size + chance.randrange(max(1, total // size)) for part in range(size)})
