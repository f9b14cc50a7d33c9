"""Adds the options for database and schema to the commands in a text, so that they can be pasted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from ..errors import SchemasyncError

USES = {
    "sync": ("database", "all", "schema", "wait"),
    "plan": ("database", "all", "schema"),
    "check": ("database", "all", "schema"),
    "status": ("database", "all"),
    "history": ("database", "all"),
    "rollback": ("database", "wait", "noinput"),
    "switch": ("database", "all", "schema", "wait"),
    "inspect": ("database", "noinput"),
    "adopt": ("database", "all", "schema", "wait"),
    "eject": ("database", "all", "schema", "wait", "noinput"),
    "prune": ("database", "all", "schema", "wait"),
    "snapshot": ("database",),
    "cutover": ("database", "all"),
    "hash": ("database", "all", "schema"),
    "export": ("database", "all", "schema", "noinput"),
    "models": ("database", "schema"),
}
"""The common options that an action uses. Each action accepts all of them, so that a script can pass them to any."""

_COMMAND = re.compile(r"manage\.py schemasync(?: (?P<action>[a-z]+)\b)?")


def addressed(text: str, given: Mapping[str, Any]) -> str:
    """The text with the options `database` and `schema` in each command that uses them."""

    def one(match: re.Match[str]) -> str:
        action = match["action"] if match["action"] in USES else "sync"
        which = [name for name in ("database", "schema") if name in USES[action] and given.get(name)]
        which = [name for name in which if given[name] != DEFAULT_DB_ALIAS]  # the default needs no option
        words = [f"--{name} {shlex.quote(str(given[name]))}" for name in which]
        place = len("manage.py schemasync") if action == "sync" else len(match[0])
        return "".join([match[0][:place], *(f" {word}" for word in words), match[0][place:]])

    return _COMMAND.sub(one, text)


def with_addressed_hints(error: SchemasyncError, given: Mapping[str, Any]) -> SchemasyncError:
    """The same error, with these options in its hints."""
    return type(error)([replace(one, hint=addressed(one.hint, given)) for one in error.problems])
