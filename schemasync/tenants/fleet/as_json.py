"""Return the results of the commands of `schemasync tenants` as the JSON objects that they print."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..models import Health
from .json_types import (
    DiskSpaceJson,
    HostRunJson,
    ProcessFilesJson,
    TenantChanged,
    TenantChangedJson,
    TenantCreatedJson,
    TenantFailureJson,
    TenantHealthJson,
    TenantMovedJson,
    TenantProblemJson,
    TenantsAskedJson,
    TenantsBackupJson,
    TenantsBalanceJson,
    TenantsHealthJson,
    TenantsReportJson,
    TenantsRollbackJson,
    TenantsRoutesJson,
    TenantsStatusJson,
    TenantsSyncJson,
)

if TYPE_CHECKING:
    from ..across import Answer
    from ..models import Tenant
    from ..moving.balancing import Balance
    from ..moving.sender import Moved
    from ..routes import Routes
    from .backup import BackupsReport
    from .disks import DiskSpace
    from .each import Tally
    from .health import HealthReport
    from .processes import ProcessFiles
    from .recorded import Unhealthy
    from .rollback import RollbackReport
    from .run import FleetReport
    from .run_state import RunOfHost
    from .status import FleetStatus


def report_json(answers: Iterable[Answer], failed: Sequence[Answer]) -> TenantsReportJson:
    """Return the JSON object of a report. This reads the answers, which completes `failed`."""
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
    """Return the JSON object of a sync."""
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
    """Return the tenants that failed."""
    return [{"key": one.key, "failure": f"[{one.code}] {one.failure}"} for one in tally.failed]


def rollback_json(done: RollbackReport) -> TenantsRollbackJson:
    """Return the JSON object of a rollback."""
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
    """Return the JSON object of a new tenant."""
    path = str(made.get_path())
    return {
        "result": "created", "key": made.key, "host": made.host, "path": path, "version": made.version, "errors": [],
    }  # fmt: skip


def changed_json(key: str, result: TenantChanged, path: Path | None) -> TenantChangedJson:
    """Return the JSON object of a tenant that was suspended, activated, archived or deleted."""
    return {"result": result, "key": key, "path": None if path is None else str(path), "errors": []}


def backup_json(done: BackupsReport) -> TenantsBackupJson:
    """Return the JSON object of backups."""
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
    """Return the JSON object of the map from tenants to hosts."""
    hosts = {name: host.url for name, host in found.hosts.items()}
    return {
        "result": "routes", "tenants": dict(found.tenants), "hosts": hosts, "lost": list(found.lost), "errors": [],
    }  # fmt: skip


def moved_json(done: Moved) -> TenantMovedJson:
    """Return the JSON object of a move."""
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
    """Return the JSON object of proposed moves."""
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


def health_json(done: HealthReport) -> TenantsHealthJson:
    """Return the JSON object of a health check of all tenants."""
    return {
        "result": done.result,
        "tenants": len(done.checks),
        "ok": done.count(Health.OK),
        "unhealthy": [_health_json(one) for one in done.unhealthy],
        "duration_ms": done.duration_ms,
        "errors": [],
    }


def _health_json(one: Unhealthy) -> TenantHealthJson:
    return {
        "key": one.key,
        "result": "unusable" if one.health is Health.UNUSABLE else "attention",
        "at": _utc(one.at),
        "problems": list(one.problems),
    }


def _utc(at: datetime) -> str:
    """Return a time of the table in UTC, in ISO 8601. Without USE_TZ the table has local times."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def status_json(found: FleetStatus) -> TenantsStatusJson:
    """Return the JSON object of the status."""
    known = found.recorded
    return {
        "result": "status",
        "states": known.states,
        "versions": [{"version": name, "tenants": number} for name, number in found.versions.items()],
        "current": found.current,
        "behind": [{"key": one.key, "version": one.version} for one in found.behind],
        "missing": list(found.missing),
        "failures": [{"key": key, "failure": text} for key, text in known.failures.items()],
        "bytes": found.bytes,
        "growth": known.growth,
        "growing": [{"key": one.key, "bytes": one.bytes, "growth": one.growth} for one in known.growing],
        "files": known.files,
        "disks": [_disk_json(one) for one in found.disks],
        "processes": None if found.processes is None else [_process_json(one) for one in found.processes],
        "health": known.health,
        "unchecked": known.unchecked,
        "health_at": None if known.health_at is None else _utc(known.health_at),
        "unhealthy": [_health_json(one) for one in known.unhealthy],
        "runs": [_run_json(one) for one in found.runs],
        "lost": list(known.lost),
        "errors": [],
    }


def _disk_json(one: DiskSpace) -> DiskSpaceJson:
    return {
        "folder": str(one.folder),
        "tenants": one.tenants,
        "bytes_free": one.bytes_free,
        "inodes_free": one.inodes_free,
    }


def _process_json(one: ProcessFiles) -> ProcessFilesJson:
    return {
        "pid": one.process.pid,
        "command": one.process.command,
        "files": one.files,
        "descriptors": one.descriptors,
        "most": one.most,
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
    """Return the JSON object of a request to all hosts."""
    asked = [host for host in hosts if host not in running]
    return {"result": "asked", "version": version, "hosts": asked, "running": list(running), "errors": []}
