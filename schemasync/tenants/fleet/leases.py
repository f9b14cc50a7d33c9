"""A sync on each of several hosts, which one command asks for, and a worker of the host does.

The table has a row for each host, with the last request. A worker takes it, and says every few seconds that it is
alive: whoever finds that it has not for a minute may ask again, whatever the queue says of the dead worker's task. Two
workers of one host would do no harm, because each file is locked while it is synced.
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

LEASE = timedelta(seconds=60)  # after which a silent worker counts as dead
BEAT = 10.0  # seconds: a worker may miss some, when the database is locked

logger = logging.getLogger("schemasync")


def ask(
    hosts: Iterable[str], version: str, options: Mapping[str, Any], enqueue: Callable[[str, str], object]
) -> list[str]:
    """Ask for a sync to this version on these hosts; `enqueue` gets the host and the run. Returns those on which one
    runs already.

    A process that dies between row and queue leaves a row that nobody works on, and the next request replaces it.
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
    """Write a new request; False while a worker does the one before."""
    new = {"run": run, "version": version, "options": dict(options), "worker": "", "beat_at": None}
    fields = {**new, "asked_at": Now(), "finished_at": None, "outcome": {}}
    _, is_new = _rows().get_or_create(host=host, defaults=fields)
    return is_new or bool(_rows().filter(host=host).exclude(_is_alive()).update(**fields))


def runs() -> list[RunOfHost]:
    """The last run of each host."""
    alive = set(_rows().filter(_is_alive()).values_list("host", flat=True))
    return [_of(row, is_alive=row.host in alive) for row in _rows().order_by("host")]


def _of(row: HostRun, *, is_alive: bool) -> RunOfHost:
    if row.finished_at is not None:
        state = RunState.FAILED if row.outcome.get("errors") else RunState.DONE
        return RunOfHost(row.host, state, row.finished_at, row.outcome)
    state = RunState.RUNNING if is_alive else RunState.LOST if row.worker else RunState.WAITING
    return RunOfHost(row.host, state, row.asked_at, row.outcome)


def take(host: str, run: str) -> HostRun | None:
    """Begin a run; None if a newer one was asked for, or if another worker does it."""
    worker = uuid.uuid4().hex
    free = _rows().filter(host=host, run=run, finished_at=None).exclude(_is_alive())
    return _rows().get(host=host) if free.update(worker=worker, beat_at=Now()) else None


def finish(row: HostRun, outcome: Mapping[str, Any]) -> None:
    """Write what came of a run, unless another one was asked for meanwhile."""
    _rows().filter(host=row.host, worker=row.worker).update(finished_at=Now(), outcome=outcome)


@contextmanager
def beating(row: HostRun) -> Iterator[None]:
    """Say again and again that this worker is alive, by the clock of the database."""
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
