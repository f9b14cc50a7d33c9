"""`manage.py showmigrations`: Django's own, unless schema.json replaces migrations."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import showmigrations

from ..replaced_commands import own_or_refused


class Command(showmigrations.Command):
    """Django's own command, or one line that names its replacement."""

    def handle(self, *args: Any, **options: Any) -> Any:
        with own_or_refused("showmigrations", "manage.py schemasync history", options["app_label"]):
            return super().handle(*args, **options)
