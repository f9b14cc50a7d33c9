"""Measure the cost of tenants: a sync of all with nothing to do, a new tenant, and the middleware, each compared with
its equivalent without tenants; and requests for random tenants, memory and open files."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from . import figures, machine
from .process import ROOT
from .tenants_files import NEW, PEERS, linked, step

REQUESTS = 4000  # of each kind; fewer for few tenants, in a test
OPEN = 200
NOOP, CREATION, MIDDLEWARE = 0.01, 0.05, 0.2  # the goals: ratios, and milliseconds


def run(folder: Path, count: int, many: int, rounds: int, say: Callable[[str], object]) -> Sequence[str]:
    """Measure a sync of `count` tenants and requests for `many` tenants. Return the section of RESULTS.md."""
    head = machine.described()
    files, served = folder / "tenants-files", folder / "tenants-served"
    for one in (files, served):
        one.mkdir(parents=True)
    step("prepare", files, count)
    names = {"sync": count, "migrate": min(PEERS, count - 1), "create": NEW, "migrate_new": NEW, "read": count - 1}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(rounds):
        for name, times in names.items():
            found[name].append(step(name, files, times))
        say(f"files, round {number + 1} of {rounds}")
    command = [sys.executable, "-c", "import sys; from benchmarks.tenants import served; served(*sys.argv[1:])"]
    done = subprocess.run([*command, served, str(many)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return ["  \n".join(head), "", *report(found, json.loads(done.stdout.splitlines()[-1]), count, many)]


def report(found: dict[str, list[dict[str, float]]], requests: dict[str, float], count: int, many: int) -> list[str]:
    """Return the figures as Markdown."""
    added = requests["added"]
    rows = [
        _ratio(
            f"nothing to do, each of {count:,} tenants", "`migrate` with nothing to do", found, "sync", "migrate", NOOP
        ),
        _ratio("a new tenant", "`migrate` into an empty file", found, "create", "migrate_new", CREATION),
        [
            "the middleware, in a request",
            "the same request without it",
            f"{requests['through']:.2f} ms",
            f"{requests['through'] - added:.2f} ms",
            f"+{added:.3f} ms",
            f"+{MIDDLEWARE} ms",
            "yes" if added <= MIDDLEWARE else "no",
        ],
    ]
    least = median(one["processor"] for one in found["read"]) * 1000
    others = [
        ["a request for one tenant", f"{requests['same']:.2f} ms"],
        ["for one of 100 whose files are open", f"{requests['hot']:.2f} ms"],
        [f"for one of {many:,}, most of which open their file", f"{requests['cold']:.2f} ms"],
        ["what the middleware adds when it reads the row of the tenant again", f"{requests['again']:.2f} ms"],
        [f"memory after a request for each of {many:,}, above that after the first", f"{requests['memory']:.0f} MB"],
        ["open files of tenants then", f"{requests['open']:.0f}"],
    ]
    rounds = len(found["sync"])
    return [
        "Files of a project that keeps its migrations, with the tables of auth, content types, sessions, sites, admin "
        f"and three more. Medians of {rounds} rounds in turn, milliseconds of the processor (smallest to largest), "
        f"without the start of Django; `migrate` is Django's on its own backend, called in one process for {PEERS} of "
        f"the same files. To open such a file with SQLite and read one row takes {least:.2f} ms.",
        "",
        *figures.table(("", "against", "ours", "the other", "ratio", "goal", "holds"), rows),
        "",
        "By the clock, medians:",
        "",
        *figures.table(("", ""), [*_by_the_clock(found), *others]),
    ]


def _ratio(
    what: str, against: str, found: dict[str, list[dict[str, float]]], ours: str, theirs: str, goal: float
) -> list[str]:
    mine, other = ([one["processor"] * 1000 for one in found[name]] for name in (ours, theirs))
    ratios = [a / b for a, b in zip(mine, other, strict=True)]
    holds = "yes" if median(ratios) <= goal else "no"
    spreads = [figures.spread(several, ".1f") for several in (mine, other)]
    return [what, against, *spreads, figures.spread(ratios, ".3f"), f"{goal}", holds]


def _by_the_clock(found: dict[str, list[dict[str, float]]]) -> list[list[str]]:
    names = {
        "sync": "nothing to do, a tenant",
        "migrate": "`migrate` with nothing to do, a file",
        "create": "a new tenant",
        "migrate_new": "`migrate` into an empty file",
    }
    return [[what, f"{median(one['seconds'] for one in found[name]) * 1000:.1f} ms"] for name, what in names.items()]


def served(name: str, count: str) -> None:
    """Measure requests in this process. Print the figures as JSON."""
    print(json.dumps(_requests(Path(name), int(count))))


def _requests(folder: Path, count: int) -> dict[str, float]:
    from tests.tenants import inside

    inside.begin(folder)
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.signals import setting_changed
    from django.db import connections

    from schemasync.tenants import create_tenant, open_files, tenant
    from schemasync.tenants.models import Tenant
    from tests.tenants.shop.models import Author

    settings.SCHEMASYNC["TENANTS"]["OPEN_FILES"] = OPEN
    settings.DEBUG = False
    connections["default"].settings_dict["CONN_MAX_AGE"] = None  # as for the tenants
    setting_changed.send(None, setting="SCHEMASYNC", value=settings.SCHEMASYNC, enter=True)
    create_tenant("first")
    with tenant("first"):
        Author.objects.create(name="ann")
        connections["tenant"].close()
    keys = [f"n{number}" for number in range(count)]
    linked(folder / "tenants", (folder / "tenants" / "first" / "db.sqlite3").resolve(), keys)
    Tenant.objects.bulk_create([Tenant(key=key) for key in keys], batch_size=500)
    application, found, times = WSGIHandler(), dict[str, float](), min(REQUESTS, 10 * count)
    _asked(application, "first.example.com")
    before = _resident()
    found["same"] = _median(lambda: _asked(application, "first.example.com"), times)
    chosen = random.Random(1)
    warm = [f"{key}.example.com" for key in keys[: OPEN // 2]]
    for host in warm:
        _asked(application, host)
    found["hot"] = _median(lambda: _asked(application, chosen.choice(warm)), times)
    found["cold"] = _median(lambda: _asked(application, f"{chosen.choice(keys)}.example.com"), times)
    for key in keys:
        _asked(application, f"{key}.example.com")
    found["memory"], found["open"] = _resident() - before, open_files.count()
    found["added"], found["through"] = _middleware(application, warm[:10], times)
    found["again"], _through = _middleware(application, warm[:10], times, forget=True)
    return found


def _middleware(application: Any, hosts: list[str], times: int, *, forget: bool = False) -> tuple[float, float]:
    """Measure requests with and without the middleware in turns. Return the median milliseconds of the processor that
    it adds, and those of a request with it. `forget`: the middleware reads the row of the tenant each time."""
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import override_settings

    from schemasync.tenants import lookup
    from schemasync.tenants.context import entered

    others = [one for one in settings.MIDDLEWARE if "TenantMiddleware" not in one]
    with override_settings(MIDDLEWARE=others):
        bare = WSGIHandler()
    added, with_it = [], []
    for number in range(times):
        host = hosts[number % len(hosts)]
        if forget:
            lookup.forget(host.partition(".")[0])
        with_it.append(_spent(lambda host=host: _asked(application, host), time.thread_time))
        with entered(host.partition(".")[0]):
            added.append(with_it[-1] - _spent(lambda host=host: _asked(bare, host), time.thread_time))
    return median(added) * 1000, median(with_it) * 1000


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


def _resident() -> float:
    """Return the resident memory of this process in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _spent(call: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    begun = clock()
    call()
    return clock() - begun


def _median(call: Callable[[], Any], times: int) -> float:
    return median(_spent(call) for _ in range(times)) * 1000
