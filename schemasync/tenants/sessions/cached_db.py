"""Django's `cached_db`, bound to tenants."""

from django.contrib.sessions.backends import cached_db

from .bound import BoundToTenant


class SessionStore(BoundToTenant, cached_db.SessionStore):
    """Django's store, with sessions that are valid only in the tenant in which they were saved."""
