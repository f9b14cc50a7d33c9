"""The tables of docs/howto/outgrow.md agree with the code."""

from __future__ import annotations

import json
import re

from schemasync.engines.postgres.columns import columns_of
from schemasync.engines.postgres.ddl import make_ddl
from schemasync.engines.postgres.field_types import BY_FIELD, SIZED, field_type
from schemasync.engines.postgres.judge import Fault
from schemasync.engines.postgres.types import FieldKind
from schemasync.engines.sqlite.connection import Opener
from schemasync.schema.document import read
from tests.pages import page

PAGE = page("docs/howto/outgrow.md")


def rows(section: str, first: str) -> list[list[str]]:
    """Return the code spans of each row of a table."""
    table = PAGE.section(section).partition(f"| {first} |")[2].partition("\n\n")[0]
    return [re.findall(r"`([^`]+)`", line) for line in table.splitlines()[2:]]


def test_the_page_has_the_type_of_each_field() -> None:
    listed = {name: row[-1] for row in rows("Types", "field") for name in row[:-1]}
    known = {name: type_.sql for name, type_ in BY_FIELD.items()}
    sized = field_type(FieldKind("CharField", max_length=7))
    assert sized is not None
    known |= dict.fromkeys(SIZED, sized.sql.replace("7", "max_length"))
    known |= {"DecimalField": "numeric(max_digits,decimal_places)", "DateTimeField": "timestamp with time zone"}
    assert listed == known


def test_the_page_explains_each_fault_of_a_value() -> None:
    assert [row[0] for row in rows("Values", "fault")] == [fault.value for fault in Fault]


def test_the_page_has_the_type_of_each_declaration() -> None:
    for *definitions, type_ in rows("Types", "declared, without a model"):
        for definition in definitions:
            schema = read(json.dumps({"t": {"x": definition}}).encode()).schema
            assert columns_of(schema)["t"][0].type.sql == type_, definition


def test_the_page_has_translations_as_they_are_made() -> None:
    columns = {
        "active": "BOOLEAN",
        "name": "TEXT",
        "n": "INTEGER",
        "m": "INTEGER",
        "d": "TEXT DEFAULT CURRENT_TIMESTAMP",
    }
    for sqlite, there in rows("Expressions", "SQLite"):
        indexes = [] if sqlite == "CURRENT_TIMESTAMP" else [[sqlite]]
        document = read(json.dumps({"t": {**columns, "_indexes": indexes}}).encode())
        made = make_ddl(document.schema, columns_of(document.schema), document.on_postgres, Opener()).script
        assert there in made, (sqlite, made)
