"""manage.py nothing: the cost of any command before it does something."""

from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Start Django and end."""

    help = "Does nothing: its time is that of starting Python and Django."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        pass
