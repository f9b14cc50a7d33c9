"""Django's `db`, bound to tenants."""

from django.contrib.sessions.backends import db

from .bound import BoundToTenant


class SessionStore(BoundToTenant, db.SessionStore):
    """Django's store, with sessions that are valid only in the tenant in which they were saved."""
