"""Propose moves of tenants, so that their size and load are distributed by the weights of the hosts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..rendezvous import has_labels
from ..settings import Host

ENOUGH = 0.1  # a host may exceed its share by this part of it: a move would cost more than it gains


@dataclass(frozen=True, slots=True)
class Placed:
    """A tenant in use: its host and size, its load in the unit of the project, the labels that its host must have, and
    whether it stays on its host."""

    key: str
    host: str
    bytes: int = 0
    load: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    is_pinned: bool = False


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposed move of a tenant to the host `to`."""

    tenant: Placed
    to: str


def proposals(tenants: Iterable[Placed], hosts: Sequence[Host], most: int) -> list[Proposed]:
    """Return at most `most` moves, the best first; none if no host exceeds its share by more than a tenth. Hosts
    without a weight and pinned tenants take no part, and a tenant moves only to a host that has all of its labels."""
    sharing = [one for one in hosts if one.weight > 0]
    names = {one.name for one in sharing}
    placed = [one for one in tenants if one.host in names]
    found: list[Proposed] = []
    while len(found) < most and (best := _best(placed, sharing)) is not None:
        found.append(best)
        placed = [one for one in placed if one.key != best.tenant.key]
        placed.append(replace(best.tenant, host=best.to, is_pinned=True))  # a tenant moves at most once
    return found


def shares(tenants: Iterable[Placed], hosts: Sequence[Host]) -> dict[str, tuple[float, float]]:
    """Return, for each host with a weight, its part of the size and of the load in relation to its weight: 1.0 if it is
    exactly its share."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in tenants:
        sums[one.host][0] += one.bytes
        sums[one.host][1] += one.load
    weights = {one.name: one.weight for one in hosts if one.weight > 0}
    total = [sum(sums[name][part] for name in weights) for part in (0, 1)]
    whole = sum(weights.values())

    def share(name: str, part: int) -> float:
        return sums[name][part] / total[part] * whole / weights[name] if total[part] else 1.0

    return {name: (share(name, 0), share(name, 1)) for name in weights}


def _best(placed: Sequence[Placed], hosts: Sequence[Host]) -> Proposed | None:
    """Return the move after which the shares differ least; None if all are near enough, or no move improves them."""
    now = shares(placed, hosts)
    if all(part <= 1 + ENOUGH for both in now.values() for part in both):
        return None
    total = [sum(one.bytes for one in placed) or 1, sum(one.load for one in placed) or 1]
    whole, weights = sum(one.weight for one in hosts), {one.name: one.weight for one in hosts}

    def gain(move: Proposed) -> float:
        """Return by how much the move lowers the sum of the squared shares, each multiplied by the host's weight."""
        found = 0.0
        for part, amount in enumerate((move.tenant.bytes, move.tenant.load)):
            for name, sign in ((move.tenant.host, -1), (move.to, 1)):
                step = sign * amount / total[part] * whole / weights[name]
                found -= weights[name] * ((now[name][part] + step) ** 2 - now[name][part] ** 2)
        return found

    best = max(_possible(placed, hosts), key=lambda one: (gain(one), one.tenant.key), default=None)
    return best if best is not None and gain(best) > 1e-9 else None


def _possible(placed: Iterable[Placed], hosts: Iterable[Host]) -> Iterator[Proposed]:
    for one in placed:
        for host in hosts:
            if not one.is_pinned and host.name != one.host and has_labels(host, one.labels):
                yield Proposed(one, host.name)
