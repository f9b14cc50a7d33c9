"""`manage.py makemigrations`: an export, where schema.json takes the place of migrations; else Django's own."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import makemigrations

from ... import conf
from ..instead import act, refuse_meaningless

EXPORT = "manage.py schemasync export"
MEANINGLESS = {
    "args": EXPORT,
    "merge": "git: schema.json is one text file",
    "empty": "a receiver of schemasync.signals.before_swap",
    "name": EXPORT,
    "update": EXPORT,
    "scriptable": f"{EXPORT} --json",
}


class Command(makemigrations.Command):
    """What habits call."""

    def handle(self, *args: Any, **options: Any) -> Any:
        if not conf.is_enabled():
            return super().handle(*args, **options)
        refuse_meaningless("makemigrations", {**options, "args": args}, MEANINGLESS)
        check = options.get("check_changes") or options.get("dry_run")
        return act(self, "export", {**options, "check": check})
