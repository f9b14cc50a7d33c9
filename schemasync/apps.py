"""The Django app."""

from django.apps import AppConfig


class SchemasyncConfig(AppConfig):
    name = "schemasync"
    verbose_name = "Schema versions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import caches, checks, conf  # noqa: F401  importing the first two registers their receivers and checks

        if conf.tests() is not conf.Tests.BUILT or conf.has_test_seed():
            from .orm.test_cache import creation

            creation.install()
        if conf.is_enabled():
            from .orm import migration_modules, overridden_commands

            migration_modules.install()
            overridden_commands.guard()
