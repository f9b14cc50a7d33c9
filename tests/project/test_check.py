"""manage.py schemasync check, in a project that lives on migrations, and in one that lives on schema.json."""

import pytest

BY_HAND = """
INSERT INTO shop_customer (name, email) VALUES ('Ann', 'a@x.yz'), ('Bob', 'b@x.yz');
CREATE TRIGGER lower_tag AFTER INSERT ON shop_tag BEGIN UPDATE shop_tag SET label = lower(label) WHERE id = NEW.id; END;
CREATE INDEX raw_part ON shop_customer (lower(name)) WHERE name <> '';
ALTER TABLE shop_customer ADD COLUMN legacy TEXT DEFAULT 'x' COLLATE NOCASE;
UPDATE shop_customer SET legacy = NULL WHERE name = 'Bob';
CREATE VIEW customers AS SELECT name, legacy FROM shop_customer;
"""
REPORTED = """\
Django's migrate silently loses, when it remakes a table:
  shop_customer
    [column] no model names the column legacy: 1 row has a value there
    [index] no model has the index raw_part (partial, over an expression)
  shop_tag
    [trigger] the trigger lower_tag is dropped with the old table
and aborts, because SQLite renames no table under a view or trigger:
  shop_customer
    [view] the view customers refers to it
"""
WEIGHT = ("label = models.SlugField()", "label = models.SlugField()\n    weight = models.IntegerField(default=3)")
RENAMED = ("total = models", "price = models")


# --- without schema.json ------------------------------------------------------------------------------------------


def test_check_on_a_project_that_lives_on_migrations_reports_what_the_next_one_would_destroy(migrated):
    migrated.run_sql(BY_HAND)
    ended = migrated.manage("schemasync", "check")
    assert ended.code == 1
    assert ended.out == REPORTED
    assert "4 things in db.sqlite3 would be lost in a migrate, or abort it" in ended.err
    assert "manage.py schemasync adopt" in ended.err
    migrated.settings(flag=True)
    found = migrated.manage("schemasync", "check", "--json")
    assert found.code == 1, "with the flag on, too: the file is not taken over yet"
    assert (found.json["result"], found.json["version"], found.json["models"]) == ("differs", None, None)
    assert found.json["migrate_risks"][0] == {
        "kind": "column",
        "table": "shop_customer",
        "name": "legacy",
        "text": "no model names the column legacy: 1 row has a value there",
        "rows": 1,
        "aborts": False,
    }
    assert [one["aborts"] for one in found.json["migrate_risks"]] == [False, False, False, True]
    assert not migrated.schema.exists()


def test_where_only_migrations_made_the_tables_nothing_is_in_danger(migrated):
    before = migrated.link.read_bytes()
    ended = migrated.done("schemasync", "check")
    assert "nothing in db.sqlite3 would be lost in a migrate" in ended.out
    assert "manage.py schemasync adopt" in ended.out
    assert migrated.link.read_bytes() == before
    assert sorted(path.name for path in migrated.folder.glob("db.sqlite3*")) == ["db.sqlite3"]


def test_a_schema_that_somebody_names_and_is_not_there_is_an_error(migrated):
    ended = migrated.manage("schemasync", "check", "--schema", "shcema.json")
    assert ended.code == 3
    assert "[schema-unreadable]" in ended.err


@pytest.mark.parametrize("flag", [True, False])
def test_a_database_that_was_taken_over_misses_its_schema(built, flag):
    """Otherwise a deployment that lacks the file would pass the check."""
    built.schema.unlink()
    built.settings(flag=flag)
    ended = built.manage("schemasync", "check")
    assert ended.code == 3
    assert "[schema-unreadable]" in ended.err


def test_with_a_schema_and_the_flag_off_the_risk_of_a_habit_is_reported_and_is_no_difference(built):
    built.run_sql("CREATE INDEX raw ON shop_tag (lower(label))")
    assert "would destroy" not in built.done("schemasync", "check").out
    assert built.done("schemasync", "check", "--json").json["migrate_risks"] == []
    built.settings(flag=False)
    assert "1 thing is in tables of models that Django's migrate would destroy" in built.done("schemasync", "check").out
    assert [one["name"] for one in built.done("schemasync", "check", "--json").json["migrate_risks"]] == ["raw"]


# --- three ways ---------------------------------------------------------------------------------------------------


def test_models_and_schema_and_database_are_compared_three_ways(built):
    agreed = built.done("schemasync", "check").out
    assert agreed == "models and schema.json: agree\nschema.json and database: agree\n"
    built.change(WEIGHT)
    ended = built.manage("schemasync", "check")
    assert ended.code == 1
    assert ended.out.startswith("models and schema.json: differ\n  shop_tag: +weight")
    assert ended.out.endswith("schema.json and database: agree\n")
    assert "manage.py schemasync export" in ended.err
    assert built.manage("migrate", "--check").code == 1, "a site of these models would fail"
    built.done("makemigrations")
    ended = built.manage("schemasync", "check")
    assert ended.code == 1
    assert "models and schema.json: agree\nschema.json and database: differ\n  shop_tag: +weight" in ended.out
    assert built.manage("migrate", "--check").code == 1


def test_a_rename_that_only_its_author_can_tell_is_a_difference(built):
    built.change(RENAMED)
    ended = built.manage("schemasync", "check", "--json")
    assert ended.code == 1
    assert ended.json["result"] == "differs"
    (problem,) = ended.json["models"]["problems"]
    assert problem["code"] == "rename-or-drop"
    assert "[rename-or-drop]" in built.manage("schemasync", "check").out
