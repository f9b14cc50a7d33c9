"""Check every JSON object that a command prints in the tests against the JSON Schema that the package ships."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from schemasync.management.options import action_in

COMMAND = "schemasync"


def parsed(text: str, words: Sequence[object]) -> Any:
    """Return the JSON object that the command line `words` printed. Fail if it does not match its schema."""
    found = json.loads(text)
    if COMMAND in words:
        check(found, action_in([str(word) for word in words[words.index(COMMAND) + 1 :]]))
    return found


def check(found: Any, action: str) -> None:
    """Fail if the object does not match the schema of the action."""
    fault = best_match(validator(action).iter_errors(found))
    assert fault is None, f"{action} --json, {fault.json_path}: {fault.message}"


@cache
def validator(action: str) -> Draft202012Validator:
    """Return the validator for the schema of this action that the package ships."""
    text = resources.files("schemasync").joinpath("json_schemas", f"{action}.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))
