"""`manage.py squashmigrations`: Django's own, unless schema.json replaces migrations."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import squashmigrations

from ..replaced_commands import own_or_refused


class Command(squashmigrations.Command):
    """Django's own command, or one line that names its replacement."""

    def handle(self, *args: Any, **options: Any) -> Any:
        with own_or_refused("squashmigrations", "nothing: there are none", [options["app_label"]]):
            return super().handle(*args, **options)
