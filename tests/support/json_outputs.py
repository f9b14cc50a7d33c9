"""Every object that a command prints in the tests is checked against the JSON Schema that the package ships for it."""

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
    """The one object that the command line `words` printed. Fails where it is not as its schema says."""
    found = json.loads(text)
    if COMMAND in words:
        check(found, action_in([str(word) for word in words[words.index(COMMAND) + 1 :]]))
    return found


def check(found: Any, action: str) -> None:
    """Fail where the object is not as the schema of the action says."""
    fault = best_match(validator(action).iter_errors(found))
    assert fault is None, f"{action} --json, {fault.json_path}: {fault.message}"


@cache
def validator(action: str) -> Draft202012Validator:
    """That of the schema which the package ships."""
    text = resources.files("schemasync").joinpath("json_schemas", f"{action}.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))
