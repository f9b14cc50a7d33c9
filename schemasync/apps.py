"""The Django app."""

from django.apps import AppConfig


class SchemasyncConfig(AppConfig):
    name = "schemasync"
    verbose_name = "Schema versions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import caches, checks  # noqa: F401  both register what is in them
