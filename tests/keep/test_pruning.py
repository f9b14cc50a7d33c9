"""A hundred backups, pruned by rule with a set clock."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage

from schemasync.files.disk import Disk
from schemasync.keep import manifest
from schemasync.keep.manifest import Manifest
from schemasync.keep.pruning import GRACE, prune
from schemasync.keep.retention import RULE
from schemasync.keep.store import Store

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def made(store, at):
    """Store a backup of this time, file and manifest, and return the manifest."""
    name = manifest.name_of(at, "a" * 64)
    stored = {"name": f"{name}.sqlite3.zst", "bytes": 1, "sha256": "", "compression": "zstd", "encryption": None}
    content = {"bytes": 1, "sha256": "", "rows": {}}
    keys = dict.fromkeys(("version", "fingerprint", "generation", "tool_version", "sqlite_version", "schema"))
    one = Manifest({**keys, "format": 1, "name": name, "database": "default", "made_at": at.isoformat(),
                    "content": content, "stored": stored})  # fmt: skip
    store.storage.save(store.path(one.stored_name), ContentFile(b"x"))
    store.put_manifest(one)
    return one


def spaced(seed):
    """Yield a hundred times over more than a year: minutes, hours, days and weeks apart, with one pause of a month."""
    chance, at = random.Random(seed), BEGIN
    for number in range(100):
        steps = (timedelta(minutes=7), timedelta(hours=1), timedelta(days=1, minutes=3), timedelta(days=9))
        at += timedelta(days=30) if number == 60 else chance.choice(steps)
        yield at


def oracle(moments):
    """Return the moments that the rule keeps, computed another way: per period, the newest one of each of its last
    units."""
    stay = {max(moments)}
    for period, key in (
        ("hourly", "%Y%m%d%H"), ("daily", "%Y%m%d"), ("weekly", "%G%V"), ("monthly", "%Y%m"),
    ):  # fmt: skip
        newest = {at.strftime(key): at for at in sorted(moments)}
        stay |= set(list(newest.values())[-RULE[period] :])
    return stay


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_pruned_after_each_the_same_stay_as_of_all_at_once(seed):
    store, moments = Store(InMemoryStorage(), "default"), []
    for at in spaced(seed):
        moments.append(at)
        one = made(store, at)
        done = prune(store, Disk(), at)
        found = store.find()
        assert found.backups[-1] == one and one not in done.gone, "the newest went"
        assert (found.unreadable, found.incomplete) == ((), ()), "a manifest without its file, or the other way round"
        assert {kept.made_at for kept in found.backups} == oracle(moments)
    assert len(found.backups) < 60 < len(moments) == 100


def test_an_upload_that_goes_on_is_left_alone_and_a_dead_one_removed_after_a_day():
    store = Store(InMemoryStorage(), "default")
    one = made(store, BEGIN)
    store.storage.delete(store.path(one.name + manifest.SUFFIX))
    last = made(store, BEGIN + timedelta(hours=1))
    assert prune(store, Disk(), BEGIN + GRACE).incomplete == ()
    assert prune(store, Disk(), BEGIN + GRACE + timedelta(seconds=1)).incomplete == (one.stored_name,)
    assert store.find().backups == (last,)


def test_the_last_one_stays_however_old_it_is():
    store = Store(InMemoryStorage(), "default")
    only = made(store, BEGIN)
    prune(store, Disk(), BEGIN + timedelta(days=9999))
    assert store.find().backups == (only,)


def test_after_a_clock_was_ahead_no_backup_goes_because_of_one_whose_time_has_not_come():
    store = Store(InMemoryStorage(), "default")
    later, first = made(store, BEGIN + timedelta(minutes=50)), made(store, BEGIN)
    assert prune(store, Disk(), BEGIN, {"hourly": 1}).gone == ()
    second = made(store, BEGIN + timedelta(minutes=5))
    assert prune(store, Disk(), BEGIN + timedelta(minutes=5), {"hourly": 1}).gone == (first,)
    assert store.find().backups == (second, later)
