"""One side of a move: `python -m tests.tenants.one_side send KEY HOST WHEN NUMBER`, which is killed at that disk step
and prints the steps that it has passed, or `receive` alone, which appends them to the file of RECEIVE_PASSED.
RECEIVE_SLOW is the number of seconds for which the receiving side waits when it places the tenant."""

import os
import sys
import time
from pathlib import Path

import django

django.setup()

from schemasync.actions.database import Database  # noqa: E402
from schemasync.errors import SchemasyncError  # noqa: E402
from schemasync.files.disk import Disk, DiskStep  # noqa: E402
from schemasync.sync.run.limits import Limits  # noqa: E402
from schemasync.tenants.moving.receiver import receive  # noqa: E402
from schemasync.tenants.moving.sender import move_tenant  # noqa: E402
from schemasync.tenants.moving.sending import MoveLimits  # noqa: E402
from tests.crash.scenarios import KillAt, Passes  # noqa: E402

PLACED = ("after", DiskStep.HOST_PLACE)


def _disk(when, number):
    found = KillAt(when, int(number)) if when != "never" else Passes()
    return Disk(found), found


def main(what, *words):
    if what == "receive":
        disk, found = _disk("never", 0)
        if seconds := float(os.environ.get("RECEIVE_SLOW", "0")):
            disk = Disk(lambda when, label: time.sleep(seconds) if (when, label) == PLACED else None)
        receive(disk, float(os.environ.get("IDLE", "120")))
        if path := os.environ.get("RECEIVE_PASSED"):
            with Path(path).open("a") as file:
                file.write(" ".join(found.labels) + "\n")
        return
    key, host, when, number = words
    disk, found = _disk(when, number)
    cutover = Limits(float(os.environ.get("PAUSE", "20")))  # on a slow machine, too, the first attempt succeeds
    limits = MoveLimits(float(os.environ.get("ANSWER", "20")), cutover)
    try:
        done = move_tenant(Database("tenant"), key, host, limits, disk)
    except SchemasyncError as error:
        sys.exit(f"[{error.code}] {error}")
    print(done.result, done.pause_ms, " ".join(getattr(found, "labels", ())))


if __name__ == "__main__":
    main(*sys.argv[1:])
