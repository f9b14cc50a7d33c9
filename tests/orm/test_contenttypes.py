"""Content types: which models count as renamed."""

from __future__ import annotations

from schemasync.orm.contenttypes import renames


def test_a_model_whose_table_another_model_takes_over_keeps_its_content_type() -> None:
    before = {"users": "shop.User"}
    after = {"users": "shop.User", "users_archive": "shop.UserArchive"}
    assert list(renames(before, after, {"users_archive": "users"})) == []


def test_a_model_under_another_name_takes_its_content_type_along() -> None:
    assert list(renames({"a": "shop.A"}, {"b": "shop.B"}, {"b": "a"})) == [("shop.A", "shop.B")]
