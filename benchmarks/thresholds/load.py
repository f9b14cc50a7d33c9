"""A load: processes that read and write as fast as they can, each with a connection of its own."""

from __future__ import annotations

import multiprocessing
import random
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..process import ProcessFailed
from .site import ACCOUNTS

WARM = 1.0  # seconds of operations that do not count
WAIT = 0.001  # seconds: a write whose transaction takes longer than that to begin has waited for another one


@dataclass(frozen=True, slots=True)
class Load:
    """The operations of some processes in some seconds. Times are in milliseconds, sorted. `began`: how long each write
    waited until its transaction had begun; `busy`: how many operations failed."""

    seconds: float
    reads: Sequence[float]
    writes: Sequence[float]
    began: Sequence[float]
    busy: int

    @property
    def per_second(self) -> float:
        """Reads and writes a second."""
        return (len(self.reads) + len(self.writes)) / self.seconds

    @property
    def commits(self) -> float:
        """Writes a second."""
        return len(self.writes) / self.seconds

    @property
    def mean_write(self) -> float:
        """The milliseconds of a write on average; 0 without any."""
        return sum(self.writes) / max(len(self.writes), 1)

    @property
    def waited(self) -> float:
        """The share of the writes that waited for another one before they began."""
        return sum(one > WAIT * 1000 for one in self.began) / max(len(self.began), 1)


def at(times: Sequence[float], part: float) -> float:
    """Return the time that this share of the sorted times did not exceed; 0 without any."""
    return times[min(int(len(times) * part), len(times) - 1)] if times else 0.0


def run(alias: str, processes: int, writes: float, seconds: float) -> Load:
    """Run processes in which each operation is a write with the probability `writes`. They are forked, so that no
    import is measured; this process must have no open connection. Raises ProcessFailed if one of them ends early."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(processes)
    ends = []
    workers = []
    for number in range(processes):
        ours, theirs = context.Pipe(duplex=False)
        one = context.Process(target=_work, args=(theirs, start, alias, number, writes, seconds), daemon=True)
        one.start()
        theirs.close()
        ends.append(ours)
        workers.append(one)
    try:
        found = [end.recv() for end in ends]
    except EOFError as error:
        raise ProcessFailed(f"a process of the load on {alias} has ended") from error
    for one in workers:
        one.join()
    reads, written, began = (sorted(time for part in found for time in part[place]) for place in range(3))
    return Load(seconds, reads, written, began, sum(part[3] for part in found))


def _work(end: Any, start: Any, alias: str, number: int, writes: float, seconds: float) -> None:
    from django.db import OperationalError, connections

    chance, busy = random.Random(number), 0
    times = array("d"), array("d"), array("d")
    connections[alias].ensure_connection()
    start.wait()
    begin = time.perf_counter() + WARM
    while (now := time.perf_counter()) < begin + seconds:
        is_write, account = chance.random() < writes, chance.randrange(ACCOUNTS) + 1
        try:
            waited = _write(alias, account, now) if is_write else _read(alias, account)
        except OperationalError:
            busy += now >= begin
            continue
        if now >= begin:
            times[is_write].append((time.perf_counter() - now) * 1000)
            if is_write:
                times[2].append(waited * 1000)
    end.send((*times, busy))
    connections.close_all()


def _read(alias: str, account: int) -> float:
    """Read what a page with the last orders of an account shows."""
    from .models import Account, Order

    Account.objects.using(alias).get(pk=account)
    list(Order.objects.using(alias).filter(account=account).order_by("-id")[:20])
    return 0.0


def _write(alias: str, account: int, now: float) -> float:
    """Write a new order. Return the seconds until its transaction had begun."""
    from django.db import transaction
    from django.db.models import F

    from .models import Account, Order

    with transaction.atomic(using=alias):
        waited = time.perf_counter() - now
        Account.objects.using(alias).filter(pk=account).update(balance=F("balance") + 7)
        Order.objects.using(alias).create(account_id=account, text="a new order " + "x" * 80, total=7)
    return waited
