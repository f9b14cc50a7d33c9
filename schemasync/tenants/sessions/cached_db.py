"""Django's `cached_db`, bound to tenants."""

from django.contrib.sessions.backends import cached_db

from .bound import BoundToTenant


class SessionStore(BoundToTenant, cached_db.SessionStore):
    """Bound to the tenant in which it was saved."""
