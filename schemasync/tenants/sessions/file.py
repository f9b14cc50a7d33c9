"""Django's `file`, bound to tenants."""

from django.contrib.sessions.backends import file

from .bound import BoundToTenant


class SessionStore(BoundToTenant, file.SessionStore):
    """Bound to the tenant in which it was saved."""
