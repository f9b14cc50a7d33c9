"""Compare a sync of all tenants with nothing to do, and a new tenant, with Django's `migrate` over the same files. Each
process does one of these many times; the start of Django does not count."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .process import ROOT

PEERS = 100  # files that `migrate` is run on, fewer than there are tenants: each takes as long as the next one
NEW = 10  # tenants that are created a round
SETTINGS = "tests.tenants.settings"


def linked(folder: Path, source: Path, keys: list[str]) -> None:
    """Create the files of tenants as hard links to one file: they are read, not written, and take no space."""
    for key in keys:
        database = folder / key / "db.sqlite3"
        generations = database.with_name("db.sqlite3.generations")
        generations.mkdir(parents=True)
        os.link(source, generations / source.name)
        database.symlink_to(f"db.sqlite3.generations/{source.name}")


def step(what: str, folder: Path, count: int = 0) -> dict[str, float]:
    """Run one of the functions below in a process of its own. Return its result."""
    variables = {"TENANTS_FOLDER": str(folder), "TENANTS_ENABLED": "0", "DJANGO_SETTINGS_MODULE": SETTINGS}
    command = [sys.executable, "-m", "benchmarks.tenants_files", what, str(folder), str(count)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def prepare(folder: Path, count: int) -> dict[str, float]:
    """Create a project that keeps its migrations, with `count` tenants."""
    call_command = _set_up()
    for alias in ("default", "tenant"):
        call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
    call_command("schemasync", "adopt", database="tenant", noinput=True, verbosity=0)
    from schemasync.tenants import create_tenant
    from schemasync.tenants.models import Tenant

    create_tenant("first")
    keys = [f"n{number}" for number in range(count - 1)]
    linked(folder / "tenants", (folder / "tenants" / "first" / "db.sqlite3").resolve(), keys)
    Tenant.objects.bulk_create([Tenant(key=key) for key in keys], batch_size=500)
    return {}


def sync(folder: Path, count: int) -> dict[str, float]:
    """Measure `tenants sync` with nothing to do."""
    call_command = _set_up()
    return _each(lambda: call_command("schemasync", "tenants", "sync", verbosity=0), 1, count)


def read(folder: Path, count: int) -> dict[str, float]:
    """Measure the least that can look at a file: SQLite opens it, and reads the newest history row."""
    import sqlite3
    from contextlib import closing

    paths = iter([folder / "tenants" / f"n{number}" / "db.sqlite3" for number in range(count)])

    def one() -> None:
        with closing(sqlite3.connect(f"file:{next(paths)}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT * FROM _schema_versions ORDER BY id DESC LIMIT 1").fetchone()

    return _each(one, count, count)


def create(folder: Path, count: int) -> dict[str, float]:
    """Measure the creation of tenants."""
    _set_up()
    from schemasync.tenants import create_tenant

    numbers = iter(range(count))
    return _each(lambda: create_tenant(f"new-{os.getpid()}-{next(numbers)}"), count, count)


def migrate(folder: Path, count: int) -> dict[str, float]:
    """Measure Django's `migrate` on its own backend, on the files of tenants one after the other."""
    call_command = _set_up({f"n{number}": folder / "tenants" / f"n{number}" / "db.sqlite3" for number in range(count)})
    return _migrated(call_command, count, run_syncdb=False)


def migrate_new(folder: Path, count: int) -> dict[str, float]:
    """Like migrate(), but on new files."""
    made = folder / f"made-{os.getpid()}"
    made.mkdir()
    call_command = _set_up({f"n{number}": made / f"{number}.sqlite3" for number in range(count)})
    return _migrated(call_command, count, run_syncdb=True)


def _migrated(call_command: Callable[..., Any], count: int, *, run_syncdb: bool) -> dict[str, float]:
    from django.db import connections

    aliases = iter(range(count))

    def one() -> None:
        alias = f"n{next(aliases)}"
        call_command("migrate", database=alias, run_syncdb=run_syncdb, verbosity=0)
        connections[alias].close()

    return _each(one, count, count)


def _set_up(stock: dict[str, Path] | None = None) -> Callable[..., Any]:
    """Set up Django with the project, or with its apps and the files `stock` on Django's own backend. Return
    `call_command`."""
    import django
    from django.conf import settings

    if stock is not None:
        settings.INSTALLED_APPS = [one for one in settings.INSTALLED_APPS if not one.startswith("schemasync")]
        settings.DATABASE_ROUTERS = []
        engine = "django.db.backends.sqlite3"
        named = {alias: {"ENGINE": engine, "NAME": path} for alias, path in stock.items()}
        settings.DATABASES = {"default": {"ENGINE": engine, "NAME": ":memory:"}, **named}
    django.setup()
    from django.core.management import call_command

    return call_command


def _each(do: Callable[[], Any], times: int, count: int) -> dict[str, float]:
    """Call a function `times` times. Return the seconds for each of `count` files; the first of several calls is a
    warm-up."""
    if times > 1:
        do()
        times, count = times - 1, count - 1
    begun, processor = time.perf_counter(), time.process_time()
    for _ in range(times):
        do()
    return {"seconds": (time.perf_counter() - begun) / count, "processor": (time.process_time() - processor) / count}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))))
