"""A TestCase for the tests of projects that runs inside of a tenant."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.test import TestCase, override_settings

from ..engines.sqlite.copies import store
from ..files.temporary import scratch_folder, write_whole
from .context import entered, outside
from .lookup import forget
from .models import Tenant
from .paths import path_of
from .settings import tenant_settings


class TenantTestCase(TestCase):
    """A TestCase that runs `setUpTestData` and each test inside of the tenant `tenant_key`. The tenant's database is
    rolled back after each test like the others. Its files are in a temporary folder, which is removed at the end."""

    databases = {DEFAULT_DB_ALIAS, "tenant"}
    tenant_key: ClassVar[str] = "test"

    @classmethod
    def setUpClass(cls) -> None:
        folder = cls._for_the_class(scratch_folder())
        given: dict[str, Any] = settings.SCHEMASYNC
        tenants = {**given["TENANTS"], "FOLDER": folder}
        cls._for_the_class(override_settings(SCHEMASYNC={**given, "TENANTS": tenants}))
        cls.add_tenant(cls.tenant_key)
        with entered(cls.tenant_key):
            super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        with entered(cls.tenant_key):
            super().tearDownClass()
            connections[tenant_settings().entry].close()

    def __call__(self, result: Any = None) -> None:
        with entered(self.tenant_key):
            super().__call__(result)

    @classmethod
    def add_tenant(cls, key: str) -> None:
        """Add a tenant with a copy of the test database of the template, until the class ends."""
        with outside():
            template = connections[tenant_settings().entry]
            template.ensure_connection()
            write_whole(path_of(key), partial(store, template.connection))
        Tenant.objects.using(DEFAULT_DB_ALIAS).create(key=key)
        cls.addClassCleanup(_remove_row, key)

    @classmethod
    def _for_the_class(cls, manager: AbstractContextManager[Any]) -> Any:
        found: Callable[..., Any] = cls.enterClassContext
        return found(manager)


def _remove_row(key: str) -> None:
    Tenant.objects.using(DEFAULT_DB_ALIAS).filter(pk=key).delete()
    forget(key)
