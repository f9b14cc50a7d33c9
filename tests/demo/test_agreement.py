"""Models, schema.json and database of the demo agree, for both of its schema files."""

import pytest

from .demo import DEMO


@pytest.mark.slow
def test_models_schema_and_database_agree(either):
    found = either.done("schemasync", "check", "--strict", "--json").json
    assert (found["result"], found["models"]["result"]) == ("agrees", "agrees")


@pytest.mark.slow(but=["evolved"])
def test_makemigrations_has_nothing_to_write(either):
    either.done("makemigrations", "--check")


def test_the_tables_of_models_are_the_models_and_those_of_the_erp_are_schema_json_s(either):
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
    tables = {name for (name,) in either.rows(query)}
    owned = {name for name in tables if name.startswith(("auth_", "django_", "notices_"))}
    assert tables - owned == either.unmodelled
    assert {"notices_notice", "notices_tag", "notices_notice_tags"} < owned
    text = (DEMO / either.schema).read_text("utf-8")
    assert text.count('"_model": "') == len(owned), "each is its model's"


def test_content_types_and_permissions_are_there(either):
    """A receiver of post_migrate creates them."""
    query = "SELECT codename FROM auth_permission JOIN django_content_type t ON t.id = content_type_id WHERE model = 'notice'"
    assert {name for (name,) in either.rows(query)} == {
        f"{verb}_notice" for verb in ("add", "change", "delete", "view")
    }


def test_no_app_of_the_demo_has_migrations():
    assert not list(DEMO.rglob("migrations"))
