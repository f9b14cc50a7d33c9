"""Errors, as a tree of exceptions that carry plain facts.

SchemasyncError
|-- UsageError      2  the command line is invalid; nothing was done
|-- Refused         3  refused before it began; nothing was written
|   `-- SchemaInvalid  schema.json is invalid
|-- Failed          4  failed; the live file is unchanged
|-- Busy            5  another run or a writer held a lock; try again
`-- NeedsPerson     6  the files fit no known state; nothing is changed

Each error carries one or more problems, so that a user with three problems sees three. The class is a promise about the
live file; each problem has the present state and the next steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal, NotRequired, Self, TypedDict

APPLICATION_ERRORS = (Exception, SystemExit)
"""Exceptions that code of the application may raise. They include SystemExit, because the run would end with the exit
code of sys.exit(), which means nothing for the run. Ctrl-C ends the run."""


class Code(StrEnum):
    """Stable names of problems, for scripts; docs/errors.md explains each."""

    # schema.json
    SCHEMA_UNREADABLE = "schema-unreadable"
    SCHEMA_SYNTAX = "schema-syntax"
    SCHEMA_TOO_LARGE = "schema-too-large"
    DUPLICATE_KEY = "duplicate-key"
    UNKNOWN_KEY = "unknown-key"
    WRONG_SHAPE = "wrong-shape"
    RESERVED_NAME = "reserved-name"
    NAME_CLASH = "name-clash"
    UNKNOWN_MIXIN = "unknown-mixin"
    MIXIN_CLASH = "mixin-clash"
    BAD_DEFINITION = "bad-definition"
    DOUBLE_QUOTED_STRING = "double-quoted-string"
    UNKNOWN_COLUMN = "unknown-column"
    FOREIGN_KEY_TO_NOTHING = "foreign-key-to-nothing"
    SQLITE_REFUSES = "sqlite-refuses"
    DATA_MIGRATION = "data-migration"
    UNCLAIMED_TABLE = "unclaimed-table"
    CALLABLE_DEFAULT = "callable-default"
    # from the old schema to the new one
    LOST_COLUMN = "lost-column"
    LOST_TABLE = "lost-table"
    RENAME_OR_DROP = "rename-or-drop"
    RENAME_CLASH = "rename-clash"
    BAD_FILL = "bad-fill"
    BAD_FROM = "bad-from"
    BAD_TRANSFORM = "bad-transform"
    BAD_MASK = "bad-mask"
    OLDER_VERSION = "older-version"
    DRIFT = "drift"
    HAZARD = "hazard"
    FOREIGN_OBJECT = "foreign-object"
    NO_ROWID_NAME = "no-rowid-name"
    # files
    NOT_ADOPTED = "not-adopted"
    ALREADY_ADOPTED = "already-adopted"
    MODELS_DIFFER = "models-differ"
    FOREIGN_LINK = "foreign-link"
    MOUNTED_FILE = "mounted-file"
    NO_DATABASE = "no-database"
    NOT_A_DATABASE = "not-a-database"
    CORRUPT = "corrupt"
    SCHEMA_TOO_NEW = "schema-too-new"
    NO_FOLDER = "no-folder"
    PERMISSION = "permission"
    DISK_FULL = "disk-full"
    DISK_ERROR = "disk-error"
    DISK_LOW = "disk-low"
    BUSY_RATE = "busy-rate"
    OUTPUT_EXISTS = "output-exists"
    MISSING_PACKAGE = "missing-package"
    BACKUP_DAMAGED = "backup-damaged"
    NO_BACKUP = "no-backup"
    BACKUP_DATED_LATER = "backup-dated-later"
    DRILL_OVERDUE = "drill-overdue"
    CANNOT_DECRYPT = "cannot-decrypt"
    STORAGE_FAILED = "storage-failed"
    BACKUP_OVERDUE = "backup-overdue"
    LITESTREAM_LINK = "litestream-link"
    LITESTREAM_SILENT = "litestream-silent"
    LITESTREAM_OTHER_FILE = "litestream-other-file"
    LITESTREAM_BEHIND = "litestream-behind"
    LITESTREAM_FAILED = "litestream-failed"
    READ_REPLICA_BEHIND = "read-replica-behind"
    # runs
    RUN_IN_PROGRESS = "run-in-progress"
    DATABASE_LOCKED = "database-locked"
    CHANGED_DURING_RUN = "changed-during-run"
    ROW_IDS_CHANGED = "row-ids-changed"
    LOG_INCOMPLETE = "log-incomplete"
    CANNOT_FOLLOW_WRITES = "cannot-follow-writes"
    CUTOVER_TIMEOUT = "cutover-timeout"
    ALTERED_IN_PLACE = "altered-in-place"
    NOT_IN_PLACE = "not-in-place"
    CANNOT_KEEP_WRITES = "cannot-keep-writes"
    PAUSE_EXCEEDED = "pause-exceeded"
    NO_PENDING_CUTOVER = "no-pending-cutover"
    ROWS_VIOLATE_SCHEMA = "rows-violate-schema"
    REFERENCE_ROWS = "reference-rows"
    MASK_FAILED = "mask-failed"
    TRANSFORM_FAILED = "transform-failed"
    TRANSFORM_UNSTABLE = "transform-unstable"
    VERIFY_DIFFERS = "verify-differs"
    VERIFY_IMPOSSIBLE = "verify-impossible"
    REQUIREMENT_UNMET = "requirement-unmet"
    HEALTH_CHECK_FAILED = "health-check-failed"
    INTERRUPTED = "interrupted"
    HOOK_FAILED = "hook-failed"
    SQLITE_ERROR = "sqlite-error"
    # PostgreSQL
    NOT_TRANSLATED = "not-translated"
    NOT_SKIPPED = "not-skipped"
    NAME_TOO_LONG = "name-too-long"
    UNKNOWN_ON_POSTGRES = "unknown-on-postgres"
    TRANSLATION_DIFFERS = "translation-differs"
    POSTGRES_UNREACHABLE = "postgres-unreachable"
    POSTGRES_VERSION = "postgres-version"
    POSTGRES_RIGHTS = "postgres-rights"
    POSTGRES_NOT_EMPTY = "postgres-not-empty"
    POSTGRES_EXTENSION = "postgres-extension"
    POSTGRES_LOST = "postgres-lost"
    POSTGRES_VALUES = "postgres-values"
    POSTGRES_ERROR = "postgres-error"
    # history and recovery
    NO_HISTORY = "no-history"
    HISTORY_DAMAGED = "history-damaged"
    UNKNOWN_GENERATION = "unknown-generation"
    GENERATION_MISSING = "generation-missing"
    SUCCESSOR_MISSING = "successor-missing"
    STATE_UNKNOWN = "state-unknown"
    RESTORED_IN_PLACE = "restored-in-place"
    SWAP_UNFINISHED = "swap-unfinished"
    MOVED = "moved"
    MOVE_UNFINISHED = "move-unfinished"
    MOVE_AT_WORK = "move-at-work"
    NOT_MOVED = "not-moved"
    WRITES_LEFT_BEHIND = "writes-left-behind"
    NOT_CURRENT = "not-current"
    RECOVERY_WAITING = "recovery-waiting"
    # tenants
    NO_TENANT = "no-tenant"
    OTHER_TENANT = "other-tenant"
    UNKNOWN_TENANT = "unknown-tenant"
    BAD_TENANT_KEY = "bad-tenant-key"
    OTHER_HOST = "other-host"
    NO_HOST = "no-host"
    OTHER_RELEASE = "other-release"
    TENANT_EXISTS = "tenant-exists"
    QUERY_LIMIT = "query-limit"
    OTHER_COLUMNS = "other-columns"
    TENANTS_FAILED = "tenants-failed"
    NO_TENANTS = "no-tenants"
    HOST_UNREACHABLE = "host-unreachable"
    # the command line
    PROMPT_NEEDED = "prompt-needed"
    DECLINED = "declined"
    WRONG_ENGINE = "wrong-engine"
    CONNECT_FAILED = "connect-failed"
    UNKNOWN_SETTING = "unknown-setting"
    COMMAND_OVERRIDDEN = "command-overridden"
    BAD_OPTION = "bad-option"
    UNEXPECTED = "unexpected"


ErrorResult = Literal["refused", "failed", "busy", "needs_person"]


class ProblemJson(TypedDict):
    """One problem."""

    code: Code
    message: str
    """The present state."""
    hint: str
    """The next steps; empty if there are none."""
    facts: NotRequired[dict[str, Any]]
    """The values in the text. The keys depend on the code."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `message`: the present state. `hint`: the next steps, ready to paste."""

    code: Code
    message: str
    hint: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> ProblemJson:
        """Return `{code, message, hint}` and, if there are any, `facts`: the values in the text."""
        data: ProblemJson = {"code": self.code, "message": self.message, "hint": self.hint}
        if self.facts:
            data["facts"] = dict(self.facts)
        return data

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class SchemasyncError(Exception):
    """The base of all errors of this package, with one or more `problems`. `exit_code`: the exit code of the
    command."""

    exit_code: ClassVar[int] = 4
    result: ClassVar[ErrorResult] = "failed"

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @property
    def code(self) -> Code:
        """The code of the first problem."""
        return self.problems[0].code

    @classmethod
    def of(cls, code: Code, message: str, hint: str = "", **facts: Any) -> Self:
        """Return an error with a single problem."""
        return cls(Problem(code, message, hint, facts))


class UsageError(SchemasyncError):
    """The command line or a setting is invalid."""

    exit_code = 2
    result = "refused"


class Refused(SchemasyncError):
    """The action was refused before it began; nothing was written."""

    exit_code = 3
    result = "refused"


class SchemaInvalid(Refused):
    """schema.json is invalid; the database was not changed."""


class Failed(SchemasyncError):
    """The action failed; the live file is unchanged, and the unfinished build is removed. One exception: HOOK_FAILED of
    a migration may name migrations before it that went live."""

    exit_code = 4
    result = "failed"


class Busy(SchemasyncError):
    """A lock was not available in time; nothing was changed, and the same command may work later."""

    exit_code = 5
    result = "busy"


class NeedsPerson(SchemasyncError):
    """The files fit no state that schemasync makes; it changes nothing until a person has looked."""

    exit_code = 6
    result = "needs_person"
