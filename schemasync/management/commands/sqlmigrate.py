"""`manage.py sqlmigrate`: Django's own, unless schema.json replaces migrations."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import sqlmigrate

from ..replaced_commands import own_or_refused


class Command(sqlmigrate.Command):
    """Django's own command, or one line that names its replacement."""

    def handle(self, *args: Any, **options: Any) -> Any:
        with own_or_refused("sqlmigrate", "manage.py schemasync plan --sql", [options["app_label"]]):
            return super().handle(*args, **options)
