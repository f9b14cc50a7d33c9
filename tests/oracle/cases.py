"""Read tests/cases/*.yml: the claims of each case as plain values. tests/cases/README.md explains the format."""

import json
import re
import sqlite3
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import yaml

from schemasync import transforms
from schemasync.errors import Failed, Refused, SchemasyncError
from schemasync.schema import document
from schemasync.schema.transform_function import TransformFunction
from schemasync.sync.phases.decide import SyncOptions

FOLDER = Path(__file__).parent.parent / "cases"
CASE_KEYS = {"name", "old", "sql", "rows", "then", "only", "since"}
STEP_KEYS = {
    "new", "rows", "by_hand", "options", "allow_drop", "expect", "refused", "failed", "says", "current", "asks", "foreign",
    "hazards", "notes", "about", "late", "does", "transforms",
}  # fmt: skip
_ROW_ID = re.compile(r"(-?\d+): (.*)", re.DOTALL)


@dataclass(frozen=True)
class Line:
    """One row as SQL literals. `rowid` is None if the case does not give it."""

    rowid: int | None
    values: str


ANYTHING = [Line(None, "~any")]  # for tables whose rows only `asks` checks


@dataclass(frozen=True)
class Refusal:
    """The code of an error or hazard, and its facts that the case gives (column, rows, keys)."""

    code: str
    facts: dict


@dataclass(frozen=True)
class Step:
    """One sync: the rows and SQL before it, the new schema, and the expected results."""

    text: str
    rows: dict[str, list[Line]]
    by_hand: str
    options: SyncOptions
    expect: dict[str, list[Line]]
    refused: list[Refusal] | None
    error: type[SchemasyncError]
    says: list[str]
    current: bool
    asks: dict[str, list[Line]]
    foreign: list[str]
    hazards: list[str] | None
    notes: list[str]
    late: bool
    about: list[str] | None
    does: dict[str, str]
    transforms: tuple[TransformFunction, ...]

    @cached_property
    def document(self):
        """The new schema.json as a document with the transforms. Raise SchemaInvalid, which counts as a refusal."""
        return document.with_transforms(document.read(self.text.encode()), self.transforms)


@dataclass(frozen=True, repr=False)
class Case:
    """A claim that a user cares about. `sql` makes a plain database, which is adopted first."""

    name: str
    place: str
    old_text: str | None
    sql: str | None
    rows: dict[str, list[Line]]
    steps: list[Step]
    only: str | None = field(default=None)

    @cached_property
    def old(self):
        """The old schema.json as a document, or None if the case has none. Raise SchemaInvalid."""
        return None if self.old_text is None else document.read(self.old_text.encode())

    @property
    def strategies(self):
        return [self.only] if self.only else ["clone", "fresh"]


@cache
def load():
    """Return all cases of all files, in order. Each process reads them once, and a schema.json when a test needs it."""
    cases = [found for path in sorted(FOLDER.glob("*.yml")) for found in _file(path)]
    names = [found.name for found in cases]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, f"names of cases must differ: {sorted(twice)}"
    return cases


def _file(path):
    for number, data in enumerate(parsed(path.read_text("utf-8"))):
        name = data.get("name", f"number {number + 1}")
        try:
            yield case(data, path.stem)
        except Exception as error:
            raise ValueError(f"{path.name}: {name}: {error}") from error


def parsed(text):
    """Return the entries of a file as YAML data, unchecked."""
    return yaml.load(text, _Loader)


def case(data, stem):
    """Return the case of one entry. Raise ValueError for unknown keys."""
    if unknown := set(data) - CASE_KEYS - STEP_KEYS:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    data = _of_this_sqlite(data)
    first = {key: value for key, value in data.items() if key in STEP_KEYS - {"rows"}}
    steps = ([first] if "new" in first else []) + data.get("then", [])
    rows = _tables(data.get("rows", {}))
    return Case(
        name=data["name"],
        place=stem,
        old_text=_text(data["old"]) if "old" in data else None,
        sql=data.get("sql"),
        rows=rows,
        steps=[_step(step) for step in steps],
        only=data.get("only"),
    )


def _of_this_sqlite(data):
    """Return the data for this version of SQLite: `since` has, by version, values for other keys from that version on,
    and null for a key that is removed."""
    for version, other in data.get("since", {}).items():
        if sqlite3.sqlite_version_info >= tuple(map(int, version.split("."))):
            data = {key: value for key, value in {**data, **other}.items() if value != "null"}
    return data


def _step(data):
    if unknown := set(data) - STEP_KEYS:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    refused = data.get("refused", data.get("failed"))
    options = _list(data.get("options", []))
    return Step(
        text=_text(data["new"]),
        rows=_tables(data.get("rows", {})),
        by_hand=data.get("by_hand", ""),
        options=SyncOptions(**dict.fromkeys(options, True), allow_drop=frozenset(data.get("allow_drop", []))),
        expect=_tables(data.get("expect", {})),
        refused=None if refused is None else [_refusal(item) for item in refused],
        error=Failed if "failed" in data else Refused,
        says=_list(data.get("says", [])),
        current=data.get("current", False),
        asks={sql: _lines(text) for sql, text in data.get("asks", {}).items()},
        foreign=data.get("foreign", []),
        hazards=data.get("hazards"),
        notes=_list(data.get("notes", [])),
        late=data.get("late", False),
        about=_list(data["about"]) if "about" in data else None,
        does=data.get("does", {}),
        transforms=declared(data.get("transforms", "")),
    )


def declared(source):
    """Return the transforms that Python source declares."""
    names = {name: getattr(transforms, name) for name in transforms.__all__}
    exec(source, names)
    return tuple(one for one in names.values() if isinstance(one, TransformFunction))


def _list(value):
    return [value] if isinstance(value, str) else value


def _refusal(item):
    if isinstance(item, str):
        return Refusal(item, {})
    return Refusal(item["code"], {key: value for key, value in item.items() if key != "code"})


def _text(schema):
    return schema if isinstance(schema, str) else json.dumps(schema, ensure_ascii=False)


def _tables(data):
    return {table: _lines(lines) for table, lines in data.items()}


def _lines(lines):
    found = lines if isinstance(lines, list) else str(lines).splitlines()
    return [_line(str(line).strip()) for line in found if str(line).strip()]


def _line(text):
    numbered = _ROW_ID.fullmatch(text)
    return Line(int(numbered[1]), numbered[2]) if numbered else Line(None, text)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """A loader of YAML that refuses duplicate keys, and reads on, no, null and 1.0 as strings."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if isinstance(key, Hashable) and keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    letter: [
        (tag, re.compile("true|false") if tag.endswith(":bool") else pattern)
        for tag, pattern in found
        if not tag.endswith((":timestamp", ":float", ":null"))
    ]
    for letter, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
