"""What an application may want to know."""

from __future__ import annotations

from django.dispatch import Signal

generation_changed = Signal()
"""Sent by the backend when a connection has moved to another generation, before the next statement runs.

Arguments: `alias` of the database; `old` and `new`, names of generations such as "0002-3f2a9c1b6d2e". Sent once for
each connection, so once for each thread that has one.
"""
