"""Compose the configuration file of Litestream, with the real paths of live files. Its values are JSON, which is a part
of YAML, so that no library is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HEAD = """\
# Written by: manage.py schemasync litestream config
# Each swap writes it again: what else is to stand here belongs into SCHEMASYNC["LITESTREAM"]["OPTIONS"].
"""


def text(socket: Path, databases: Sequence[tuple[str, str]], options: Mapping[str, Any]) -> str:
    """Return the text of the file for these databases, each with its path and the URL of its replica."""
    lines = [f"{key}: {json.dumps(value)}" for key, value in options.items()]
    lines += ["socket:", "  enabled: true", f"  path: {json.dumps(str(socket))}", "  permissions: 0660"]
    lines += ["dbs:"] if databases else ["dbs: []"]
    for path, replica in databases:
        lines += [f"  - path: {json.dumps(path)}", "    replica:", f"      url: {json.dumps(replica)}"]
    return HEAD + "\n".join(lines) + "\n"
