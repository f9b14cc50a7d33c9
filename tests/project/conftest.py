"""Projects that several tests need, made once in each process and copied."""

import pytest

from tests.support.site import Site

BY_HAND = """
INSERT INTO shop_tag (label) VALUES ('red');
CREATE TRIGGER lower_tag AFTER INSERT ON shop_tag BEGIN UPDATE shop_tag SET label = lower(label) WHERE id = NEW.id; END;
CREATE INDEX raw_part ON shop_customer (lower(name)) WHERE name <> '';
ALTER TABLE shop_customer ADD COLUMN legacy TEXT DEFAULT 'x' COLLATE NOCASE;
INSERT INTO shop_customer (name, email, legacy) VALUES ('Ann', 'a@x.yz', 'kept');
CREATE TABLE mine (id INTEGER PRIMARY KEY, x TEXT) STRICT;
CREATE VIEW customers AS SELECT name, legacy FROM shop_customer;
"""


@pytest.fixture(scope="session")
def _built(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("built") / "site")
    site.done("makemigrations")
    site.done("migrate")
    site.run_sql("INSERT INTO shop_tag (id, label) VALUES (1, 'red')")
    return site


@pytest.fixture
def built(_built, tmp_path):
    """A project that has lived on models and schema.json from the start; its database has a tag."""
    return _built.copy(tmp_path / "site")


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("migrated") / "site", flag=False)
    site.done("makemigrations", "shop")
    site.done("migrate")
    return site


@pytest.fixture
def migrated(_migrated, tmp_path):
    """A project that lives on migrations, with the flag off."""
    return _migrated.copy(tmp_path / "site")


@pytest.fixture(scope="session")
def _handmade(_migrated, tmp_path_factory):
    site = _migrated.copy(tmp_path_factory.mktemp("handmade") / "site")
    site.run_sql(BY_HAND)
    site.settings(flag=True)
    return site


@pytest.fixture(scope="session")
def _adopted(_handmade, tmp_path_factory):
    site = _handmade.copy(tmp_path_factory.mktemp("adopted") / "site")
    site.done("schemasync", "adopt")
    return site


@pytest.fixture
def adopted(_adopted, tmp_path):
    """A project that lived on migrations, with objects in its database that no model names, and that was adopted."""
    return _adopted.copy(tmp_path / "site")
