"""Request a sync from each of several hosts, and lease the requests to the workers of the hosts.

The table has a row for each host, with the last request. A worker takes it, and updates a time every few seconds. If
that is more than a minute old, the worker counts as dead, whatever the state of its task in the queue, and a new
request replaces the old one. Two workers of one host would do no harm, because each file is locked while it is synced.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from ..models import HostRun
from .run_state import RunOfHost, RunState

LEASE = timedelta(seconds=60)  # without an update a worker then counts as dead
BEAT = 10.0  # seconds between updates: several may fail, when the database is locked

logger = logging.getLogger("schemasync")


def ask(
    hosts: Iterable[str], version: str, options: Mapping[str, Any], enqueue: Callable[[str, str], object]
) -> list[str]:
    """Request a sync to this version on these hosts. `enqueue` gets the host and the run. Return the hosts on which one
    runs already.

    If the process dies between row and queue, nobody works on the row, and the next request replaces it.
    """
    busy = []
    for host in hosts:
        run = uuid.uuid4().hex
        if _claimed(host, run, version, options):
            enqueue(host, run)
        else:
            busy.append(host)
    return busy


def _claimed(host: str, run: str, version: str, options: Mapping[str, Any]) -> bool:
    """Write a new request. Return False while a worker does the one before."""
    new = {"run": run, "version": version, "options": dict(options), "worker": "", "beat_at": None}
    fields = {**new, "asked_at": Now(), "finished_at": None, "outcome": {}}
    _, is_new = _rows().get_or_create(host=host, defaults=fields)
    return is_new or bool(_rows().filter(host=host).exclude(_is_alive()).update(**fields))


def runs() -> list[RunOfHost]:
    """Return the last run of each host."""
    alive = set(_rows().filter(_is_alive()).values_list("host", flat=True))
    return [_of(row, is_alive=row.host in alive) for row in _rows().order_by("host")]


def _of(row: HostRun, *, is_alive: bool) -> RunOfHost:
    if row.finished_at is not None:
        state = RunState.FAILED if row.outcome.get("errors") else RunState.DONE
        return RunOfHost(row.host, state, row.finished_at, row.outcome)
    state = RunState.RUNNING if is_alive else RunState.LOST if row.worker else RunState.WAITING
    return RunOfHost(row.host, state, row.asked_at, row.outcome)


def take(host: str, run: str) -> HostRun | None:
    """Begin a run, and return its row; None if there is a newer request, or another worker does it."""
    worker = uuid.uuid4().hex
    free = _rows().filter(host=host, run=run, finished_at=None).exclude(_is_alive())
    return _rows().get(host=host) if free.update(worker=worker, beat_at=Now()) else None


def finish(row: HostRun, outcome: Mapping[str, Any]) -> None:
    """Write the outcome of a run, unless there is a newer request."""
    _rows().filter(host=row.host, worker=row.worker).update(finished_at=Now(), outcome=outcome)


@contextmanager
def beating(row: HostRun) -> Iterator[None]:
    """During the block, update the time in the row regularly, by the clock of the database: this worker is alive."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT):
            try:
                _rows().filter(host=row.host, worker=row.worker).update(beat_at=Now())
            except DatabaseError:
                logger.warning("The run of the host %s could not say that it is alive.", row.host, exc_info=True)
        connections.close_all()

    thread = threading.Thread(target=beat, name="schemasync-beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _is_alive() -> Q:
    return Q(finished_at=None, beat_at__gt=Now() - LEASE)


def _rows() -> QuerySet[HostRun]:
    return HostRun.objects.using(DEFAULT_DB_ALIAS)
