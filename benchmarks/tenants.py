"""What tenants cost: `python -m benchmarks.tenants [TENANTS]`, 10,000 by default, in a folder of its own.

Requests for tenants at random, beside the same requests for one; memory, open files, creation, and a sync of all
with nothing to do.
"""

from __future__ import annotations

import io
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REQUESTS = 4000
OPEN = 200


def _resident() -> float:
    """Megabytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _spent(call: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    begun = clock()
    call()
    return clock() - begun


def _median(call: Callable[[], Any], times: int) -> float:
    return statistics.median(_spent(call) for _ in range(times)) * 1000


def _linked(folder: Path, source: Path, keys: list[str]) -> None:
    """Tenants whose files are hard links to one: they are read, not written, and take no space."""
    for key in keys:
        database = folder / key / "db.sqlite3"
        generations = database.with_name("db.sqlite3.generations")
        generations.mkdir(parents=True)
        os.link(source, generations / source.name)
        database.symlink_to(f"db.sqlite3.generations/{source.name}")


def _asked(application: Any, host: str) -> None:
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/names/", "SERVER_NAME": host, "SERVER_PORT": "80", "HTTP_HOST": host,
        "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http",
    }  # fmt: skip
    statuses: list[str] = []
    response = application(environ, lambda status, headers: statuses.append(status))
    b"".join(response)
    response.close()
    assert statuses == ["200 OK"], statuses


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        _measure(Path(name), count)


def _measure(folder: Path, count: int) -> None:
    from tests.tenants import inside

    inside.begin(folder)
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.management import call_command
    from django.core.signals import setting_changed
    from django.db import connections

    from schemasync.tenants import create_tenant, open_files, tenant
    from schemasync.tenants.models import Tenant
    from tests.tenants.shop.models import Author

    settings.SCHEMASYNC["TENANTS"]["OPEN_FILES"] = OPEN
    settings.DEBUG = False
    connections["default"].settings_dict["CONN_MAX_AGE"] = None  # as for the tenants
    setting_changed.send(None, setting="SCHEMASYNC", value=settings.SCHEMASYNC, enter=True)
    numbers = iter(range(1000))
    made = _median(lambda: create_tenant(f"made-{next(numbers)}"), 20)
    print(f"creation: {made:.0f} ms at the median")

    create_tenant("first")
    with tenant("first"):
        Author.objects.create(name="ann")
        connections["tenant"].close()
    keys = [f"n{number}" for number in range(count)]
    source = (folder / "tenants" / "first" / "db.sqlite3").resolve()
    _linked(folder / "tenants", source, keys)
    Tenant.objects.bulk_create([Tenant(key=key) for key in keys], batch_size=500)
    whole = _spent(lambda: call_command("schemasync", "tenants", "sync", verbosity=0), time.process_time)
    print(f"tenants sync with nothing to do in {count:,} tenants: {whole:.1f} s of the processor")
    application = WSGIHandler()
    _asked(application, "first.example.com")
    one = _resident()
    same = _median(lambda: _asked(application, "first.example.com"), REQUESTS)
    chosen = random.Random(1)
    warm = [f"{key}.example.com" for key in keys[: OPEN // 2]]
    for host in warm:
        _asked(application, host)
    hot = _median(lambda: _asked(application, chosen.choice(warm)), REQUESTS)
    cold = _median(lambda: _asked(application, f"{chosen.choice(keys)}.example.com"), REQUESTS)
    for key in keys:
        _asked(application, f"{key}.example.com")
    print(f"request for one tenant: {same:.3f} ms; for one of {len(warm)} whose files are open: {hot:.3f} ms")
    print(f"request for one of {count:,} tenants: {cold:.3f} ms, most of which open their file")
    print(f"memory: {_resident() - one:.0f} MB more after a request for each of {count:,} tenants than after the first")
    print(f"open files of tenants: {open_files.count()}")
    print(f"what the middleware adds to a request: {_middleware(application, warm[:10]):.3f} ms")
    print(f"of a tenant whose row is read again: {_middleware(application, warm[:10], forget=True):.3f} ms")


def _middleware(application: Any, hosts: list[str], *, forget: bool = False) -> float:
    """Milliseconds of the processor that the middleware adds at the median, measured in turns."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import override_settings

    from schemasync.tenants import lookup
    from schemasync.tenants.context import entered

    with override_settings(MIDDLEWARE=[one for one in _middlewares() if "TenantMiddleware" not in one]):
        bare = WSGIHandler()
    differences = []
    for number in range(REQUESTS):
        host = hosts[number % len(hosts)]
        if forget:
            lookup._rows.clear()
        through = _spent(lambda host=host: _asked(application, host), time.thread_time)
        with entered(host.partition(".")[0]):
            alone = _spent(lambda host=host: _asked(bare, host), time.thread_time)
        differences.append(through - alone)
    return statistics.median(differences) * 1000


def _middlewares() -> list[str]:
    from django.conf import settings

    return list(settings.MIDDLEWARE)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
