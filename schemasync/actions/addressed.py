"""Adds the options for database and schema to the commands in a text, so that they can be pasted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS

from ..errors import SchemasyncError

USES = {
    "sync": ("database", "all", "schema", "wait"),
    "plan": ("database", "all", "schema"),
    "rehearse": ("database", "all", "schema", "wait"),
    "check": ("database", "all", "schema"),
    "status": ("database", "all"),
    "health": ("database", "all"),
    "metrics": ("database", "all"),
    "advise": ("database", "all"),
    "history": ("database", "all"),
    "rollback": ("database", "wait", "noinput"),
    "switch": ("database", "all", "schema", "wait"),
    "inspect": ("database", "noinput"),
    "adopt": ("database", "all", "schema", "wait"),
    "eject": ("database", "all", "schema", "wait", "noinput"),
    "prune": ("database", "all", "schema", "wait"),
    "snapshot": ("database",),
    "backup": ("database", "all", "wait"),
    "backups": ("database", "all"),
    "drill": ("database", "all"),
    "restore": ("database", "schema", "wait", "noinput"),
    "litestream": ("database",),
    "cutover": ("database", "all"),
    "ddl": ("database", "schema", "noinput"),
    "move": ("database", "schema", "wait"),
    "tenants": ("wait",),
    "hash": ("database", "all", "schema"),
    "export": ("database", "all", "schema", "noinput"),
    "models": ("database", "schema"),
}
"""The common options that an action uses. Each action accepts all of them, so that a script can pass them to any."""

WITH_TENANT = (
    "sync", "plan", "rehearse", "check", "status", "health", "history", "rollback", "snapshot", "prune",
    "inspect", "adopt", "eject", "cutover", "backup", "backups", "drill", "restore",
)  # fmt: skip
"""The actions that have `--tenant KEY`, in projects with a database for each tenant."""

_OF_PROJECT = ("export", "models", "hash", "ddl", "tenants")
"""Actions on the code and the schema of all tenants."""

_HAS_ADDRESS = re.compile(r"[^\n]*? --(tenant|database)\b")
_COMMAND = re.compile(r"manage\.py schemasync(?: (?P<action>[a-z]+)\b)?")


def addressed(text: str, given: Mapping[str, Any]) -> str:
    """Return the text with the options for tenant, database and schema in each command that uses them and names
    none."""

    def one(match: re.Match[str]) -> str:
        if _HAS_ADDRESS.match(text, match.end()):
            return match[0]
        action = match["action"] if match["action"] in USES else "sync"
        if isinstance(key := given.get("tenant"), str) and action not in _OF_PROJECT:
            words = [f"--tenant {shlex.quote(key)}"]
        else:
            which = [name for name in ("database", "schema") if name in USES[action] and given.get(name)]
            which = [name for name in which if given[name] != DEFAULT_DB_ALIAS]  # the default needs no option
            words = [f"--{name} {shlex.quote(str(given[name]))}" for name in which]
        place = len("manage.py schemasync") if action == "sync" else len(match[0])
        return "".join([match[0][:place], *(f" {word}" for word in words), match[0][place:]])

    return _COMMAND.sub(one, text)


_TEXTS = frozenset({"hint", "notes", "reason"})
"""Keys of results whose texts contain commands. Other texts, and everything in `schema`, may be the author's."""

_Result = TypeVar("_Result")


def addressed_result(found: _Result, given: Mapping[str, Any]) -> _Result:
    """Return a copy of a `--json` object with these options in the commands of its hints, notes and reason."""
    return cast(_Result, _addressed_object(found, given))


def _addressed_object(found: object, given: Mapping[str, Any], key: str = "") -> object:
    match found:
        case dict():
            return {
                name: value if name == "schema" else _addressed_object(value, given, name)
                for name, value in found.items()
            }
        case list():
            return [_addressed_object(one, given, key) for one in found]
        case str() if key in _TEXTS:
            return addressed(found, given)
        case _:
            return found


def with_addressed_hints(error: SchemasyncError, given: Mapping[str, Any]) -> SchemasyncError:
    """Return a copy of the error with these options in the commands of its hints."""
    return type(error)([replace(one, hint=addressed(one.hint, given)) for one in error.problems])
