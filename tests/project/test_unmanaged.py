"""Tables that the author of schema.json owns and unmanaged models read: nothing is guessed about them, either."""

import json

import pytest

from tests.support.site import Site

MODELS = """
from django.db import models

class Loan(models.Model):
    back_on = models.TextField()

    class Meta:
        managed = False
        db_table = "loans"

class Note(models.Model):
    text = models.TextField()
"""
LOANS = {"id": "key", "back_on": "TEXT"}


@pytest.fixture(scope="module")
def _site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("unmanaged") / "site", MODELS)
    site.schema.write_text(json.dumps({"loans": LOANS}))
    site.done("schemasync", "--export")
    site.run_sql("INSERT INTO loans VALUES (1, 'monday'), (2, 'friday')")
    return site


@pytest.fixture
def site(_site, tmp_path):
    return _site.copy(tmp_path / "site")


def rewrite(site, change):
    tree = json.loads(site.schema.read_text())
    change(tree)
    site.schema.write_text(json.dumps(tree))


@pytest.mark.slow(but=["under another name"])
@pytest.mark.parametrize("is_renamed", [True, False], ids=["under another name", "without a successor"])
def test_a_table_that_schema_json_names_no_more_is_asked_about(site, is_renamed):
    def change(tree):
        del tree["loans"]
        if is_renamed:
            tree["lendings"] = LOANS

    rewrite(site, change)
    before = site.link.readlink()
    for words in ([], ["plan"], ["check"]):
        ended = site.manage("schemasync", *words)
        assert ended.code in (1, 3), ended
        assert ("[rename-or-drop]" if is_renamed else "[lost-table]") in ended.out + ended.err
    assert 'at the top of the file, "_elsewhere": ["loans"]' in site.manage("schemasync").err
    assert site.link.readlink() == before


@pytest.mark.slow
def test_a_rename_by_its_hint_keeps_the_rows_and_the_model_is_named_until_it_follows(site):
    def change(tree):
        del tree["loans"]
        tree["lendings"] = {"_was": ["loans"], "id": "key", "returned_on": {"type": "TEXT", "was": ["back_on"]}}

    rewrite(site, change)
    site.done("schemasync")
    assert site.rows("SELECT * FROM lendings") == [(1, "monday"), (2, "friday")]
    said = 'shop.Loan reads the table "loans", which schema.json renames to "lendings"'
    assert f"note: {said}" in site.done("schemasync", "check").out
    warning = site.done("check").err
    assert "(schemasync.W011)" in warning
    assert said in warning
    site.models(MODELS.replace('"loans"', '"lendings"'))
    said = (
        'shop.Loan.back_on reads the column "back_on", which "lendings" lacks in schema.json: it is "returned_on" now'
    )
    assert said in site.done("check").err
    assert site.done("schemasync", "check", "--json").json["models"]["unmanaged"] == [said]
    site.models(MODELS.replace('"loans"', '"lendings"').replace("back_on", "returned"))
    assert '"returned", which "lendings" lacks in schema.json; did you mean "returned_on"?' in site.done("check").err
    site.models(MODELS.replace('"loans"', '"lendings"').replace("back_on", "returned_on"))
    assert "W011" not in site.done("check").err


def test_a_table_left_to_something_else_stays_with_its_rows(site):
    def change(tree):
        del tree["loans"]
        tree["_elsewhere"] = ["loans"]

    rewrite(site, change)
    site.done("schemasync")
    assert site.rows("SELECT * FROM loans") == [(1, "monday"), (2, "friday")]


def test_a_model_that_becomes_unmanaged_keeps_its_table(site):
    site.run_sql("INSERT INTO shop_note (text) VALUES ('kept')")
    site.models(MODELS + "\n    class Meta:\n        managed = False\n")
    site.done("schemasync", "--export")
    assert site.rows("SELECT text FROM shop_note") == [("kept",)]


def test_a_rollback_forgets_no_owner(site):
    """A sync asks about the same table before and after the rollback."""
    rewrite(site, lambda tree: tree.update(more={"id": "key"}))
    site.done("schemasync")
    site.done("schemasync", "rollback", "--noinput")
    rewrite(site, lambda tree: (tree.pop("more"), tree.pop("loans")))
    assert "[lost-table]" in site.manage("schemasync").err
