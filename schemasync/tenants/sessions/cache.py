"""Django's `cache`, bound to tenants."""

from django.contrib.sessions.backends import cache

from .bound import BoundToTenant


class SessionStore(BoundToTenant, cache.SessionStore):
    """Bound to the tenant in which it was saved."""
