"""Puts the transforms of the project beside its schema.json, and beside the state of its database."""

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
    """The schema.json of a database together with its transforms. Raises UsageError."""
    return document.with_transforms(found, transforms(alias))


def status_with_transforms(alias: str, target: Target, schema: Path) -> Status:
    """The state of a database, and which transforms have not acted on it. A module that cannot be imported is one of
    its problems, and so is a Litestream that is configured with the link."""
    try:
        found = status(target, schema, transforms(alias))
    except UsageError as error:
        found = status(target, schema)
        found = replace(found, problems=(*found.problems, *error.problems))
    return replace(found, problems=(*found.problems, *link_faults(alias)))
