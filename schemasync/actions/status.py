"""Reads the state of a database."""

from __future__ import annotations

from ..orm.transforms import transforms
from ..sync import status as state
from ..sync.status import Status
from .database import Database


def status(database: Database) -> Status:
    """What is live, what a run is doing, and what needs a person: a database with problems is no error. Raises
    UsageError if the transforms of the project cannot be imported."""
    return state.status(database.target(), database.schema_path, transforms(database.alias))
