"""Reads the state of a database."""

from __future__ import annotations

from ..orm.with_transforms import status_with_transforms
from ..sync.status import Status
from .database import Database


def status(database: Database) -> Status:
    """What is live, what a run is doing, and what needs a person: a database with problems is no error."""
    return status_with_transforms(database.alias, database.target(), database.schema_path)
