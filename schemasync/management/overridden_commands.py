"""Finds an app listed before schemasync whose `migrate` or `makemigrations` hides ours.

Among installed apps the first one in INSTALLED_APPS that has a command of a name wins. Where that command knows nothing
of schema.json, Django's own code runs: it sees no migrations, says that there is nothing to do, and exits with 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError

from ..errors import Code, Problem, UsageError
from ..orm import migration_modules

OURS = "schemasync"


@dataclass(frozen=True, slots=True)
class Overridden:
    """A command of another app that runs in place of ours: `app` is its name in Python, `module` where it is."""

    name: str
    app: str
    module: str

    def problem(self) -> Problem:
        """What is wrong, and both remedies."""
        return Problem(
            Code.COMMAND_OVERRIDDEN,
            f"manage.py {self.name} runs {self.module}, which takes the place of the command of schemasync and knows "
            "nothing of schema.json: it would say that there is nothing to do",
            f'In INSTALLED_APPS, list "{OURS}" before "{self.app}". If {self.module} has work of its own to do, let '
            f"its Command inherit from schemasync.management.commands.{self.name}.Command instead.",
            {"command": self.name, "module": self.module},
        )


def overridden() -> list[Overridden]:
    """The commands that run in place of ours. Imports a command only where another app has one of the same name."""
    return [one for name in ("makemigrations", "migrate") if (one := _overriding(name)) is not None]


def refuse_overridden() -> None:
    """Raise UsageError for commands that run in place of ours."""
    if found := overridden():
        raise UsageError(one.problem() for one in found)


def guard() -> None:
    """Let Django's own code for such a command fail, instead of saying that there is nothing to do.

    Its modules are only imported where another app overrides a command, as that takes some 40 ms. Where migrations are
    what the project says (`policy.suspended`), Django's own code runs as ever.
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
        """Fails where the policy hides migrations."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            if migration_modules.is_in_force():
                problem = one.problem()
                raise CommandError(f"{problem.message}\n  {problem.hint}", returncode=UsageError.exit_code)
            super().__init__(*args, **kwargs)

    Guarded.__name__ = original.__name__
    return Guarded
