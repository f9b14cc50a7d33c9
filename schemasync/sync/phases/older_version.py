"""Refuses a sync to a version that the database had before."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ...errors import Code, Problem
from ...history.action import HistoryAction
from ...history.row import HistoryRow
from ...history.rows import BACKUP_FINGERPRINT, moment, origin_of, versions
from ...schema.text import short


def was_undone(version: str, rows: Sequence[HistoryRow]) -> bool:
    """Return True if the last history row is an alteration in place that went from this version back to an earlier
    one."""
    if len(rows) < 3 or rows[-1].action != HistoryAction.ALTER or rows[-2].version != version:
        return False
    return rows[-1].version in {row.version for row in rows[:-2]}


def was_rolled_back(version: str, rows: Sequence[HistoryRow]) -> bool:
    """Return True if the last history row is a rollback from a generation of this version to another one."""
    newest = rows[-1]
    is_rollback = newest.action in (HistoryAction.ROLLBACK, HistoryAction.KEEP_WRITES) and newest.version != version
    return is_rollback and versions(rows).get(newest.previous or "") == version


def older_version(version: str, rows: Sequence[HistoryRow], schema: str) -> Problem | None:
    """Return the problem that refuses a sync to this version of the file `schema`, if the database had it earlier: an
    older release is deployed, or the database was rolled back from it. None if it did not, or has it now."""
    newest = rows[-1]
    known = [row for row in rows[:-1] if row.version == version]
    if not known or newest.version == version:
        return None
    facts = {"newest": newest.version, "applied_at": newest.applied_at, "actor": newest.actor}
    who = f"at {moment(newest.applied_at)} by {newest.actor or 'someone'}"
    if was_undone(version, rows):
        return Problem(
            Code.OLDER_VERSION,
            f"schema.json has version {short(version)}, which was undone in {newest.generation} {who}",
            "To stay there, put the schema.json of before back.\n"
            "To alter it again, with all rows: manage.py schemasync --in-place --allow-older",
            facts,
        )
    if (origin := origin_of(newest)) is not None and BACKUP_FINGERPRINT not in newest.details:
        return Problem(
            Code.OLDER_VERSION,
            f"schema.json has version {short(version)}, and the backup {origin['name']}, which was restored {who}, has "
            f"{short(newest.version)}",
            "To bring it up to schema.json, with all its rows: manage.py schemasync --allow-older\n"
            f"To undo the restore: manage.py schemasync rollback {newest.previous}",
            facts,
        )
    has_it = [name for name, last in versions(rows).items() if last == version]
    if was_rolled_back(version, rows):
        return Problem(
            Code.OLDER_VERSION,
            f"schema.json has version {short(version)}, from which this database was rolled back to "
            f"{short(newest.version)} {who}",
            "To stay there, take the schema.json of that version from your version control, or write it: "
            f"manage.py schemasync inspect {newest.generation} -o {shlex.quote(schema)} --noinput\n"
            "To go forward again with today's data: manage.py schemasync --allow-older\n"
            f"To go forward again to the data as it was then: manage.py schemasync rollback {newest.previous}"
            + _with_all(newest),
            facts,
        )
    return Problem(
        Code.OLDER_VERSION,
        f"schema.json has version {short(version)}, which this database had earlier; "
        f"{short(newest.version)} was applied {who}",
        "If an older release is being deployed, stop. To go back to it with today's data: manage.py schemasync "
        "--allow-older\n"
        + (f"To go back to its old data: manage.py schemasync rollback {has_it[-1]}\n" if has_it else "")
        + "In development, if another branch of the project is checked out: manage.py schemasync switch",
        facts,
    )


def _with_all(newest: HistoryRow) -> str:
    """Return another line of that hint after a rollback that kept writes, else ''."""
    if newest.action != HistoryAction.KEEP_WRITES:
        return ""
    back = f"manage.py schemasync rollback --keep-writes {newest.previous}"
    return f"\nTo go forward again with today's data, and what only {newest.previous} has: {back}"
