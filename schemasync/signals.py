"""Signals for applications."""

from __future__ import annotations

from django.dispatch import Signal

before_swap = Signal()
"""Sent when the new file of a sync is complete, before it goes live. Replaces `RunPython`.

The connection of `using` is to the new file, and writers of the old one wait, so a receiver should be quick. If it
raises an error, the run does not swap. The signal is sent only if `ENABLED` is set. Arguments: `using`, the alias of
the database; `changes`, the changes of the sync (`schemasync.diff.changes`, such as `AddColumn`); `apps`, the
registry of models.
"""

generation_changed = Signal()
"""Sent by the backend when a connection has moved to another generation, before the next statement runs.

Arguments: `alias` of the database; `old` and `new`, names of generations such as "0002-3f2a9c1b6d2e". Sent once for
each connection, so once for each thread that has one.
"""

altered_in_place = Signal()
"""Sent by the process that has altered the live file with `schemasync --in-place`, for caches of the columns of tables.
Connections stay valid, and SQLite itself prepares statements again.

Arguments: `using`, the alias of the database; `generation`, its name; `changes`, as for `before_swap`.
"""
