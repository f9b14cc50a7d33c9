"""The JSON Schemas of `--json`: shipped, made from the code, closed, and true of the examples of the docs."""

from __future__ import annotations

import configparser
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest
from jsonschema import Draft202012Validator, ValidationError

from schemasync.actions.addressed import USES
from schemasync.diff.changes import FAMILY, ChangeJson, ReorderColumns
from schemasync.errors import Busy, Failed, NeedsPerson, Refused, SchemaInvalid, UsageError
from schemasync.management.options import ACTIONS
from schemasync.management.output import failed

from .json_schemas import FOLDER, OUTPUTS, schema_of, schemas
from .support.json_outputs import check, validator

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = dict(
    re.findall(
        r"^<!-- json: (\w+) -->\n```json\n(.*?)^```", (ROOT / "docs" / "commands.md").read_text("utf-8"), re.M | re.S
    )
)


def test_every_action_has_a_schema():
    assert set(OUTPUTS) == {"sync", *ACTIONS}


def test_the_shipped_schemas_are_what_the_code_prints():
    there = {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()}
    assert there == schemas(), "write them again: python -m tests.json_schemas --write"


def test_the_package_holds_the_schemas():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    patterns = setup["options.package_data"]["schemasync"].split()
    shipped = {path for pattern in patterns for path in (ROOT / "schemasync").glob(pattern)}
    assert set(FOLDER.iterdir()) <= shipped


@pytest.mark.parametrize("action", OUTPUTS)
def test_a_schema_is_one_and_takes_no_key_that_it_does_not_name(action):
    schema = schema_of(action)
    Draft202012Validator.check_schema(schema)
    for name, definition in schema["$defs"].items():
        if "properties" in definition:
            assert definition["additionalProperties"] is False, name
    example = json.loads(EXAMPLES[action])
    with pytest.raises(ValidationError):
        validator(action).validate({**example, "another_key": 1})
    for key in example:
        with pytest.raises(ValidationError):
            validator(action).validate({other: value for other, value in example.items() if other != key})


@pytest.mark.parametrize("action", OUTPUTS)
def test_the_example_on_the_page_is_as_its_schema_says(action):
    check(json.loads(EXAMPLES[action]), action)


@pytest.mark.parametrize("action", OUTPUTS)
@pytest.mark.parametrize("kind", [UsageError, Refused, SchemaInvalid, Failed, Busy, NeedsPerson])
def test_every_kind_of_error_is_part_of_every_schema(action, kind):
    error = kind.of("no-history", "there is none", "Make one.", found=["0001-6b201bf08a4d"])
    printed = json.loads(json.dumps(failed.as_json(error, action)))
    check(printed, action)
    if "all" in USES[action]:
        check({"databases": {"default": printed, "other": printed}}, action)
    else:
        with pytest.raises(ValidationError):
            validator(action).validate({"databases": {"default": printed}})


def test_a_change_has_a_key_for_each_name_that_a_kind_of_change_carries():
    """Only the text names the columns of a new order."""
    carried = {field.name for kind in FAMILY if kind is not ReorderColumns for field in fields(kind)}
    assert set(get_type_hints(ChangeJson)) == carried | {"change", "text"}
