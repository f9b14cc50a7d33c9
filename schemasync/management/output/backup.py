"""The result of a backup, the list of backups, and the result of a restore, as text."""

from __future__ import annotations

import shlex

from ...actions.backup import Made
from ...actions.backups import Listed
from ...actions.restore import Restored
from ...history.rows import moment
from ...keep.manifest import Manifest
from ...schema.text import count, short
from ...texts import shown, size
from .shared import Lines

NOT_KEPT = "backup --prune removes it"


def made(one: Made) -> Lines:
    """The backup, and what was removed."""
    data = one.manifest.data
    stored, content = size(data["stored"]["bytes"]), size(data["content"]["bytes"])
    rows = count(sum(data["content"]["rows"].values()), "row")
    what = f"{rows}, {content}, compressed {stored}; read back and whole"
    lines = [f"{one.manifest.name} is in {one.store.where}: {what}"]
    if one.pruned is not None and one.removed:
        lines.append(f"removed: {', '.join(one.removed)}")
    return lines


def listed(all_: Listed) -> Lines:
    """A line for each backup and archive, the newest first."""
    lines = [f"{all_.store.where} has {count(len(all_.found.backups), 'backup')}"]
    for one in reversed(all_.found.backups):
        lines.append(f"  {_line(one)}  {', '.join(all_.kept_as(one)) or NOT_KEPT}")
    if all_.archives:
        lines.append("archives beside the live file:")
    for archive in all_.archives:
        row = archive.entry.row
        lines.append(f"  {moment(archive.superseded_at)}  {row.generation}  {size(archive.entry.bytes)}")
    lines += [f"damaged: {name}: {reason}" for name, reason in all_.found.unreadable]
    lines += [f"incomplete, without a manifest: {name}" for name in all_.found.incomplete]
    return lines


def _line(one: Manifest) -> str:
    data = one.data
    return f"{moment(data['made_at'])}  {one.name}  {size(data['content']['bytes'])}"


def restored(done: Restored) -> Lines:
    """The file, and what to do with it."""
    data, path = done.manifest.data, shlex.quote(str(done.output))
    rows = count(sum(data["content"]["rows"].values()), "row")
    return [
        f"wrote {shown(done.output)}: {rows}, {size(data['content']['bytes'])}, of {moment(data['made_at'])}, version "
        f"{short(data['version']) if data['version'] else 'none'}; whole",
        f"To see its schema: manage.py schemasync inspect {path}",
    ]
