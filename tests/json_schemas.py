"""Write the JSON Schema of each command's `--json` from the types of its output: `python -m tests.json_schemas
--write`.

The types are the TypedDicts that the functions return which build the objects. pydantic would do the same, but rejects
TypedDicts of Python 3.11, and the text of its schemas changes with each of its releases.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

from schemasync.actions.addressed import USES
from schemasync.actions.adopt import AdoptJson
from schemasync.actions.advise import AdviseJson
from schemasync.actions.advise_indexes import AdviseIndexesJson
from schemasync.actions.backup import BackupJson, ScheduleJson
from schemasync.actions.backups import BackupsJson
from schemasync.actions.check import CheckJson
from schemasync.actions.cutover import CutoverJson
from schemasync.actions.ddl import DdlJson
from schemasync.actions.drill import DrillJson
from schemasync.actions.eject import EjectJson
from schemasync.actions.export import ExportJson
from schemasync.actions.hash import HashJson
from schemasync.actions.health import HealthJson
from schemasync.actions.history import HistoryJson
from schemasync.actions.inspect import InspectJson
from schemasync.actions.litestream import LitestreamJson
from schemasync.actions.metrics import MetricsJson
from schemasync.actions.models import ModelsJson
from schemasync.actions.move import MoveJson, MovePlanJson
from schemasync.actions.plan import PlanJson
from schemasync.actions.prune import PruneJson
from schemasync.actions.rehearse import RehearseJson
from schemasync.actions.restore import RestoreJson, RestorePreviewJson, WrittenJson
from schemasync.actions.rollback import PreviewJson, RollbackJson
from schemasync.actions.run_report import ReportJson
from schemasync.actions.snapshot import SnapshotJson
from schemasync.actions.switch import SwitchJson
from schemasync.actions.sync import SyncJson
from schemasync.management.all_databases import DatabasesJson
from schemasync.management.output.failed import FailedJson
from schemasync.sync.status import StatusJson
from schemasync.tenants.fleet.json_types import (
    TenantChangedJson,
    TenantCreatedJson,
    TenantMovedJson,
    TenantsAskedJson,
    TenantsBackupJson,
    TenantsBalanceJson,
    TenantsHealthJson,
    TenantsReportJson,
    TenantsRollbackJson,
    TenantsRoutesJson,
    TenantsStatusJson,
    TenantsSyncJson,
)

FOLDER = Path(__file__).resolve().parent.parent / "schemasync" / "json_schemas"
OUTPUTS: dict[str, tuple[type, ...]] = {
    "sync": (SyncJson,),
    "plan": (PlanJson,),
    "rehearse": (RehearseJson, FailedJson),
    "check": (CheckJson, FailedJson),
    "status": (StatusJson, FailedJson),
    "health": (HealthJson, FailedJson),
    "metrics": (MetricsJson, FailedJson),
    "advise": (AdviseJson, AdviseIndexesJson, FailedJson),
    "history": (HistoryJson, FailedJson),
    "rollback": (RollbackJson, PreviewJson, FailedJson),
    "switch": (SwitchJson, FailedJson),
    "inspect": (InspectJson, FailedJson),
    "adopt": (AdoptJson, FailedJson),
    "eject": (EjectJson, FailedJson),
    "prune": (PruneJson, FailedJson),
    "snapshot": (SnapshotJson, FailedJson),
    "backup": (BackupJson, ScheduleJson, FailedJson),
    "backups": (BackupsJson, FailedJson),
    "drill": (DrillJson, FailedJson),
    "restore": (RestoreJson, RestorePreviewJson, WrittenJson, FailedJson),
    "litestream": (LitestreamJson, FailedJson),
    "cutover": (CutoverJson, FailedJson),
    "export": (ExportJson, FailedJson),
    "ddl": (DdlJson, FailedJson),
    "move": (MoveJson, MovePlanJson, FailedJson),
    "tenants": (
        TenantsSyncJson,
        TenantsRollbackJson,
        TenantsBackupJson,
        TenantsHealthJson,
        ScheduleJson,
        TenantsStatusJson,
        TenantsReportJson,
        TenantCreatedJson,
        TenantChangedJson,
        TenantsAskedJson,
        TenantsRoutesJson,
        TenantMovedJson,
        TenantsBalanceJson,
        FailedJson,
    ),
    "hash": (HashJson, FailedJson),
    "models": (ModelsJson, FailedJson),
}
"""The types of an action's output: it prints an object of one of them."""

FILES: dict[str, tuple[type, str]] = {"report": (ReportJson, "manage.py schemasync --report FILE.json")}
"""The type of each file that an action writes, and the command that writes it."""

ONE = "Output"  # the output of the action for one database
PLAIN = {str: "string", bool: "boolean", int: "integer", float: "number", NoneType: "null"}

DRAFT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def schemas() -> dict[str, str]:
    """Return the text of each schema, by the name of its file."""
    found = {name: schema_of(name) for name in OUTPUTS} | {name: schema_of_file(name) for name in FILES}
    return {f"{name}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in found.items()}


def schema_of_file(name: str) -> Schema:
    """Return the schema of a file that an action writes."""
    kind, command = FILES[name]
    definitions: dict[str, Schema] = {}
    root = _Writer(definitions).of(kind)
    return {"$schema": DRAFT, "title": command, **root, "$defs": dict(sorted(definitions.items()))}


def schema_of(action: str) -> Schema:
    """Return the schema of everything that an action prints with `--json`."""
    definitions: dict[str, Schema] = {}
    writer = _Writer(definitions)
    definitions[ONE] = _any_of([writer.of(output) for output in OUTPUTS[action]])
    root: Schema = {"$ref": f"#/$defs/{ONE}"}
    if "all" in USES[action]:
        root = {"anyOf": [root, writer.of(DatabasesJson)]}
    command = "manage.py schemasync" if action == "sync" else f"manage.py schemasync {action}"
    return {
        "$schema": DRAFT,
        "title": f"{command} --json",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


class _Writer:
    """Converts types to schemas; TypedDicts and enums become separate definitions."""

    def __init__(self, definitions: dict[str, Schema]) -> None:
        self.definitions = definitions

    def of(self, kind: Any) -> Schema:
        if kind in PLAIN:
            return {"type": PLAIN[kind]}
        if kind is Any:
            return {}
        if isinstance(kind, TypeVar):
            return {"$ref": f"#/$defs/{kind.__name__}"}
        if is_typeddict(kind) or (isinstance(kind, type) and issubclass(kind, StrEnum)):
            return self._defined(kind)
        arguments = get_args(kind)
        match get_origin(kind):
            case origin if origin is Literal:
                return {"enum": list(arguments)}
            case origin if origin in (Union, UnionType):
                return _any_of([self.of(one) for one in arguments])
            case origin if origin is list:
                return {"type": "array", "items": self.of(arguments[0])}
            case origin if origin is dict and arguments[0] is str:
                return {"type": "object", "additionalProperties": self.of(arguments[1])}
        raise TypeError(f"no JSON is of the type {kind}")

    def _defined(self, kind: type) -> Schema:
        if kind.__name__ not in self.definitions:
            self.definitions[kind.__name__] = {}  # for a type that contains itself
            self.definitions[kind.__name__] = self._object(kind) if is_typeddict(kind) else _enum(kind)
        return {"$ref": f"#/$defs/{kind.__name__}"}

    def _object(self, kind: type) -> Schema:
        described = dict(descriptions(kind))
        hints = get_type_hints(kind, include_extras=True)
        required = [key for key, hint in hints.items() if get_origin(hint) is not NotRequired]
        properties = {
            key: {
                **self.of(get_args(hint)[0] if get_origin(hint) is NotRequired else hint),
                **({"description": described[key]} if key in described else {}),
            }
            for key, hint in hints.items()
        }
        return {
            **_description(kind),
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }


def _enum(kind: type[StrEnum]) -> Schema:
    return {**_description(kind), "enum": [str(one) for one in kind]}


def _any_of(found: list[Schema]) -> Schema:
    """Combine several schemas into one; for plain types and for values there is a shorter form than `anyOf`."""
    if len(found) == 1:
        return found[0]
    if all(set(one) == {"enum"} for one in found):
        return {"enum": [value for one in found for value in one["enum"]]}
    if all(set(one) == {"type"} for one in found):
        return {"type": [one["type"] for one in found]}
    return {"anyOf": found}


def _description(kind: type) -> Schema:
    return {"description": " ".join(kind.__doc__.split())} if kind.__doc__ else {}


def descriptions(kind: type) -> Iterator[tuple[str, str]]:
    """Yield the keys of a TypedDict with the text below each."""
    try:
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except OSError:  # a TypedDict made by a call, because one of its keys is a keyword
        return
    assert isinstance(body, ast.ClassDef)
    for before, node in zip(body.body, body.body[1:], strict=False):
        match before, node:
            case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(text))):
                yield key, " ".join(text.split())


def main() -> int:
    """Write the files, or report that they are not up to date."""
    wanted = schemas()
    if "--write" in sys.argv[1:]:
        FOLDER.mkdir(exist_ok=True)
        for path in FOLDER.glob("*.json"):
            path.unlink()
        for name, text in wanted.items():
            (FOLDER / name).write_text(text, "utf-8")
        return 0
    there = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    print("up to date" if there == wanted else "not up to date: python -m tests.json_schemas --write")
    return int(there != wanted)


if __name__ == "__main__":
    sys.exit(main())
