"""Propose moves for the tenants of the table, and make those that begin on this host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db import DEFAULT_DB_ALIAS
from django.utils.module_loading import import_string

from ... import conf
from ...actions.database import Database
from ...errors import Code, Failed, NeedsPerson, Problem, SchemasyncError, UsageError
from ...schema.text import count
from ..fleet.standing import SERVED
from ..models import WHILE_MOVING, Tenant
from ..settings import tenant_settings
from .balance import Placed, Proposed, proposals, shares
from .sender import Moved, move_tenant
from .sending import MoveLimits

MOST = 100  # moves that are proposed at once


@dataclass(frozen=True, slots=True)
class Balance:
    """The result of balance(). `shares`: size and load of each host in relation to its share. `proposed`: the moves,
    the best first. `unknown`: how many tenants have an unknown size. `moved`, `failed`: the moves that were made, and
    the problems of those that failed, by key."""

    shares: Mapping[str, tuple[float, float]]
    proposed: tuple[Proposed, ...]
    unknown: int = 0
    moved: list[Moved] = field(default_factory=list)
    failed: dict[str, tuple[Problem, ...]] = field(default_factory=dict)

    @property
    def result(self) -> Literal["current", "planned", "moved", "failed"]:
        """The result as one word."""
        if self.failed:
            return "failed"
        if self.moved:
            return "moved"
        return "planned" if self.proposed else "current"

    @property
    def problem(self) -> Failed | None:
        """The error for the command, if a move has failed."""
        if not self.failed:
            return None
        return Failed.of(
            Code.TENANTS_FAILED,
            f"{count(len(self.failed), 'move')} failed: {', '.join(self.failed)}",
            "Those tenants are in use where they were, unless the messages above say something else.",
        )


def balance(database: Database, moves: int = 0, limits: MoveLimits | None = None) -> Balance:
    """Propose moves, and make at most `moves` of those that begin on this host. Stop after a move that leaves a tenant
    closed or is interrupted. Raises UsageError in a project with one host."""
    found = tenant_settings()
    if not found.host:
        raise UsageError.of(
            Code.NO_HOST, "all tenants are on one host", 'Say which there are: SCHEMASYNC["TENANTS"]["HOSTS"]'
        )
    rows = list(Tenant.objects.using(DEFAULT_DB_ALIAS).filter(state__in=SERVED).order_by("key"))
    load = _load()
    tenants = [_placed(one, load) for one in rows]
    hosts = list(found.hosts.values())
    proposed = tuple(proposals(tenants, hosts, MOST))
    done = Balance(shares(tenants, hosts), proposed, sum(one.size is None for one in rows))
    for one in [one for one in proposed if one.tenant.host == found.host][:moves]:
        try:
            done.moved.append(move_tenant(database, one.tenant.key, one.to, limits))
        except SchemasyncError as error:
            done.failed[one.tenant.key] = error.problems
            database.dialogue.warn(f"{one.tenant.key}: [{error.code}] {error}")
            if isinstance(error, NeedsPerson) or error.code is Code.INTERRUPTED:
                break
    return done


def _placed(one: Tenant, load: Mapping[str, float]) -> Placed:
    stays = one.pinned or one.state not in WHILE_MOVING
    return Placed(one.key, one.host, one.size or 0, float(load.get(one.key, 0)), one.labels, stays)


def _load() -> Mapping[str, float]:
    """Return the load of each tenant by key, from the project's function LOAD; empty without one."""
    given: Any = conf.setting("TENANTS").get("LOAD")
    if given is None:
        return {}
    function: Callable[[], Mapping[str, float]] = import_string(given) if isinstance(given, str) else given
    return function()
