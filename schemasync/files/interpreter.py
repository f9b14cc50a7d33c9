"""The Python interpreter for processes of ours."""

from __future__ import annotations

import sys
from pathlib import Path


def interpreter() -> str | None:
    """Return the path of this Python; None in a server that embeds Python, whose executable is not an interpreter."""
    return sys.executable if Path(sys.executable).name.startswith("python") else None
