"""Signals for applications."""

from __future__ import annotations

from django.dispatch import Signal

before_swap = Signal()
"""Sent when the new file of a sync is whole, and before it goes live: for what `RunPython` was.

The connection of `using` is to the new file then, and writers of the old one wait, so it should be quick. A receiver
that raises an error refuses the swap. It is sent where `ENABLED` is set. Arguments: `using`, the alias of the
database; `changes`, what the sync changes (`schemasync.diff.changes`, such as `AddColumn`); `apps`, the registry of
models.
"""

generation_changed = Signal()
"""Sent by the backend when a connection has moved to another generation, before the next statement runs.

Arguments: `alias` of the database; `old` and `new`, names of generations such as "0002-3f2a9c1b6d2e". Sent once for
each connection, so once for each thread that has one.
"""
