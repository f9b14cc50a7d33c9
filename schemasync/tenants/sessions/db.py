"""Django's `db`, bound to tenants."""

from django.contrib.sessions.backends import db

from .bound import BoundToTenant


class SessionStore(BoundToTenant, db.SessionStore):
    """Bound to the tenant in which it was saved."""
