"""The Django app, which is optional."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "schemasync.tenants"
    label = "schemasync_tenants"
    verbose_name = "Tenants"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import caches, checks, connections, querysets, signing  # noqa: F401  the checks register themselves

        connections.install()
        querysets.install()
        caches.install()
        signing.install()
