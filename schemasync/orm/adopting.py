"""Adopts a plain file before a sync, if the setting ADOPT is on."""

from __future__ import annotations

from collections.abc import Collection

from .. import conf
from ..schema.document import Document
from ..sync.adopt import Adopted, adopt
from ..sync.run.live_database import is_overwritten
from ..sync.run.target import Target
from .before_schema import needs_adoption
from .data_migrations import data_migrations
from .models import made_elsewhere
from .own_work import asked_about


def adopted_by_itself(alias: str, target: Target, document: Document, accepted: Collection[str] = ()) -> Adopted | None:
    """Adopt the file at the target's path if it is a plain file with content, such as the database of an older
    installation or a restored backup, or if a backup was copied through the link. Return None if the setting is off, or
    there is nothing to adopt. Raises a SchemasyncError.

    `accepted`: data migrations that are accepted although the database never ran them.
    """
    if not conf.adopts() or not (needs_adoption(alias) or is_overwritten(target.layout, target.opener)):
        return None
    return adopt(target, document, None, asked_about(data_migrations(alias)), accepted, made_elsewhere(alias))
