"""Models of every kind that Django knows, generated from the schema.json that export wrote for them."""

import json

from schemasync.orm.model_differences import notes
from schemasync.schema import document, jsonc
from tests.orm.test_kitchen import KNOWN

from .imported import generated, imported
from .test_law import exported, reformatted


def tree():
    """Return the schema.json of the kitchen as if its author had written the tables by hand."""
    found = json.loads(jsonc.scan(KNOWN.read_text("utf-8")).json)
    return {key: {name: part for name, part in body.items() if name != "_model"} for key, body in found.items()
            if not key.startswith("_")}  # fmt: skip


def test_what_models_of_the_kitchen_do_not_express_is_known_by_name():
    found = generated(json.dumps(tree()))
    assert {line.partition(":")[0] for line in notes(found.differences)} == {
        "CHECK constraints",
        "UNIQUE indexes",
        "declared types for which Django has another",
        "indexes",
        "row ids without AUTOINCREMENT, so that the newest may be given out again",
    }
    assert not reformatted(found.text)


def test_most_tables_of_the_kitchen_are_exactly_those_that_django_creates():
    text = json.dumps(tree())
    meant = document.read(text.encode()).schema
    made = exported(imported(generated(text).text, managed=True).values())
    alike = [table.name for table in meant.tables if made.table(table.name) == table]
    assert len(alike) >= len(meant.tables) - 17, sorted({table.name for table in meant.tables} - {*alike})
