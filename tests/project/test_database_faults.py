"""Faults that `check` finds in the database of a project that has not adopted it."""

import json

from schemasync.orm import database_faults


def found(site, *options):
    ended = site.manage("schemasync", "check", "--json", *options)
    result = json.loads(ended.out)
    assert (ended.code, result["result"]) == ((1, "differs") if result["database_faults"] else (0, "agrees"))
    return result


def test_nothing_is_wrong_in_a_new_database(migrated):
    assert found(migrated)["database_faults"] == []
    assert found(migrated, "--quick-check")["database_faults"] == []


def test_a_column_that_was_dropped_by_hand_is_missing(migrated):
    migrated.run_sql("ALTER TABLE shop_customer DROP COLUMN name")
    (fault,) = found(migrated)["database_faults"]
    assert (fault["kind"], fault["table"], fault["name"]) == ("missing-column", "shop_customer", "name")
    ended = migrated.manage("schemasync", "check")
    assert "wrong in the database now, whatever you decide:" in ended.out
    assert "1 thing in db.sqlite3 is wrong now" in ended.err


def test_a_column_whose_migration_is_still_to_run_is_not(migrated):
    migrated.change(
        (
            "name = models.CharField(max_length=100)",
            "name = models.CharField(max_length=100)\n    town = models.TextField(default='')",
        )
    )
    migrated.done("makemigrations", "shop")
    assert found(migrated)["database_faults"] == []


def test_a_reference_to_a_table_of_an_old_remake_is_named_and_fixed_by_the_next_one(migrated):
    migrated.run_sql(
        "PRAGMA writable_schema=ON;"
        "UPDATE sqlite_schema SET sql = replace(sql, '\"shop_customer\"', '\"shop_customer__old\"') WHERE name = 'shop_order';"
        "PRAGMA writable_schema=RESET"
    )
    result = found(migrated)
    assert [(one["kind"], one["table"], one["name"]) for one in result["database_faults"]] == [
        ("old-reference", "shop_order", "shop_customer__old")
    ]
    assert result["migrate_risks"] == []
    migrated.change(("max_digits=8", "max_digits=9"))
    migrated.done("makemigrations", "shop")
    migrated.done("migrate")
    assert found(migrated)["database_faults"] == []


def test_rows_that_refer_to_missing_ones_are_counted(migrated):
    migrated.run_sql("PRAGMA foreign_keys=OFF; INSERT INTO shop_order (customer_id, total) VALUES (7, 1), (8, 1)")
    (fault,) = found(migrated)["database_faults"]
    assert (fault["kind"], fault["table"]) == ("dangling", "shop_order")
    assert fault["text"].startswith("2 rows refer to rows that are missing")


def test_a_damaged_page_is_found_on_request(migrated):
    migrated.run_sql("INSERT INTO shop_tag (label) VALUES ('red'), ('blue')")
    with migrated.link.open("r+b") as file:
        root = migrated.rows("SELECT rootpage FROM sqlite_schema WHERE name = 'shop_tag'")[0][0]
        file.seek((root - 1) * 4096 + 7)  # the number of fragmented bytes of the page: reads do not use it
        file.write(b"\x30")
    assert {one["kind"] for one in found(migrated, "--quick-check")["database_faults"]} == {"damaged"}


def test_the_kinds_are_explained():
    from tests.test_docs import page

    section = page("docs/commands.md").section("What `migrate` would destroy")
    for kind in database_faults.FaultKind:
        assert f"| `{kind}` |" in section
