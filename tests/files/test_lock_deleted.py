"""The lock's file is deleted during a run, as by `rsync --delete` or `git clean`: no second run can start."""

from datetime import timedelta

import pytest

from schemasync.engines.sqlite.connection import Opener
from schemasync.files import lock as locking
from schemasync.files.disk import DiskStep
from schemasync.files.lock import is_held, run_lock
from schemasync.sync import prune as pruning
from schemasync.sync import up_to_date
from schemasync.sync.prune import prune
from schemasync.sync.runner import sync
from tests.crash.databases import V1, V2, SampleDatabase, dump, fence_of, read, whole, write
from tests.crash.processes import FORK, Child, child
from tests.crash.scenarios import SCENARIOS

OTHER = {**V2, "more": {"id": "INTEGER PRIMARY KEY"}}
MOMENTS = [DiskStep.BUILD_CREATE, DiskStep.BUILD_RENAME, DiskStep.CUTOVER_FENCE, DiskStep.CUTOVER_LINK]


class Standing:
    """A run in a process of its own, which stops after a step until ended() lets it go on."""

    def __init__(self, database, label, work=None):
        self.reached, self.go_on = FORK.Event(), FORK.Event()

        def observer(when, passed):
            if (when, passed) == ("after", label) and not self.reached.is_set():
                self.reached.set()
                assert self.go_on.wait(30)

        act = work or (lambda target: sync(target, read(V2)).result)
        self.child = Child(lambda: act(database.target(observer)))
        assert self.reached.wait(30)

    def ended(self):
        self.go_on.set()
        return self.child.ended()


SECOND = {
    "another run": lambda target: sync(target, read(OTHER)),
    "the same run": lambda target: sync(target, read(V2)),
    "prune": lambda target: prune(target, 1, None, dry_run=False),
}


@pytest.mark.parametrize("label", MOMENTS)
def test_a_second_command_is_busy_and_the_run_ends_as_if_nothing_was(prepare, tmp_path, label):
    """Without the lock, the recovery of the second command would delete the new file, and the link would dangle."""
    prepared = prepare("evolve")
    database = prepared.copy(tmp_path / "w")
    running = Standing(database, label)
    database.layout.lock.unlink()
    for name, second in SECOND.items():
        if name == "the same run" and label is DiskStep.CUTOVER_LINK:
            continue  # the new file is live, so the run is current
        trouble = child(lambda second=second: second(database.target(wait=0.1))).refusal()
        assert (trouble.codes, trouble.exit_code) == (("run-in-progress",), 5)
    assert child(lambda: is_held(database.layout.lock)).result()
    assert running.ended().result() == "synced"
    assert dump(database.link) == prepared.new
    assert all(whole(path) for path in database.files())
    assert child(lambda: sync(database.target(), read(V2))).result().result == "current"


def test_a_run_whose_folder_was_put_elsewhere_closes_nothing(prepare, tmp_path):
    database = prepare("evolve").copy(tmp_path / "w")
    running = Standing(database, DiskStep.BUILD_RENAME)
    first = database.files()[0].name
    moved = database.folder / "moved"
    database.layout.folder.rename(moved)
    trouble = running.ended().trouble
    assert trouble.exit_code in (3, 4)
    moved.rename(database.layout.folder)
    assert fence_of(database.layout.folder / first) is None
    assert write(database.link, "goes on") is None
    assert child(lambda: sync(database.target(), read(V2))).result().result == "synced"


def test_where_a_folder_cannot_be_locked_a_run_without_its_file_stops_before_the_fence(prepare, tmp_path, monkeypatch):
    monkeypatch.setattr(locking, "_take_folder", lambda *given: False)
    database = prepare("evolve").copy(tmp_path / "w")
    running = Standing(database, DiskStep.BUILD_RENAME)
    database.layout.lock.unlink()
    trouble = running.ended().refusal()
    assert (trouble.kind, trouble.codes) == ("Failed", ("changed-during-run",))
    assert dump(database.link) == prepare("evolve").old
    assert fence_of(database.link) is None


def test_a_lock_that_was_deleted_and_made_again_is_not_ours_any_more(tmp_path, monkeypatch):
    monkeypatch.setattr(locking, "_take_folder", lambda *given: False)
    path = tmp_path / "lock"
    with run_lock(path, 0) as held:
        assert held.is_sole()
        path.unlink()
        assert not held.is_sole()
        path.touch()
        assert not held.is_sole()


def test_a_second_run_between_fence_and_link_does_not_find_the_old_file_current(tmp_path):
    """The old file has the schema of the old schema.json, but it is closed: a moment later another file is live."""
    database, old = SampleDatabase(tmp_path), read(V1)
    database.sync(V1)

    def look():
        return up_to_date.current(database.layout, Opener(), old.data)

    assert child(look).result() is not None
    running = Standing(database, DiskStep.CUTOVER_FENCE)
    assert child(look).result() is None
    trouble = child(lambda: sync(database.target(wait=0.1), old)).refusal()
    assert (trouble.codes, trouble.exit_code) == (("run-in-progress",), 5)
    trouble = child(lambda: SCENARIOS["snapshot"].act(database.target())).refusal()
    assert trouble.codes == ("swap-unfinished",)
    assert "has not moved the link yet" in trouble.text
    assert running.ended().result() == "synced"


def test_a_run_whose_lock_is_deleted_after_the_swap_is_done_and_removes_no_more_archives(tmp_path, monkeypatch):
    """Another run may hold a lock of the same name by then, so nothing more is removed."""
    monkeypatch.setattr(locking, "_take_folder", lambda *given: False)
    monkeypatch.setattr(pruning, "GRACE", timedelta(0))
    database = SampleDatabase(tmp_path)
    for tree in (V1, V2, OTHER):
        database.sync(tree)

    def observer(when, passed):
        if (when, passed) == ("after", DiskStep.PRUNE_REMOVE):
            database.layout.lock.unlink(missing_ok=True)

    last = {**OTHER, "last": {"id": "INTEGER PRIMARY KEY"}}
    report = child(lambda: sync(database.target(observer, keep=1), read(last))).result()
    assert report.result == "synced"
    assert "old archives were kept" in " ".join(report.notes)
    assert [path.name[:4] for path in database.files()] == ["0001", "0003", "0004"], "of two archives one was removed"
