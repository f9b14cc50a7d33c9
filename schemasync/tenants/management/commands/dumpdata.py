"""Django's `dumpdata`, with --tenant."""

from django.core.management.commands import dumpdata

from ..in_tenant import InTenant


class Command(InTenant, dumpdata.Command):
    """Django's command, which with --tenant runs in a tenant."""
