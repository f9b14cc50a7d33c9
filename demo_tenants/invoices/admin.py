"""Invoices in the admin of a tenant."""

from django.contrib import admin

from schemasync.tenants import current

from .models import Customer, Invoice


class OfTenants(admin.ModelAdmin):
    """Shown in the admin of a tenant only: outside of one there is no such table."""

    def has_module_permission(self, request: object) -> bool:
        """False outside of a tenant."""
        return current() is not None


admin.site.register([Customer, Invoice], OfTenants)
