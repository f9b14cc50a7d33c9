"""Django's `loaddata`, with --tenant."""

from django.core.management.commands import loaddata

from ..in_tenant import InTenant


class Command(InTenant, loaddata.Command):
    """Django's command, which with --tenant runs in a tenant."""
