"""Django's `dumpdata`, with --tenant."""

from django.core.management.commands import dumpdata

from ..in_tenant import InTenant


class Command(InTenant, dumpdata.Command):
    """As in Django, and with --tenant in a tenant."""
