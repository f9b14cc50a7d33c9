"""Finds an app before schemasync in INSTALLED_APPS whose `migrate` or `makemigrations` overrides schemasync's.

The first app in INSTALLED_APPS with a command of that name wins. If that command does not know schema.json, Django's
own code runs: it finds no migrations, reports that there is nothing to do, and exits with 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError

from ..errors import Code, Problem, UsageError
from . import migration_modules

OURS = "schemasync"

WITH_COMMANDS = ("sync", "plan", "check", "export", "adopt", "switch")
"""Actions that bring a project to schema.json. They are refused if another app overrides `migrate` or
`makemigrations`."""


@dataclass(frozen=True, slots=True)
class Overridden:
    """A command of another app that overrides schemasync's. `app`: the Python name of the app. `module`: the module of
    the command."""

    name: str
    app: str
    module: str

    def problem(self) -> Problem:
        """Return the problem, with both solutions."""
        return Problem(
            Code.COMMAND_OVERRIDDEN,
            f"manage.py {self.name} runs {self.module}, which overrides schemasync's command and ignores schema.json: "
            "it would report that there is nothing to do",
            f"If {self.module} does work of its own, let its Command inherit from "
            f"schemasync.management.commands.{self.name}.Command; then the order of INSTALLED_APPS does not matter. "
            f'Otherwise list "{OURS}" before "{self.app}" there: then {self.module} does not run.',
            {"command": self.name, "module": self.module},
        )


def overridden() -> list[Overridden]:
    """Return the commands that override schemasync's. Imports a command only if another app has one of the same
    name."""
    return [one for name in ("makemigrations", "migrate") if (one := _overriding(name)) is not None]


def refuse_overridden() -> None:
    """Raise UsageError for commands that override schemasync's."""
    if found := overridden():
        raise UsageError(one.problem() for one in found)


def guard() -> None:
    """Make Django's own code fail in commands that override schemasync's, instead of reporting nothing to do.

    Django's modules are imported only if another app overrides a command, because that takes some 40 ms. Django's own
    code runs unchanged while migrations are in use (`migration_modules.suspended`).
    """
    for one in overridden():
        django_s_own = import_module(f"django.core.management.commands.{one.name}")
        name = "MigrationExecutor" if one.name == "migrate" else "MigrationLoader"
        setattr(django_s_own, name, _guarded(getattr(django_s_own, name), one))


def _overriding(name: str) -> Overridden | None:
    found: str | BaseCommand = get_commands()[name]
    if found == OURS:
        return None
    command = load_command_class(found, name) if isinstance(found, str) else found
    ours = import_module(f"{OURS}.management.commands.{name}").Command
    if isinstance(command, ours):
        return None
    app = found if isinstance(found, str) else type(found).__module__.partition(".management")[0]
    return Overridden(name, app, type(command).__module__)


def _guarded(original: type, one: Overridden) -> type:
    class Guarded(original):  # type: ignore[misc]
        """Fails while migration modules are hidden."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            if migration_modules.is_in_force():
                problem = one.problem()
                raise CommandError(f"{problem.message}\n  {problem.hint}", returncode=UsageError.exit_code)
            super().__init__(*args, **kwargs)

    Guarded.__name__ = original.__name__
    return Guarded
