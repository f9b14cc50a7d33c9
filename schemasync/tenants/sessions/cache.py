"""Django's `cache`, bound to tenants."""

from django.contrib.sessions.backends import cache

from .bound import BoundToTenant


class SessionStore(BoundToTenant, cache.SessionStore):
    """Django's store, with sessions that are valid only in the tenant in which they were saved."""
