"""The interpreter that runs a process of ours."""

from __future__ import annotations

import sys
from pathlib import Path


def interpreter() -> str | None:
    """The path of this Python; None in a server that embeds Python, whose executable is no interpreter."""
    return sys.executable if Path(sys.executable).name.startswith("python") else None
