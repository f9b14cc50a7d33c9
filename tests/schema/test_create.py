"""CREATE statements as SQLite stores them, read one by one; test_create_statements tests many."""

import pytest

from schemasync.schema.create import on_table, read_table, read_trigger, read_view, statement, trigger_table
from schemasync.schema.expression import DefinitionError


def test_a_table_without_columns_is_no_table():
    with pytest.raises(DefinitionError, match="without columns"):
        read_table("CREATE TABLE t AS SELECT 1")


def test_a_view_may_name_its_columns():
    columns, select = read_view('CREATE VIEW v (a, "b c") AS SELECT 1, 2;')
    assert columns == ("a", "b c")
    assert select.text == "SELECT 1, 2"
    assert read_view("CREATE VIEW v AS SELECT 1") == ((), statement("SELECT 1"))


@pytest.mark.parametrize("read", [read_view, lambda sql: read_trigger("x", sql)])
def test_another_statement_is_named_by_the_word_that_it_lacks(read):
    with pytest.raises(DefinitionError, match=r"(VIEW|TRIGGER) is missing"):
        read("CREATE TABLE t (x)")


def test_a_trigger_is_moved_to_another_table_and_its_statements_stay_as_written():
    body = read_trigger("loud", "CREATE TRIGGER loud AFTER INSERT ON t BEGIN SELECT   1; END;").body
    assert trigger_table(body) == "t"
    moved = on_table(body, "other one")
    assert moved.text == 'AFTER INSERT ON "other one" BEGIN SELECT   1; END'
    assert trigger_table(moved) == "other one"


def test_a_body_without_a_table_stays_as_it_is():
    body = statement("AFTER INSERT")
    assert trigger_table(body) == ""
    assert on_table(body, "t") == body
