"""The JSON objects that the commands of `schemasync tenants` print."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from ...errors import ProblemJson


class TenantFailureJson(TypedDict):
    """A tenant whose sync, rollback or backup failed."""

    key: str
    failure: str
    """The code in brackets, the message and the hint. In the status that of a rollback begins with `rollback: `."""


class TenantsSyncJson(TypedDict):
    """The output of `tenants sync --json`, also if a tenant has failed."""

    result: Literal["current", "synced", "failed"]
    version: str
    """The version of the schema of the tenants."""
    tenants: int
    """How many were checked."""
    current: int
    """How many had nothing to do."""
    synced: int
    failed: list[TenantFailureJson]
    left: int
    """How many were not tried, because the run stopped."""
    duration_ms: int
    errors: list[ProblemJson]


class TenantBackJson(TypedDict):
    """A tenant that was rolled back, or that a dry run would roll back."""

    key: str
    version: str
    """The version of its file now."""
    rows: dict[str, int]
    """By table, how many rows were written since; -1 if they cannot be compared."""


class TenantsRollbackJson(TypedDict):
    """The output of `tenants rollback --json`, also if a tenant has failed."""

    result: Literal["current", "planned", "rolled_back", "failed"]
    release: str | None
    """The version that tenants were rolled back from; null for one named tenant."""
    tenants: list[TenantBackJson]
    failed: list[TenantFailureJson]
    without_earlier: list[str]
    """Tenants without an earlier file, such as those that were created since."""
    left: int
    """How many were not tried, because the run stopped."""
    duration_ms: int
    errors: list[ProblemJson]


class TenantBackupJson(TypedDict):
    """A tenant with a new backup."""

    key: str
    backup: str
    """The name of the backup; with `--dry-run` \"due\"."""
    bytes: int
    """The size of the backup in the storage."""


class TenantsBackupJson(TypedDict):
    """The output of `tenants backup --json`, also if a tenant has failed."""

    result: Literal["current", "planned", "written", "failed"]
    tenants: list[TenantBackupJson]
    recent: int
    """How many tenants have a backup that is not older than `--due`."""
    failed: list[TenantFailureJson]
    duration_ms: int
    errors: list[ProblemJson]


class TenantMovedJson(TypedDict):
    """The output of `tenants move --json`."""

    result: Literal["moved", "current", "undone"]
    key: str
    host: str
    """The host of the tenant now."""
    bytes: int
    """The size of the copy that was sent."""
    log_bytes: int
    """The size of the log that was sent: all writes since the copy."""
    duration_ms: int
    pause_ms: int
    """How long writers waited."""
    archives: list[str]
    """The archives that stay on the host where the tenant was."""
    folder: str
    """Their folder on that host."""
    errors: list[ProblemJson]


class HostShareJson(TypedDict):
    """A host, and its part of the size and the load in relation to its weight: 1.0 if it is exactly its share."""

    host: str
    size: float
    load: float


class TenantMoveJson(TypedDict):
    """A proposed move of a tenant to the host `to`."""

    key: str
    host: str
    """The host of the tenant now."""
    to: str
    bytes: int
    load: float


class TenantsBalanceJson(TypedDict):
    """The output of `tenants balance --json`."""

    result: Literal["current", "planned", "moved", "failed"]
    hosts: list[HostShareJson]
    proposed: list[TenantMoveJson]
    """The best first."""
    unknown: int
    """How many tenants have an unknown size."""
    moved: list[str]
    failed: list[TenantProblemJson]
    errors: list[ProblemJson]


class TenantBehindJson(TypedDict):
    """A tenant whose file is not current."""

    key: str
    version: str


class TenantVersionJson(TypedDict):
    """A version, and how many tenants have it."""

    version: str
    tenants: int


class TenantsAskedJson(TypedDict):
    """The output of `tenants sync --all-hosts --json`."""

    result: Literal["asked"]
    version: str
    hosts: list[str]
    """The hosts from which a sync of their tenants was requested."""
    running: list[str]
    """The hosts on which a sync runs already."""
    errors: list[ProblemJson]


class HostRunJson(TypedDict):
    """The last sync that was requested from a host."""

    host: str
    state: Literal["waiting", "running", "lost", "done", "failed"]
    """Lost: its worker has died."""
    at: str
    """When it was requested, or when it has ended."""
    synced: int | None
    """Null before it has ended."""
    failed: int | None


class TenantGrowthJson(TypedDict):
    """A tenant that has grown."""

    key: str
    bytes: int
    growth: int
    """Bytes in 30 days, or since its size was first recorded."""


class DiskSpaceJson(TypedDict):
    """A disk with files of tenants of this host."""

    folder: str
    """The folder of one of the tenants."""
    tenants: int
    bytes_free: int
    inodes_free: int | None
    """Null for a file system without a limit, such as Btrfs."""


class ProcessFilesJson(TypedDict):
    """A process of this host that has files of tenants open."""

    pid: int
    command: str
    files: int
    """Descriptors of files of tenants: up to three for each database."""
    descriptors: int
    """Descriptors of all files."""
    most: int | None
    """The limit of descriptors; null if it is unknown or there is none."""


class TenantHealthJson(TypedDict):
    """The problems that a health check of a tenant found."""

    key: str
    result: Literal["attention", "unusable"]
    at: str
    problems: list[ProblemJson]


class TenantsHealthJson(TypedDict):
    """The output of `tenants health --json`."""

    result: Literal["ok", "attention", "unusable"]
    """The worst result of all tenants."""
    tenants: int
    """How many were checked."""
    ok: int
    unhealthy: list[TenantHealthJson]
    duration_ms: int
    errors: list[ProblemJson]


class TenantsStatusJson(TypedDict):
    """The output of `tenants status --json`."""

    result: Literal["status"]
    states: dict[str, int]
    """The number of tenants by state."""
    versions: list[TenantVersionJson]
    """The versions of the tenants in use on this host."""
    current: int
    behind: list[TenantBehindJson]
    missing: list[str]
    """Tenants without a file that can be read."""
    failures: list[TenantFailureJson]
    """The tenants whose last sync or rollback failed."""
    bytes: int
    """The size of all live files, without archives."""
    growth: int
    """The growth of all tenants in use in 30 days, in bytes."""
    growing: list[TenantGrowthJson]
    """The tenants that have grown most."""
    files: int
    """Files and folders of all tenants in use: each takes an inode."""
    disks: list[DiskSpaceJson]
    processes: list[ProcessFilesJson] | None
    """Null on a system that does not list the open files of a process."""
    health: dict[str, int]
    """How many tenants in use were \"ok\", \"attention\" or \"unusable\" at their last check."""
    unchecked: int
    """How many were never checked."""
    health_at: str | None
    """The time of the oldest of their last checks; null if none was checked."""
    unhealthy: list[TenantHealthJson]
    runs: list[HostRunJson]
    """The last requested sync of each host, if `sync --all-hosts` was used."""
    lost: list[str]
    """The tenants in use whose host is not in the settings."""
    errors: list[ProblemJson]


class TenantCreatedJson(TypedDict):
    """The output of `tenants create --json`."""

    result: Literal["created"]
    key: str
    host: str
    """Empty in a project with one host."""
    path: str
    """The path that the application opens."""
    version: str
    errors: list[ProblemJson]


TenantChanged = Literal["suspended", "activated", "archived", "deleted"]


class TenantChangedJson(TypedDict):
    """The output of `tenants suspend`, `activate`, `archive` and `delete` with `--json`."""

    result: TenantChanged
    key: str
    path: str | None
    """The path that the application opens, or the folder of an archived tenant; null for a deleted one."""
    errors: list[ProblemJson]


class TenantsRoutesJson(TypedDict):
    """The output of `tenants routes --json`."""

    result: Literal["routes"]
    tenants: dict[str, str]
    """The name of the host of each tenant in use, by the key of the tenant."""
    hosts: dict[str, str]
    """The URL of each host, by its name; empty for a host without one."""
    lost: list[str]
    """The tenants in use whose host is not in the settings."""
    errors: list[ProblemJson]


class TenantProblemJson(TypedDict):
    """A tenant with the problems because of which a report has no rows of it, or its move failed."""

    key: str
    problems: list[ProblemJson]


class TenantsReportJson(TypedDict):
    """The output of `tenants report --json`."""

    result: Literal["report"]
    columns: list[str]
    """The key of the tenant, and the columns of the query."""
    rows: list[list[Any]]
    """Numbers, texts and null; a blob as hexadecimal digits, an infinite number as text."""
    failed: list[TenantProblemJson]
    errors: list[ProblemJson]
