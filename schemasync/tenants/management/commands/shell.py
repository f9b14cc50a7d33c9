"""Django's `shell`, with --tenant."""

from django.core.management.commands import shell

from ..in_tenant import InTenant


class Command(InTenant, shell.Command):
    """Django's command, which with --tenant runs in a tenant."""
