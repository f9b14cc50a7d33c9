"""New fields: their columns are appended in the order in which Django's own migrate adds them."""

import json
from contextlib import closing
from dataclasses import replace
from operator import attrgetter, itemgetter

from schemasync.engines.sqlite.connection import Opener
from schemasync.engines.sqlite.inspect import inspect
from schemasync.schema import digest
from tests.orm.kitchen.process import differences, facts

IN_THE_MIDDLE = (
    "    total = models.DecimalField(",
    "    weight = models.PositiveIntegerField(null=True)\n"
    "    placed = models.DateTimeField(null=True)\n"
    "    agent = models.ForeignKey(Customer, models.CASCADE, null=True, related_name='+')\n"
    "    total = models.DecimalField(",
)


def columns(site, table):
    return [name for (name,) in site.rows(f"SELECT name FROM pragma_table_info('{table}')")]


def in_schema(site, table):
    return [key for key in json.loads(site.schema.read_text().partition("\n")[2])[table] if not key.startswith("_")]


def tables(site):
    """Return SQLite's information on each table of the app, except for the order of its columns."""
    with closing(Opener().read(site.link)) as connection:
        ours = [table for table in inspect(connection).schema.tables if table.name.startswith("shop_")]
        return {table.name: in_any_order(connection, table) for table in ours}


def in_any_order(connection, table):
    found = facts(connection, table.name)
    numberless = [{name: value for name, value in column.items() if name != "cid"} for column in found["columns"]]
    by_name = replace(table, columns=tuple(sorted(table.columns, key=attrgetter("name"))))
    return {
        **found,
        "columns": sorted(numberless, key=itemgetter("name")),
        "normal form": digest.normal_json(by_name),
    }


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


def test_tables_with_new_fields_are_what_run_syncdb_makes_except_for_the_order_of_columns(_migrated, built, tmp_path):
    syncdb = _migrated.copy(tmp_path / "syncdb")
    syncdb.settings(flag=False, more='MIGRATION_MODULES = {"shop": None}')
    syncdb.link.unlink()
    for site in (syncdb, built):
        site.change(IN_THE_MIDDLE)
    syncdb.done("migrate", "--run-syncdb")
    built.done("makemigrations")
    built.done("migrate")
    django, ours = tables(syncdb), tables(built)
    assert ours.keys() == django.keys() == {"shop_customer", "shop_order", "shop_order_tags", "shop_tag"}
    different = [line for table in django for line in differences(table, django[table], ours[table])]
    assert not different, "\n".join(different)
    assert "weight" in str(django["shop_order"]["normal form"]["checks"])
    there = [name for name in columns(syncdb, "shop_order") if name not in ("agent_id", "placed", "weight")]
    assert columns(built, "shop_order") == [*there, "agent_id", "placed", "weight"]
