"""Django's `createsuperuser`, with --tenant."""

from django.contrib.auth.management.commands import createsuperuser

from ..in_tenant import InTenant


class Command(InTenant, createsuperuser.Command):
    """As in Django, and with --tenant in a tenant."""
