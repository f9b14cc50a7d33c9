"""What `tenants sync` and `tenants status` print with `--json`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from ...errors import ProblemJson

if TYPE_CHECKING:
    from ..across import Answer
    from ..models import Tenant
    from ..moving.balancing import Balance
    from ..moving.sender import Moved
    from ..routes import Routes
    from .backup import BackupsReport
    from .each import Tally
    from .rollback import RollbackReport
    from .run import FleetReport
    from .run_state import RunOfHost
    from .status import FleetStatus


class TenantFailureJson(TypedDict):
    """A tenant whose sync failed."""

    key: str
    failure: str
    """The code in brackets, the message and the hint."""


class TenantsSyncJson(TypedDict):
    """What `tenants sync --json` prints, also if a tenant has failed."""

    result: Literal["current", "synced", "failed"]
    version: str
    """Of the schema of the tenants."""
    tenants: int
    """How many were looked at."""
    current: int
    """How many had nothing to do."""
    synced: int
    failed: list[TenantFailureJson]
    left: int
    """How many were not tried, because the run stopped."""
    duration_ms: int
    errors: list[ProblemJson]


class TenantBackJson(TypedDict):
    """A tenant that went back, or would."""

    key: str
    version: str
    """That it has now."""
    rows: dict[str, int]
    """By table, how many rows were written since; -1 if they cannot be compared."""


class TenantsRollbackJson(TypedDict):
    """What `tenants rollback --json` prints, also if a tenant has failed."""

    result: Literal["current", "planned", "rolled_back", "failed"]
    release: str | None
    """The version from which they went back; null for one tenant that was named."""
    tenants: list[TenantBackJson]
    failed: list[TenantFailureJson]
    without_earlier: list[str]
    """Tenants that have no earlier file, such as those that were created since."""
    left: int
    """How many were not tried, because the run stopped."""
    duration_ms: int
    errors: list[ProblemJson]


class TenantBackupJson(TypedDict):
    """A tenant with a new backup."""

    key: str
    backup: str
    """Its name; with `--dry-run` \"due\"."""
    bytes: int
    """What it takes in the storage."""


class TenantsBackupJson(TypedDict):
    """What `tenants backup --json` prints, also if a tenant has failed."""

    result: Literal["current", "planned", "written", "failed"]
    tenants: list[TenantBackupJson]
    recent: int
    """How many have a backup that is not older than `--due`."""
    failed: list[TenantFailureJson]
    duration_ms: int
    errors: list[ProblemJson]


class TenantMovedJson(TypedDict):
    """What `tenants move --json` prints."""

    result: Literal["moved", "current", "undone"]
    key: str
    host: str
    """Where it is now."""
    bytes: int
    """Of the copy that was sent."""
    log_bytes: int
    """Of what was written meanwhile."""
    duration_ms: int
    pause_ms: int
    """How long writers waited."""
    archives: list[str]
    """Those that stay where it was."""
    folder: str
    """Where they are there."""
    errors: list[ProblemJson]


class HostShareJson(TypedDict):
    """A host, and how much of its share it has: 1.0 if it is exact."""

    host: str
    size: float
    load: float


class TenantMoveJson(TypedDict):
    """A move that is proposed."""

    key: str
    host: str
    """Where the tenant is."""
    to: str
    bytes: int
    load: float


class TenantsBalanceJson(TypedDict):
    """What `tenants balance --json` prints."""

    result: Literal["current", "planned", "moved", "failed"]
    hosts: list[HostShareJson]
    proposed: list[TenantMoveJson]
    """The best first."""
    unknown: int
    """How many tenants have a size that nobody has looked at."""
    moved: list[str]
    failed: list[TenantProblemJson]
    errors: list[ProblemJson]


class TenantBehindJson(TypedDict):
    """A tenant whose file is not current."""

    key: str
    version: str


class TenantVersionJson(TypedDict):
    """How many tenants have this version."""

    version: str
    tenants: int


class TenantsAskedJson(TypedDict):
    """What `tenants sync --all-hosts --json` prints."""

    result: Literal["asked"]
    version: str
    hosts: list[str]
    """Hosts that were asked for a sync of their tenants."""
    running: list[str]
    """Hosts on which one runs already."""
    errors: list[ProblemJson]


class HostRunJson(TypedDict):
    """The last sync of a host that was asked for elsewhere."""

    host: str
    state: Literal["waiting", "running", "lost", "done", "failed"]
    """Lost: its worker has died."""
    at: str
    """When it was asked for, or when it has ended."""
    synced: int | None
    """Null before it has ended."""
    failed: int | None


class TenantsStatusJson(TypedDict):
    """What `tenants status --json` prints."""

    result: Literal["status"]
    states: dict[str, int]
    """How many tenants are in which state."""
    versions: list[TenantVersionJson]
    """Of the active and suspended tenants."""
    current: int
    behind: list[TenantBehindJson]
    missing: list[str]
    """Tenants without a file that can be read."""
    failures: list[TenantFailureJson]
    """What the last sync of a tenant raised."""
    bytes: int
    """Of all live files, without archives."""
    runs: list[HostRunJson]
    """Of each host, if `sync --all-hosts` was used."""
    lost: list[str]
    """Tenants in use whose host is none of the settings."""
    errors: list[ProblemJson]


class TenantCreatedJson(TypedDict):
    """What `tenants create --json` prints."""

    result: Literal["created"]
    key: str
    host: str
    """Empty in a project with one host."""
    path: str
    """What the application opens."""
    version: str
    errors: list[ProblemJson]


class TenantsRoutesJson(TypedDict):
    """What `tenants routes --json` prints."""

    result: Literal["routes"]
    tenants: dict[str, str]
    """The name of the host of each tenant that is in use, by its key."""
    hosts: dict[str, str]
    """The URL of each host, by its name; empty for one without."""
    lost: list[str]
    """Tenants whose host is none of the settings."""
    errors: list[ProblemJson]


class TenantProblemJson(TypedDict):
    """Why a report has no rows of a tenant."""

    key: str
    problems: list[ProblemJson]


class TenantsReportJson(TypedDict):
    """What `tenants report --json` prints."""

    result: Literal["report"]
    columns: list[str]
    """The key of the tenant, and the columns of the query."""
    rows: list[list[Any]]
    """Numbers, texts and null; a blob as hexadecimal digits, an infinite number as text."""
    failed: list[TenantProblemJson]
    errors: list[ProblemJson]


def report_json(answers: Iterable[Answer], failed: Sequence[Answer]) -> TenantsReportJson:
    """The JSON object of a report; `failed` is complete once the answers are read."""
    columns: list[str] = []
    rows: list[list[Any]] = []
    for answer in answers:
        columns = columns or ["tenant", *answer.columns]
        rows += [[answer.key, *map(_json_value, row)] for row in answer.rows]
    found: list[TenantProblemJson] = [
        {"key": one.key, "problems": [problem.as_json() for problem in one.problems]} for one in failed
    ]
    return {"result": "report", "columns": columns, "rows": rows, "failed": found, "errors": []}


def _json_value(value: Any) -> Any:
    match value:
        case bytes():
            return value.hex()
        case float() if math.isinf(value):
            return str(value)
        case _:
            return value


def sync_json(done: FleetReport) -> TenantsSyncJson:
    """The JSON object of a sync."""
    problem, tally = done.problem, done.tally
    return {
        "result": "failed" if problem else "synced" if tally.done else "current",
        "version": done.version,
        "tenants": done.tenants,
        "current": done.current,
        "synced": len(tally.done),
        "failed": failures_json(tally),
        "left": tally.left,
        "duration_ms": done.duration_ms,
        "errors": [one.as_json() for one in problem.problems] if problem else [],
    }


def failures_json(tally: Tally) -> list[TenantFailureJson]:
    """The tenants that failed."""
    return [{"key": one.key, "failure": f"[{one.code}] {one.failure}"} for one in tally.failed]


def rollback_json(done: RollbackReport) -> TenantsRollbackJson:
    """The JSON object of a rollback."""
    problem, tally = done.problem, done.tally
    return {
        "result": "failed" if problem else done.result,
        "release": done.release or None,
        "tenants": [{"key": one.key, "version": one.version, "rows": dict(one.done.rows)} for one in tally.done],
        "failed": failures_json(tally),
        "without_earlier": list(done.without_earlier),
        "left": tally.left,
        "duration_ms": done.duration_ms,
        "errors": [one.as_json() for one in problem.problems] if problem else [],
    }


def created_json(made: Tenant) -> TenantCreatedJson:
    """The JSON object of a new tenant."""
    path = str(made.get_path())
    return {
        "result": "created", "key": made.key, "host": made.host, "path": path, "version": made.version, "errors": [],
    }  # fmt: skip


def backup_json(done: BackupsReport) -> TenantsBackupJson:
    """The JSON object of backups."""
    problem = done.problem
    return {
        "result": done.result,
        "tenants": [{"key": one.key, "backup": one.done.backup, "bytes": one.done.bytes} for one in done.made],
        "recent": done.recent,
        "failed": failures_json(done.tally),
        "duration_ms": done.duration_ms,
        "errors": [one.as_json() for one in problem.problems] if problem else [],
    }


def routes_json(found: Routes) -> TenantsRoutesJson:
    """The JSON object of the map from tenants to hosts."""
    hosts = {name: host.url for name, host in found.hosts.items()}
    return {
        "result": "routes", "tenants": dict(found.tenants), "hosts": hosts, "lost": list(found.lost), "errors": [],
    }  # fmt: skip


def moved_json(done: Moved) -> TenantMovedJson:
    """The JSON object of a move."""
    return {
        "result": done.result,
        "key": done.key,
        "host": done.host,
        "bytes": done.bytes,
        "log_bytes": done.log_bytes,
        "duration_ms": done.duration_ms,
        "pause_ms": done.pause_ms,
        "archives": list(done.archives),
        "folder": done.folder,
        "errors": [],
    }


def balance_json(done: Balance) -> TenantsBalanceJson:
    """The JSON object of proposed moves."""
    failed: list[TenantProblemJson] = [
        {"key": key, "problems": [one.as_json() for one in problems]} for key, problems in done.failed.items()
    ]
    return {
        "result": done.result,
        "hosts": [{"host": name, "size": size, "load": load} for name, (size, load) in done.shares.items()],
        "proposed": [
            {
                "key": one.tenant.key,
                "host": one.tenant.host,
                "to": one.to,
                "bytes": one.tenant.bytes,
                "load": one.tenant.load,
            }
            for one in done.proposed
        ],
        "unknown": done.unknown,
        "moved": [one.key for one in done.moved],
        "failed": failed,
        "errors": [one.as_json() for one in done.problem.problems] if done.problem else [],
    }


def status_json(found: FleetStatus) -> TenantsStatusJson:
    """The JSON object of the status."""
    return {
        "result": "status",
        "states": found.states,
        "versions": [{"version": name, "tenants": number} for name, number in found.versions.items()],
        "current": found.current,
        "behind": [{"key": one.key, "version": one.version} for one in found.behind],
        "missing": list(found.missing),
        "failures": [{"key": key, "failure": text} for key, text in found.failures.items()],
        "bytes": found.bytes,
        "runs": [_run_json(one) for one in found.runs],
        "lost": list(found.lost),
        "errors": [],
    }


def _run_json(one: RunOfHost) -> HostRunJson:
    failed = one.outcome.get("failed")
    return {
        "host": one.host,
        "state": one.state.value,
        "at": one.at.isoformat(timespec="seconds"),
        "synced": one.outcome.get("synced"),
        "failed": None if failed is None else len(failed),
    }


def asked_json(version: str, hosts: Sequence[str], running: Sequence[str]) -> TenantsAskedJson:
    """The JSON object of a request to all hosts."""
    asked = [host for host in hosts if host not in running]
    return {"result": "asked", "version": version, "hosts": asked, "running": list(running), "errors": []}
