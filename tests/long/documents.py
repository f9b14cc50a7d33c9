"""Mutated schema.json files: each is read, or refused with its faults, in bounded time and memory.

A case is some thousand mutations of parts of one real file: bytes are changed, cut out, doubled or inserted, or values of its tree
are exchanged for others of the format. A file that is read must give the same version when it is written and read again.
"""

from __future__ import annotations

import copy
import json
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemasync.errors import SchemaInvalid, SchemasyncError
from schemasync.schema import document, jsonc, write
from schemasync.schema.model import Schema

from ..schema.support import rebuilt
from ..support.processes import ROOT

EACH = 2_000  # mutations of a case
PARTS = 3  # parts of a file, mostly tables, that are mutated together, at most
SLOW = 1.0  # seconds of the processor for one file of at most LARGE bytes
LARGE = 100_000
MEMORY = 400_000_000  # bytes of the process; Python, what it has imported and the caches are a quarter
UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
TOKENS = (
    b'"', b"'", b"{", b"}", b"[", b"]", b":", b",", b"//", b"/*", b"*/", b"\\", b"\\u0000", b"\\ud800", b"null", b"true", b"-1",
    b"1e99", b"\xff", b"\xef\xbb\xbf", b"\xc3", b"\x00", b"\n", b'"_', b"(", b")", b"--", b";", b"DEFAULT", b"REFERENCES", b"AS (",
)  # fmt: skip


def sources() -> list[Path]:
    found = [*ROOT.glob("demo_project/schema*.json"), ROOT / "tests/orm/kitchen/schema.json"]
    return sorted(path for path in found if path.exists())


def documents(folder: Path, seed: int) -> Counter[str]:
    """Try mutations of one file. Raise AssertionError if one fails in another way than a refusal, or costs too much."""
    chance, counts = random.Random(seed), Counter[str]()
    path = sources()[seed % len(sources())]
    whole = json.loads(jsonc.scan(path.read_text("utf-8")).json)
    values = list(_values(whole))
    for number in range(EACH):
        tree = {name: whole[name] for name in chance.sample(list(whole), k=chance.randrange(1, PARTS + 1))}
        tree.setdefault("_elsewhere", [name for name in whole if name not in tree and not name.startswith("_")])
        data = ("// " + path.name + "\n" + json.dumps(tree, indent=2, ensure_ascii=False)).encode()
        mutated = _of_bytes(data, chance) if chance.random() < 0.5 else _of_tree(tree, values, chance)
        begun = time.process_time()
        try:
            counts[_outcome(mutated)] += 1
        except AssertionError:
            raise
        except Exception as error:
            (kept := Path(tempfile.gettempdir(), "mutated.json")).write_bytes(mutated)
            raise AssertionError(f"mutation {number} of {path.name}, now in {kept}: {error!r}") from error
        taken = time.process_time() - begun
        assert taken < SLOW or len(mutated) > LARGE, f"mutation {number} of {path.name} took {taken:.1f} s"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT
    assert peak < MEMORY, f"{peak:,} bytes of memory"
    return counts


def _outcome(data: bytes) -> str:
    try:
        found = document.read(data)
    except SchemaInvalid as error:
        for problem in error.problems:
            assert problem.message.startswith("schema.json"), problem
            assert problem.code, problem
        return f"refused [{error.problems[0].code}]"
    tree = json.loads(jsonc.scan(write.write(found.schema)).json)
    try:
        again = document.read(json.dumps({**tree, "_elsewhere": sorted(found.elsewhere)}).encode())
    except SchemaInvalid:
        assert _is_refused_by_sqlite(found.schema), "what is written of it is refused"
        return "read, and refused by SQLite"
    assert again.version == found.version, "it has another version when it is written and read again"
    return "read"


def _is_refused_by_sqlite(schema: Schema) -> bool:
    try:
        rebuilt(schema)
    except (SchemasyncError, sqlite3.Error):
        return True
    return False


def _values(tree: Any) -> Iterator[Any]:
    yield tree
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _values(value)


def _of_bytes(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 5))):
        at, size = chance.randrange(len(data)), chance.choice((1, 1, 2, 8, 40))
        match chance.randrange(5):
            case 0:
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[at + size :]
            case 2:
                data = data[:at] + data[at : at + size] + data[at:]
            case 3:
                data = data[:at] + chance.choice(TOKENS) + data[at:]
            case _:
                other = chance.randrange(len(data))
                data = data[:at] + data[other : other + size] + data[at + size :]
    return data


def _of_tree(tree: Any, values: list[Any], chance: random.Random) -> bytes:
    changed = copy.deepcopy(tree)
    for _ in range(chance.choice((1, 1, 2, 3))):
        owners = [value for value in _values(changed) if isinstance(value, dict | list) and value]
        owner = chance.choice(owners)
        key = chance.choice(list(owner) if isinstance(owner, dict) else range(len(owner)))
        match chance.randrange(4):
            case 0:
                owner[key] = copy.deepcopy(chance.choice(values))
            case 1:
                del owner[key]
            case 2 if isinstance(owner, dict):
                owner[chance.choice(["_was", "_rows", "_from", "_use", "id", "", "_", "__x", "x y"])] = owner.pop(key)
            case _:
                owner[key] = chance.choice([None, True, 0, -1.5, "", [], {}, "TEXT", ["id"], {"type": "TEXT"}])
        if not changed:
            break
    return json.dumps(changed, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
