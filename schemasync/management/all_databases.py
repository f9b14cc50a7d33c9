"""Runs one action for every database of the project, one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from io import StringIO
from typing import Any, Generic, TypedDict, TypeVar

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from .. import databases
from ..errors import Code, UsageError
from .output.shared import problem

Output = TypeVar("Output")


class DatabasesJson(TypedDict, Generic[Output]):
    """What an action with `--all --json` prints."""

    databases: dict[str, Output]
    """By alias what the action prints for that database."""


def several(command: BaseCommand, given: Mapping[str, Any], one: Callable[[Mapping[str, Any]], None]) -> None:
    """Do `one` for each alias: a database that is refused keeps no other one from being brought up. Raises
    CommandError with what every one of them said, and the highest exit code."""
    refuse_names(given)
    if given.get("json"):
        _as_json(command, given, one)
        return
    errors: dict[str, CommandError] = {}
    for alias in databases.synced():
        if int(given.get("verbosity", 1)) > 0:
            command.stdout.write(command.style.MIGRATE_HEADING(f"{alias}:"))
        try:
            one({**given, "database": alias})
        except CommandError as error:
            errors[alias] = error
    _fail(errors)


def refuse_names(given: Mapping[str, Any]) -> None:
    """Raise CommandError where one database was named, too, or its schema."""
    named = [f"--{name}" for name in ("database", "schema") if given.get(name)]
    if named:
        found = UsageError.of(
            Code.BAD_OPTION, f"--all means every database, and {' and '.join(named)} one", "Leave one of the two out."
        ).problems[0]
        raise CommandError(problem(found), returncode=UsageError.exit_code)


def _as_json(command: BaseCommand, given: Mapping[str, Any], one: Callable[[Mapping[str, Any]], None]) -> None:
    """One object: what each action printed, by alias."""
    found: DatabasesJson[Any] = {"databases": {}}
    errors: dict[str, CommandError] = {}
    out = command.stdout
    for alias in databases.synced():
        written = StringIO()
        command.stdout = OutputWrapper(written)
        try:
            one({**given, "database": alias})
        except CommandError as error:
            errors[alias] = error
        finally:
            command.stdout = out
        found["databases"][alias] = json.loads(written.getvalue())
    out.write(json.dumps(found, ensure_ascii=False, indent=2))
    _fail(errors)


def _fail(errors: Mapping[str, CommandError]) -> None:
    if errors:
        text = "\n".join(f"{alias}: {error}" for alias, error in errors.items())
        raise CommandError(text, returncode=max(error.returncode for error in errors.values()))
