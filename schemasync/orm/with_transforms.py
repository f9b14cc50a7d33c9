"""Adds the transforms of the project to its schema.json, and to the state of its database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import UsageError
from ..keep.litestream.faults import link_faults
from ..schema import document
from ..schema.document import Document
from ..sync.run.target import Target
from ..sync.status import Status, status
from .transforms import transforms


def with_transforms(alias: str, found: Document) -> Document:
    """Return the schema.json of a database together with its transforms. Raises UsageError."""
    return document.with_transforms(found, transforms(alias))


def status_with_transforms(alias: str, target: Target, schema: Path) -> Status:
    """Return the state of a database, with the transforms that have not acted on it. A module that cannot be imported,
    and a Litestream that is configured with the link, are among its problems."""
    try:
        found = status(target, schema, transforms(alias))
    except UsageError as error:
        found = status(target, schema)
        found = replace(found, problems=(*found.problems, *error.problems))
    return replace(found, problems=(*found.problems, *link_faults(alias)))
