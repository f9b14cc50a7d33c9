"""Suspends, activates, archives or deletes one tenant, for `schemasync tenants`. Only a project with the app
schemasync.tenants has what this imports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Code, UsageError

if TYPE_CHECKING:
    from ..tenants.fleet.json_types import TenantChanged


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a tenant. `path`: what the application opens, or the folder of an archived one; None of a deleted
    one."""

    key: str
    result: TenantChanged
    path: Path | None


def change(what: str, given: Mapping[str, Any], typed: Callable[[str], str] | None) -> Change:
    """Do it. `typed`: the answer of a person to a question; None if nobody can answer. Raises UsageError, and what
    the functions of the API raise."""
    from ..tenants import lives
    from ..tenants.paths import path_of

    if not (key := str(given.get("subject") or "")):
        raise UsageError.of(Code.BAD_OPTION, f"tenants {what} needs a key", f"manage.py schemasync tenants {what} KEY")
    match what:
        case "suspend":
            lives.suspend_tenant(key)
            return Change(key, "suspended", path_of(key))
        case "activate":
            lives.activate_tenant(key)
            return Change(key, "activated", path_of(key))
        case "archive":
            return Change(key, "archived", lives.archive_tenant(key))
        case _:
            lives.refuse_in_use(key)
            _confirm(key, given.get("confirm"), typed)
            lives.delete_archived(key)
            return Change(key, "deleted", None)


def _confirm(key: str, given: str | None, typed: Callable[[str], str] | None) -> None:
    """Raise UsageError unless a person gave or types the key once more."""
    if given is None and typed is not None:
        given = typed(f"Type {key} to delete this tenant, with its file and all archives of it. Backups stay: ").strip()
    if given == key:
        return
    raise UsageError.of(
        Code.DECLINED if given is not None else Code.PROMPT_NEEDED,
        f'nothing was deleted: to delete the tenant "{key}" with its file and all archives of it, type its key',
        f"manage.py schemasync tenants delete {key} --confirm KEY",
        tenant=key,
    )
