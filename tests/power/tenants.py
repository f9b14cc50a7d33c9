"""Power loss while a tenant is created: python -m tests.power.tenants SEED MORE. One process plays all states, each in
a fork of its own at the same path, because the settings of a project have the path."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

import django
from django.db import connections

from schemasync.errors import Code, Refused
from schemasync.files.disk import Disk, DiskStep
from tests.crash.databases import whole
from tests.crash.processes import child
from tests.tenants.inside import begin

from .player import State, put, states
from .recorder import DONE, record

KEY = "ann"
AUTHOR = "acknowledged"


def create(folder: str, marks: str) -> None:
    """Create a tenant and write a row in it. This is the recorded run."""
    os.environ["TENANTS_FOLDER"] = folder
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.tenants.settings"
    django.setup()
    from schemasync.tenants import create_tenant, tenant
    from schemasync.tenants.settings import tenant_settings
    from tests.tenants.shop.models import Author

    descriptor = os.open(marks, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def observer(when: str, label: DiskStep) -> None:
        os.write(descriptor, f"{when} {label}\n".encode())

    create_tenant(KEY, disk=Disk(observer))
    with tenant(KEY):
        with connections[tenant_settings().alias(KEY)].cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")
        Author.objects.create(name=AUTHOR)
    os.write(descriptor, f"{DONE}\n".encode())


def go_on(state: State) -> str:
    """Enter the tenant if it exists, and create it again. Raise AssertionError if it is not as it should be."""
    from schemasync.tenants import UnknownTenant, create_tenant, tenant
    from schemasync.tenants.paths import path_of
    from schemasync.tenants.settings import tenant_settings
    from tests.tenants.shop.models import Author

    def authors() -> list[str]:
        with tenant(KEY):
            return [author.name for author in Author.objects.all()]

    try:
        authors()
        found = "new"
    except UnknownTenant:
        found = "old"
    try:
        create_tenant(KEY)
    except Refused as refusal:
        assert found == "new", refusal
        assert refusal.problems[0].code == Code.TENANT_EXISTS, refusal
    assert authors() == [AUTHOR] * (DONE in state.said)
    assert whole(path_of(KEY))
    left = [path for path in tenant_settings().folder.iterdir() if path.name.startswith(f".{KEY}.")]
    assert not any(path for folder in left for path in folder.iterdir()), left  # an empty folder may reappear
    return found


def play(seed: int, more: int) -> Counter[str]:
    """Record one creation, and play each state that a power loss can leave."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="schemasync-") as name:
        folder = Path(name)
        (folder / "w").mkdir()
        with contextlib.redirect_stdout(io.StringIO()):
            begin(folder / "w")
        connections.close_all()
        (folder / "w").rename(folder / "before")
        recording = record(["tests.power.tenants", "create"], folder / "before", folder)
        epochs = recording.epochs()
        found = states(epochs, seed, more)
        counts = Counter(calls=len(recording.calls), moments=len(epochs), states=len(found), played=len(found))
        for state in found:
            put(state.content, folder / "w")
            ended = child(partial(go_on, state))
            if ended.trouble is not None:
                print(f"FAILED {state}\n{ended.trouble.text}", flush=True)
            counts[ended.value or "failed"] += 1
            shutil.rmtree(folder / "w")
        return counts


if __name__ == "__main__":
    if sys.argv[1] == "create":
        create(*sys.argv[2:])
    else:
        print(", ".join(f"{name} {count}" for name, count in play(int(sys.argv[1]), int(sys.argv[2])).items()))
