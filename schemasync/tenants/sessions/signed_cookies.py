"""Django's `signed_cookies`, bound to tenants."""

from django.contrib.sessions.backends import signed_cookies

from .bound import BoundToTenant


class SessionStore(BoundToTenant, signed_cookies.SessionStore):
    """Bound to the tenant in which it was saved."""
