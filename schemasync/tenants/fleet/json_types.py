"""The JSON objects that the words of `schemasync tenants` print."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from ...errors import ProblemJson


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


class TenantGrowthJson(TypedDict):
    """A tenant that has grown."""

    key: str
    bytes: int
    growth: int
    """Bytes in 30 days, or since its size was looked at first."""


class DiskSpaceJson(TypedDict):
    """A disk with files of tenants of this host."""

    folder: str
    """That of one of the tenants."""
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
    """Of all files."""
    most: int | None
    """How many descriptors it may have."""


class TenantHealthJson(TypedDict):
    """What a tenant's health check said."""

    key: str
    result: Literal["attention", "unusable"]
    at: str
    problems: list[ProblemJson]


class TenantsHealthJson(TypedDict):
    """What `tenants health --json` prints."""

    result: Literal["ok", "attention", "unusable"]
    """The worst of all."""
    tenants: int
    """How many were checked."""
    ok: int
    unhealthy: list[TenantHealthJson]
    duration_ms: int
    errors: list[ProblemJson]


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
    growth: int
    """Bytes in 30 days, of all tenants in use."""
    growing: list[TenantGrowthJson]
    """Those that have grown most."""
    files: int
    """Files and folders of all tenants in use: each takes an inode."""
    disks: list[DiskSpaceJson]
    processes: list[ProcessFilesJson] | None
    """Null on a system that does not list what a process has open."""
    health: dict[str, int]
    """How many tenants in use were \"ok\", \"attention\" or \"unusable\" when they were checked last."""
    unchecked: int
    """How many were never checked."""
    health_at: str | None
    """The oldest of their last checks; null if none was checked."""
    unhealthy: list[TenantHealthJson]
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


TenantChanged = Literal["suspended", "activated", "archived", "deleted"]


class TenantChangedJson(TypedDict):
    """What `tenants suspend`, `activate`, `archive` and `delete` print with `--json`."""

    result: TenantChanged
    key: str
    path: str | None
    """What the application opens, or the folder of an archived tenant; null of a deleted one."""
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
