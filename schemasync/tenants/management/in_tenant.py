"""The option --tenant for commands of Django."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...errors import SchemasyncError
from .. import current_alias, tenant


class InTenant(BaseCommand):
    """A mixin for a command of Django: with --tenant it runs in that tenant, on its database."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant", metavar="KEY", help="the tenant to work on")

    def handle(self, *args: Any, **options: Any) -> Any:
        key = options.pop("tenant", None)
        if key is None:
            return super().handle(*args, **options)
        try:
            with tenant(key):
                if "database" in options:
                    options["database"] = current_alias()
                return super().handle(*args, **options)
        except SchemasyncError as error:
            raise CommandError(f"[{error.code}] {error}", returncode=error.exit_code) from error
