"""Django's `loaddata`, with --tenant."""

from django.core.management.commands import loaddata

from ..in_tenant import InTenant


class Command(InTenant, loaddata.Command):
    """As in Django, and with --tenant in a tenant."""
