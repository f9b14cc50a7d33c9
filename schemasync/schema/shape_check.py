"""Checks the shape of schema.json: the allowed keys, and the types of their values."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from ..errors import Code
from .diagnostics import Diagnostics
from .jsonc import Path
from .names import is_special
from .shape_match import matches
from .text import nearest

if TYPE_CHECKING:
    import jsonschema

TABLE_KEYS = (
    "_indexes _unique_constraints _checks _primary_key _foreign_keys _constraints _strict _without_rowid "
    "_virtual _triggers _rows _use _model _keep _comment _was _dropped _from _postgres"
).split()
TOP_KEYS = "_views _mixins _use _use_everywhere _dropped _elsewhere _migrations _comment _format".split()
MIXIN_KEYS = (
    "_indexes _unique_constraints _checks _primary_key _foreign_keys _constraints _strict _without_rowid "
    "_triggers _views _tables _comment"
).split()
OF_MIXIN_TABLES = [key for key in TABLE_KEYS if key not in ("_use", "_model", "_keep", "_was", "_dropped", "_from")]
FOR_EDITORS = "$schema"  # allowed in the top object, and ignored


@cache
def json_schema() -> Mapping[str, Any]:
    """The JSON Schema (2020-12) of the format, for editors and for the check of shapes."""
    text = resources.files(__package__).joinpath("format.schema.json").read_text("utf-8")
    return dict(json.loads(text))


@cache
def _without_references() -> Any:
    return _inlined(json_schema(), json_schema()["$defs"])


@cache
def _validator() -> jsonschema.Draft202012Validator:
    import jsonschema  # it takes 0.1 s

    return jsonschema.Draft202012Validator(_without_references())


def _inlined(node: Any, definitions: Mapping[str, Any]) -> Any:
    """Return the JSON Schema with each definition in place of the `$ref` to it; none of them refers to itself.

    jsonschema looks up each reference again for each value, which takes two thirds of the time of the check.
    """
    if isinstance(node, list):
        return [_inlined(one, definitions) for one in node]
    if not isinstance(node, Mapping):
        return node
    if "$ref" in node:
        return _inlined(definitions[node["$ref"].removeprefix("#/$defs/")], definitions)
    return {key: _inlined(value, definitions) for key, value in node.items() if key != "$defs"}


def check_keys(tree: dict[str, Any], faults: Diagnostics) -> None:
    """Report unknown keys that begin with one _, each with the most similar known key."""
    _check_special(tree, TOP_KEYS, (), faults)
    for name, table in tables_of(tree):
        _check_table(table, TABLE_KEYS, (name,), faults)
    _check_views(tree.get("_views"), ("_views",), faults)
    _check_mixins(tree.get("_mixins"), faults)
    for path, text in _strings(tree):
        if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
            faults.note(
                Code.BAD_DEFINITION,
                "holds a character that SQLite cannot keep (NUL, or half of a pair)",
                at=path,
            )


def _check_table(table: Any, known: list[str], path: Path, faults: Diagnostics) -> None:
    if isinstance(table, dict):
        _check_special(table, known, path, faults)
        _check_names_only(table.get("_triggers"), (*path, "_triggers"), faults)


def _check_views(views: Any, path: Path, faults: Diagnostics) -> None:
    _check_names_only(views, path, faults)
    for name, view in views.items() if isinstance(views, dict) else ():
        if isinstance(view, dict):
            _check_names_only(view.get("triggers"), (*path, name, "triggers"), faults)


def _check_mixins(mixins: Any, faults: Diagnostics) -> None:
    for name, mixin in mixins.items() if isinstance(mixins, dict) else ():
        path = ("_mixins", name)
        _check_table(mixin, MIXIN_KEYS, path, faults)
        if isinstance(mixin, dict):
            _check_views(mixin.get("_views"), (*path, "_views"), faults)
            tables = mixin.get("_tables")
            _check_names_only(tables, (*path, "_tables"), faults)
            for table, body in tables.items() if isinstance(tables, dict) else ():
                _check_table(body, OF_MIXIN_TABLES, (*path, "_tables", table), faults)


def _check_names_only(owner: Any, path: Path, faults: Diagnostics) -> None:
    """Report special keys of an object in which every key must be a name."""
    if isinstance(owner, dict):
        _check_special(owner, [], path, faults)


def _check_special(owner: Mapping[str, Any], known: list[str], path: Path, faults: Diagnostics) -> None:
    for key in owner:
        if is_special(key) and key not in known:
            near = nearest(key, known)
            hint = f'Did you mean "{near}"?' if near else f"Known here: {', '.join(known) or 'names'}."
            hint += f' A name that itself begins with _ is written "_{key}".'
            faults.note(Code.UNKNOWN_KEY, f'unknown key "{key}"', hint, at=(*path, key))


def check_shapes(tree: dict[str, Any], faults: Diagnostics) -> None:
    """Report values that do not match the JSON Schema, except for errors that `check_keys` reports."""
    if matches(tree, _without_references()):
        return
    already = set(faults.paths)
    for error in sorted(_validator().iter_errors(tree), key=lambda error: list(map(str, error.absolute_path))):
        if error.validator == "additionalProperties" and not error.absolute_path:
            continue  # check_keys reports it with a better message
        for leaf in _leaves(error):
            path = tuple(leaf.absolute_path)
            if path not in already and not _only_unknown_key(leaf):
                _note_shape(leaf, path, faults)


def _leaves(error: Any) -> Iterator[Any]:
    """Return the errors of the one shape that the value was meant to have; the error itself if there is only one
    shape."""
    branches: dict[Any, list[Any]] = {}
    for one in error.context or ():
        branches.setdefault(one.schema_path[0], []).append(one)
    meant = [found for found in branches.values() if not any(e.validator == "type" and not e.path for e in found)]
    if error.validator == "anyOf" and len(meant) == 1:
        for one in meant[0]:
            yield from _leaves(one)
    else:
        yield error


def _note_shape(error: Any, path: Path, faults: Diagnostics) -> None:
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for key in [key for key in error.instance if key not in known]:
            near = nearest(key, known)
            hint = f'Did you mean "{near}"?' if near else f"Known here: {', '.join(known)}."
            faults.note(Code.WRONG_SHAPE, f'{_named(path)}: unknown key "{key}"', hint, at=(*path, key))
    else:
        faults.note(Code.WRONG_SHAPE, _shape_message(error, path), _shape_hint(path), at=path)


def readable(tree: Mapping[str, Any], faulty: Collection[Path]) -> dict[str, Any]:
    """The tree without its faulty parts, so that the rest of it can be checked at the same time: without a faulty table
    or view, and without a special key that holds a fault. A faulty column keeps its name."""
    found = {key: dict(body) if isinstance(body, dict) else body for key, body in tree.items()}
    for path in faulty:
        owner = found.get(str(path[0]))
        if len(path) == 1 or path[1] == "_virtual" or not isinstance(owner, dict):
            found.pop(str(path[0]), None)
        elif is_special(key := str(path[1])) or is_special(str(path[0])):
            owner.pop(key, None)
        else:
            owner[key] = ""
    return found


def tables_of(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The keys of the top object that are tables, with their values."""
    return ((key, body) for key, body in tree.items() if not is_special(key) and key != FOR_EDITORS)


def _strings(tree: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every key and every string value, with its path."""
    if isinstance(tree, str):
        yield path, tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield (*path, key), key
            yield from _strings(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _strings(value, (*path, index))


def _only_unknown_key(error: jsonschema.ValidationError) -> bool:
    """True for an unknown key of a table or a mixin, which `check_keys` reports with a better message."""
    if error.validator != "additionalProperties":
        return False
    match list(error.absolute_path):
        case [_] | ["_mixins", _] | ["_mixins", _, "_tables", _]:
            return True
        case _:
            return False


_TYPES = {"array": "a list", "string": "a string", "object": "an object", "boolean": "true or false"}


def _named(path: Path) -> str:
    return "/".join(map(str, path)) or "the file"


def _shape_message(error: Any, path: Path) -> str:
    value = json.dumps(error.instance, ensure_ascii=False)
    shown = value if len(value) <= 60 else value[:57] + "…"
    match error.validator:
        case "anyOf":
            return f"{_named(path)}: {shown} has none of the shapes that are allowed here"
        case "type":
            return f"{_named(path)}: {shown} is not {_TYPES[error.validator_value]}"
        case "required":
            missing = ", ".join(f'"{key}"' for key in error.validator_value if key not in error.instance)
            return f"{_named(path)}: {missing} is missing in {shown}"
        case _:
            is_short = len(error.message) < 160
            return f"{_named(path)}: {error.message if is_short else f'{shown} has the wrong shape'}"


def _shape_hint(path: Path) -> str:
    if len(path) == 2 and isinstance(path[1], str) and not is_special(path[1]):
        return 'A column is a string such as "TEXT NOT NULL", or {"type": …, "was": […], "fill": …, "comment": …}.'
    return "docs/schema-format.md shows each shape."
