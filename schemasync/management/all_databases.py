"""Runs one action for every database of the project, one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from typing import Any, Generic, TypedDict, TypeVar

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from .. import databases
from ..errors import Code, SchemasyncError, UsageError
from .output import failed
from .output.shared import problem

Output = TypeVar("Output")


class DatabasesJson(TypedDict, Generic[Output]):
    """The output of an action with `--all --json`."""

    databases: dict[str, Output]
    """Maps each alias to the output of the action for that database."""


def several(command: BaseCommand, given: Mapping[str, Any], one: Callable[[Mapping[str, Any]], None]) -> None:
    """Call `one` for each alias. An error does not stop the others. Raises CommandError with the messages of all errors
    and the highest exit code."""
    try:
        _refuse_names(given)
        aliases = databases.synced()
    except SchemasyncError as error:
        raise _refused(command, given, error) from error
    if given.get("json"):
        _as_json(command, given, one, aliases)
        return
    errors: dict[str, CommandError] = {}
    for alias in aliases:
        if int(given.get("verbosity", 1)) > 0:
            command.stdout.write(command.style.MIGRATE_HEADING(f"{alias}:"))
        try:
            one({**given, "database": alias})
        except CommandError as error:
            errors[alias] = error
    fail(errors)


def _refuse_names(given: Mapping[str, Any]) -> None:
    """Raise UsageError if a database, schema or report is given, too."""
    named = [f"--{name}" for name in ("database", "schema", "report") if given.get(name)]
    if named:
        raise UsageError.of(
            Code.BAD_OPTION, f"--all means every database, and {' and '.join(named)} one", "Leave one of the two out."
        )


def _refused(command: BaseCommand, given: Mapping[str, Any], error: SchemasyncError) -> CommandError:
    """Return the error for a problem that is found before any database is opened; with `--json` print it, too."""
    if given.get("json"):
        found = failed.as_json(error, str(given.get("action") or "sync"), with_sql=bool(given.get("sql")))
        command.stdout.write(json.dumps(found, ensure_ascii=False, indent=2))
    return CommandError("\n".join(map(problem, error.problems)), returncode=error.exit_code)


def _as_json(
    command: BaseCommand,
    given: Mapping[str, Any],
    one: Callable[[Mapping[str, Any]], None],
    aliases: Sequence[str],
) -> None:
    """Print one object: the output of each action, by alias."""
    found: DatabasesJson[Any] = {"databases": {}}
    errors: dict[str, CommandError] = {}
    out = command.stdout
    for alias in aliases:
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
    fail(errors)


def fail(errors: Mapping[str, CommandError]) -> None:
    """Raise CommandError with the messages of all aliases and the highest exit code, if there are any."""
    if errors:
        text = "\n".join(f"{alias}: {error}" for alias, error in errors.items())
        raise CommandError(text, returncode=max(error.returncode for error in errors.values()))
