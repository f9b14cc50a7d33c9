"""Suspends, activates, archives or deletes one tenant, for `schemasync tenants`. The imports need the app
schemasync.tenants in the project."""

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
    """The new state of a tenant. `path`: the path that the application opens, or the folder of an archived tenant; None
    for a deleted one."""

    key: str
    result: TenantChanged
    path: Path | None


def change(what: str, given: Mapping[str, Any], typed: Callable[[str], str] | None) -> Change:
    """Change the state of a tenant. `typed`: asks a person a question and returns the answer; None if nobody can
    answer. Raises UsageError, and the errors of the functions of the API."""
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
    """Raise UsageError unless the option or a person repeats the key."""
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
