"""Propose the host of a tenant by weighted rendezvous hashing: https://en.wikipedia.org/wiki/Rendezvous_hashing

Each host gets a score from its name and the key, and the highest one wins. So all processes propose the same without
communication, hosts get tenants in proportion to their weights, and a host that is added or removed changes only the
proposals of its own tenants.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping

from .settings import Host

STEPS = 2**52  # with more, the last number would be rounded to 1, whose logarithm is 0


def proposed(key: str, hosts: Iterable[Host], labels: Mapping[str, str]) -> Host | None:
    """Return the host for a tenant, of those that have a weight and all of its labels; None if there is none."""
    fitting = [one for one in hosts if one.weight > 0 and has_labels(one, labels)]
    return max(fitting, key=lambda one: (_score(key, one), one.name), default=None)


def has_labels(host: Host, labels: Mapping[str, str]) -> bool:
    """True if the host has all of these labels."""
    return labels.items() <= host.labels.items()


def _score(key: str, host: Host) -> float:
    """Return a number above 0. Its distribution over keys gives each host its share."""
    digest = hashlib.sha256(f"{host.name}\0{key}".encode()).digest()
    number = (int.from_bytes(digest[:8]) % STEPS + 0.5) / STEPS
    return -host.weight / math.log(number)
