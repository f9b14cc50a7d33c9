"""New fields: their columns come last, in the order in which Django's own migrate adds them."""

import json

import pytest

IN_THE_MIDDLE = (
    "    total = models.DecimalField(",
    "    weight = models.IntegerField(null=True)\n"
    "    placed = models.DateTimeField(null=True)\n"
    "    agent = models.ForeignKey(Customer, models.CASCADE, null=True, related_name='+')\n"
    "    total = models.DecimalField(",
)


def columns(site, table):
    return [name for (name,) in site.rows(f"SELECT name FROM pragma_table_info('{table}')")]


def in_schema(site, table):
    return [key for key in json.loads(site.schema.read_text().partition("\n")[2])[table] if not key.startswith("_")]


@pytest.mark.slow
def test_new_columns_come_last_in_the_order_of_django_s_own_migrate(_migrated, built, tmp_path):
    migrated = _migrated.copy(tmp_path / "migrated")
    for site in (migrated, built):
        site.change(IN_THE_MIDDLE)
    migrated.done("makemigrations", "shop")
    migrated.done("migrate")
    built.done("makemigrations")
    built.done("migrate")
    new = ["agent_id", "placed", "weight"]
    assert columns(built, "shop_order")[-3:] == columns(migrated, "shop_order")[-3:] == new
    assert in_schema(built, "shop_order") == columns(built, "shop_order")


@pytest.mark.slow
def test_a_table_with_new_fields_is_what_run_syncdb_makes_except_for_their_order(_migrated, built, tmp_path):
    syncdb = _migrated.copy(tmp_path / "syncdb")
    syncdb.settings(flag=False, more='MIGRATION_MODULES = {"shop": None}')
    syncdb.link.unlink()
    for site in (syncdb, built):
        site.change(IN_THE_MIDDLE)
    syncdb.done("migrate", "--run-syncdb")
    built.done("makemigrations")
    built.done("migrate")
    facts = (
        "SELECT name, lower(type), \"notnull\" OR pk, dflt_value, pk FROM pragma_table_info('shop_order') ORDER BY name"
    )
    assert built.rows(facts) == syncdb.rows(facts)
    there = [name for name in columns(syncdb, "shop_order") if name not in ("agent_id", "placed", "weight")]
    assert columns(built, "shop_order") == [*there, "agent_id", "placed", "weight"]
