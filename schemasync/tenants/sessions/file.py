"""Django's `file`, bound to tenants."""

from django.contrib.sessions.backends import file

from .bound import BoundToTenant


class SessionStore(BoundToTenant, file.SessionStore):
    """Django's store, with sessions that are valid only in the tenant in which they were saved."""
