"""The result of a backup, the list of backups, and the result of a restore, as text."""

from __future__ import annotations

from ...actions.backup import Made
from ...actions.backups import Listed
from ...history.rows import moment
from ...keep.manifest import Manifest
from ...schema.text import count
from ...texts import size
from .shared import Lines

NOT_KEPT = "backup --prune removes it"


def made(one: Made) -> Lines:
    """Return the backup, and the removed backups."""
    data = one.manifest.data
    stored, content = size(data["stored"]["bytes"]), size(data["content"]["bytes"])
    what = f"{rows_of(one.manifest)}, {content}, compressed {stored}; read back and whole"
    lines = [f"{one.manifest.name} is in {one.store.where}: {what}"]
    if one.pruned is not None and one.removed:
        lines.append(f"removed: {', '.join(one.removed)}")
    return lines


def rows_of(one: Manifest) -> str:
    """Return the number of its rows; `encrypted` for an encrypted backup, whose manifest does not record it."""
    return "encrypted" if one.is_encrypted else count(sum(one.data["content"]["rows"].values()), "row")


def listed(all_: Listed) -> Lines:
    """Return a line for each backup and archive, the newest first."""
    lines = [f"{all_.store.where} has {count(len(all_.found.backups), 'backup')}"]
    for one in reversed(all_.found.backups):
        lines.append(f"  {_line(one)}  {', '.join(all_.kept_as(one)) or NOT_KEPT}")
    if all_.archives:
        lines.append("archives beside the live file:")
    for archive in all_.archives:
        when = moment(archive.at.isoformat()) if archive.at is not None else "at an unknown time"
        lines.append(f"  {when}  {archive.generation.name}  {size(archive.bytes)}")
    lines += [f"damaged: {name}: {reason}" for name, reason in all_.found.unreadable]
    lines += [f"incomplete, without a manifest: {name}" for name in all_.found.incomplete]
    return lines


def _line(one: Manifest) -> str:
    data = one.data
    found = f"{moment(data['made_at'])}  {one.name}  {size(data['content']['bytes'])}"
    return f"{found}, encrypted" if one.is_encrypted else found
