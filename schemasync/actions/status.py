"""Reads the state of a database."""

from __future__ import annotations

from ..orm.with_transforms import status_with_transforms
from ..sync.status import Status
from .database import Database


def status(database: Database) -> Status:
    """Return the live generation, the run at work, and problems that need a person. Such problems are no error."""
    return status_with_transforms(database.alias, database.target(), database.schema_path)
