"""Hints for databases of older releases, which a maintainer adds to schema.json by hand."""

from __future__ import annotations

import json

from schemasync.schema import write
from schemasync.schema.edit import edit
from schemasync.schema.jsonc import scan


def written(text: str, hints: dict[str, dict]) -> str:
    """Return schema.json with these hints: by table, a list of columns for `_dropped`, and a dict with `fill` or `was`
    for a column."""
    tables = json.loads(scan(text).json)
    changed = {}
    for table, wanted in hints.items():
        body = dict(tables[table])
        for name, hint in wanted.items():
            if name.startswith("_"):
                body[name] = hint
            else:
                said = body[name] if isinstance(body[name], dict) else {"type": body[name]}
                body[name] = {**said, **hint}
        changed[table] = write.pretty(body)
    return edit(text, changed) if changed else text
