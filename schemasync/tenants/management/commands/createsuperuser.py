"""Django's `createsuperuser`, with --tenant."""

from django.contrib.auth.management.commands import createsuperuser

from ..in_tenant import InTenant


class Command(InTenant, createsuperuser.Command):
    """Django's command, which with --tenant runs in a tenant."""
