"""Checks whether a value has the shape that a JSON Schema demands, for those keywords that the format uses.

`jsonschema` reports each error with its place, but takes 0.1 s to import: a sixth of a sync that edits a definition.
Most files are right, so this check comes first. A keyword that it does not know counts as "no", and then `jsonschema`
decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ANNOTATIONS = frozenset("$schema $defs title description allowComments allowTrailingCommas".split())
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "boolean": bool,
}


def matches(value: Any, schema: Any) -> bool:
    """True if the value is valid; False if it is not, or if the schema has a keyword, or a form of one, that is unknown
    here. `schema`: draft 2020-12, without `$ref` (https://json-schema.org/draft/2020-12/json-schema-validation)."""
    if not isinstance(schema, Mapping):
        return schema is True
    return all(_keyword(key, wanted, value, schema) for key, wanted in schema.items())


def _keyword(key: str, wanted: Any, value: Any, schema: Mapping[str, Any]) -> bool:
    match key:
        case "type":
            return _has_type(value, wanted)
        case "properties" | "patternProperties" | "additionalProperties":
            return not isinstance(value, dict) or _members_match(key, wanted, value, schema)
        case "required":
            return not isinstance(value, dict) or all(name in value for name in wanted)
        case "minProperties":
            return not isinstance(value, dict) or len(value) >= wanted
        case "items":
            return not isinstance(value, list) or all(matches(one, wanted) for one in value)
        case "minItems":
            return not isinstance(value, list) or len(value) >= wanted
        case "minLength":
            return not isinstance(value, str) or len(value) >= wanted
        case "pattern":
            return not isinstance(value, str) or re.search(wanted, value) is not None
        case "enum":
            return any(_is_same(value, one) for one in wanted)
        case "const":
            return _is_same(value, wanted)
        case "anyOf":
            return any(matches(value, one) for one in wanted)
        case _:
            return key in ANNOTATIONS


def _has_type(value: Any, wanted: Any) -> bool:
    """Return True if the value has the type. True and false are not numbers; a list of types is not supported."""
    known = TYPES.get(wanted) if isinstance(wanted, str) else None
    return known is not None and isinstance(value, known) and (known is bool or not isinstance(value, bool))


def _is_same(value: Any, wanted: Any) -> bool:
    """Compare values that are not lists or objects. 1 is not true; 1.0 is 1 in JSON, too, and left to `jsonschema`."""
    return type(value) is type(wanted) and not isinstance(value, dict | list) and bool(value == wanted)


def _members_match(key: str, wanted: Any, value: dict[str, Any], schema: Mapping[str, Any]) -> bool:
    match key:
        case "properties":
            return all(matches(value[name], of) for name, of in wanted.items() if name in value)
        case "patternProperties":
            return all(
                matches(one, of)
                for pattern, of in wanted.items()
                for name, one in value.items()
                if re.search(pattern, name)
            )
        case _:
            named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
            return all(
                matches(one, wanted)
                for name, one in value.items()
                if name not in named and not any(re.search(pattern, name) for pattern in patterns)
            )
