"""Remove backups that the retention rule does not need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..files.disk import Disk, DiskStep
from . import manifest, retention
from .manifest import Manifest
from .retention import RULE, Period
from .store import Found, Store

GRACE = timedelta(days=1)  # an upload that takes longer has failed


@dataclass(frozen=True, slots=True)
class Pruned:
    """The result of prune(). `gone`: the removed backups. `incomplete`: the removed files that had no manifest."""

    gone: tuple[Manifest, ...]
    incomplete: tuple[str, ...]


def prune(store: Store, disk: Disk, now: datetime, rule: Mapping[Period, int] = RULE) -> Pruned:
    """Remove the backups that no period needs, and files of uploads that broke off more than a day before `now`.

    The newest backup always stays, and so does a backup that is dated later than `now`, or whose manifest cannot be
    read. The manifest of a backup is removed before its file, so that no manifest is without its file.
    """
    found = store.find()
    done = _to_remove(found, now, rule)
    with store.failing("remove backups"), disk.step(DiskStep.BACKUP_REMOVE):
        for one in done.gone:
            store.remove((one.name + manifest.SUFFIX, one.stored_name))
        store.remove(done.incomplete)
    return done


def _to_remove(found: Found, now: datetime, rule: Mapping[Period, int]) -> Pruned:
    stay = retention.kept((one.made_at for one in found.backups), now, rule)
    gone = tuple(one for one in found.backups if one.made_at not in stay)
    incomplete = tuple(name for name in found.incomplete if _is_old(name, now))
    return Pruned(gone, incomplete)


def _is_old(name: str, now: datetime) -> bool:
    made_at = manifest.time_in(name)
    return made_at is not None and now - made_at.astimezone(UTC) > GRACE
