"""Django's `shell`, with --tenant."""

from django.core.management.commands import shell

from ..in_tenant import InTenant


class Command(InTenant, shell.Command):
    """As in Django, and with --tenant in a tenant."""
