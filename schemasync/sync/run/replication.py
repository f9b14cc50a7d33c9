"""A tool that copies each change of the live file elsewhere, and that watches a file by its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ...files.disk import Disk
from ...files.layout import Layout


class Replication(Protocol):
    """Knows the tool of one database."""

    def follow(self, layout: Layout, disk: Disk) -> Iterable[str]:
        """Let the tool watch the live file, and no archive. Called after each swap, and by recovery. Returns a line for
        each fact that a person should know, and raises no error."""
