"""Content types: which models count as renamed."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps

from schemasync.orm.contenttypes import _verbose_name, renames


def test_a_model_whose_table_another_model_takes_over_keeps_its_content_type() -> None:
    before = {"users": "shop.User"}
    after = {"users": "shop.User", "users_archive": "shop.UserArchive"}
    assert list(renames(before, after, {"users_archive": "users"})) == []


def test_a_model_under_another_name_takes_its_content_type_along() -> None:
    assert list(renames({"a": "shop.A"}, {"b": "shop.B"}, {"b": "a"})) == [("shop.A", "shop.B")]


def test_a_permission_is_named_after_the_model_of_its_own_app(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.INSTALLED_APPS = ["schemasync", "tests.apps.remake", "tests.apps.stake"]
    monkeypatch.setattr(apps.get_model("remake", "Book")._meta, "verbose_name", "other book")
    assert (_verbose_name("stake", "Book"), _verbose_name("remake", "Book")) == ("book", "other book")
    assert _verbose_name("stake", "Gone") == "gone"
