"""Count the open files of tenants in this process, and close some if they become too many.

A connection is used by one thread. Other threads only mark it, and its own thread closes it when it next opens a
connection to a tenant, or at the end of its request.
"""

from __future__ import annotations

import itertools
import sys
import threading
import weakref
from typing import Protocol


class OpenFile(Protocol):
    """The connection to the file of a tenant. `owner`: the thread that uses it."""

    alias: str
    owner: int
    last_use: int
    is_asked_to_close: bool

    def is_idle(self) -> bool: ...

    def close_for_good(self) -> None: ...


_lock = threading.Lock()
_open: weakref.WeakSet[OpenFile] = weakref.WeakSet()
_uses = itertools.count(1)


def used(connection: OpenFile) -> None:
    """Record that a connection is the one that was used last."""
    connection.last_use = next(_uses)


def opened(connection: OpenFile, most: int, pinned: frozenset[str]) -> None:
    """Record that a connection has opened its file. If more than `most` files are open, close the connections that were
    used longest ago, except for those of the `pinned` aliases and those in a transaction; mark those of other threads.
    """
    with _lock:
        _open.add(connection)
        too_many = len(_open) - most
        if too_many <= 0:
            return
        oldest = sorted(_open, key=lambda one: one.last_use)
    for one in [one for one in oldest if not one.is_asked_to_close][:too_many]:
        one.is_asked_to_close = True
    here, threads = threading.get_ident(), sys._current_frames()
    for one in oldest:
        if one.owner == here:
            may_close = one is not connection and one.alias not in pinned and one.is_idle()
        else:
            may_close = one.owner not in threads  # a thread that has ended does not use its connection any more
        if may_close:
            one.close_for_good()
            too_many -= 1
        if too_many == 0:
            return


def closed(connection: OpenFile) -> None:
    """Record that a connection has closed its file."""
    with _lock:
        _open.discard(connection)
        connection.is_asked_to_close = False


def count() -> int:
    """Return how many files of tenants this process has open."""
    with _lock:
        return len(_open)
