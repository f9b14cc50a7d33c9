"""`manage.py makemigrations`: an export, where schema.json takes the place of migrations; else Django's own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.management.commands import makemigrations

from ... import conf
from ...orm import policy
from ...orm.migrations import own_labels
from ..instead import act, kept, refuse_meaningless

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
        if kept(args):
            return self._for_those_that_keep_theirs(args, options)
        refuse_meaningless("makemigrations", {**options, "args": args}, MEANINGLESS)
        check = options.get("check_changes") or options.get("dry_run")
        act(self, "export", {**options, "check": check})
        own = own_labels() & set(conf.migrated_apps())
        return self._for_those_that_keep_theirs(sorted(own), options) if own else None

    def _for_those_that_keep_theirs(self, labels: Collection[str], options: dict[str, Any]) -> Any:
        with policy.suspended():
            return super().handle(*labels, **options)
