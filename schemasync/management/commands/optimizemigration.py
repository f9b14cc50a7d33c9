"""`manage.py optimizemigration`: Django's own, unless schema.json takes the place of migrations."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import optimizemigration

from ..instead import refuse_where_enabled


class Command(optimizemigration.Command):
    """Django's own, or a line that says what to use."""

    def handle(self, *args: Any, **options: Any) -> Any:
        refuse_where_enabled("optimizemigration", "nothing: there are none")
        return super().handle(*args, **options)
