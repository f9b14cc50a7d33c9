"""Django's `signed_cookies`, bound to tenants."""

from django.contrib.sessions.backends import signed_cookies

from .bound import BoundToTenant


class SessionStore(BoundToTenant, signed_cookies.SessionStore):
    """Django's store, with sessions that are valid only in the tenant in which they were saved."""
