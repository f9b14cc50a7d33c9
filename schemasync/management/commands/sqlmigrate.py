"""`manage.py sqlmigrate`: Django's own, unless schema.json takes the place of migrations."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import sqlmigrate

from ..instead import refuse_where_enabled


class Command(sqlmigrate.Command):
    """Django's own, or a line that says what to use."""

    def handle(self, *args: Any, **options: Any) -> Any:
        refuse_where_enabled("sqlmigrate", "manage.py schemasync plan --sql")
        return super().handle(*args, **options)
