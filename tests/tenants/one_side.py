"""One side of a move, which is killed at a step of the disk: `python -m tests.tenants.one_side send KEY HOST WHEN NUMBER`,
`undo KEY WHEN NUMBER`, or `receive` alone, for which the environment names step and number. Prints the steps that the sending side has passed."""

import os
import sys
from pathlib import Path

import django

django.setup()

from schemasync.actions.database import Database  # noqa: E402
from schemasync.errors import SchemasyncError  # noqa: E402
from schemasync.files.disk import Disk  # noqa: E402
from schemasync.tenants.moving.receiver import receive  # noqa: E402
from schemasync.tenants.moving.sender import MoveLimits, move_tenant, take_back  # noqa: E402
from tests.crash.scenarios import KillAt, Passes  # noqa: E402


def _disk(when, number):
    found = KillAt(when, int(number)) if when != "never" else Passes()
    return Disk(found), found


def main(what, *words):
    if what == "receive":
        disk, found = _disk(*os.environ.get("RECEIVE_KILLED", "never 0").split())
        receive(disk, float(os.environ.get("IDLE", "120")))
        if path := os.environ.get("RECEIVE_PASSED"):
            with Path(path).open("a") as file:
                file.write(" ".join(found.labels) + "\n")
        return
    if what == "undo":
        key, when, number = words
        print(take_back(Database("tenant"), key, _disk(when, number)[0]).result)
        return
    key, host, when, number = words
    disk, found = _disk(when, number)
    try:
        done = move_tenant(
            Database("tenant"), key, host, MoveLimits(answer=float(os.environ.get("ANSWER", "20"))), disk
        )
    except SchemasyncError as error:
        sys.exit(f"[{error.code}] {error}")
    print(done.result, done.pause_ms, " ".join(getattr(found, "labels", ())))


if __name__ == "__main__":
    main(*sys.argv[1:])
