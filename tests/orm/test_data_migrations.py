"""Migrations: to whom they belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.apps import apps

from schemasync.orm.data_migrations import is_of_others, is_own


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages"])
def test_a_migration_of_an_installed_package_is_not_the_project_s_own(
    folder: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian installs into dist-packages."""
    settings.INSTALLED_APPS = ["schemasync", "tests.apps.stake"]
    assert (is_of_others("stake.0001_initial"), is_own("stake.0001_initial")) == (False, True)
    monkeypatch.setattr(apps.get_app_config("stake"), "path", str(Path("/usr/lib/python3") / folder / "stake"))
    assert (is_of_others("stake.0001_initial"), is_own("stake.0001_initial")) == (True, False)
